"""Find data, verify it, split it, scale it, cache it. Knows no case."""
