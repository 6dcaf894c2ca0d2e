"""Trains: from hyperparameters and rows to report points and weights."""
