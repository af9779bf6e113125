"""Nets that are trained downhill, and by the up-down algorithm."""
