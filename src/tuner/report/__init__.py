"""Reports of a study for people and machines, read from the store only."""
