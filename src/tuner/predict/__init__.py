"""Use a bundle, without the training data. `python -m tuner.predict`."""
