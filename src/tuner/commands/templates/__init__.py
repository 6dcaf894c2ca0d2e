"""The files that `tuner new` writes; each runs without changes."""
