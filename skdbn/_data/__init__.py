"""What batches come from."""
