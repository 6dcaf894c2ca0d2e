"""The cases that ship with tuner: a file's name is its case's name. This folder is the registry."""
