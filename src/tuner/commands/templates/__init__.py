"""The files that `tuner new` writes: each runs as it is."""
