"""A model to take away, and its use."""
