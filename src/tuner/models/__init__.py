"""The model families that the cases share."""
