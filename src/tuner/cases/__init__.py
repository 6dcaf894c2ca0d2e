"""The cases that ship with tuner: the name of a file here is the name of its case."""
