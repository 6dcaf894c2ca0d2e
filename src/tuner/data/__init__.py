"""Finds, checks, splits, scales and caches data. Knows nothing of cases."""
