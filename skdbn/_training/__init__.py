"""What every fit does."""
