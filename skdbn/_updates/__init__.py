"""From a gradient to a step."""
