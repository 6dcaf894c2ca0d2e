"""From an arm or a trial of a study to a model on disk. `python -m tuner.retrain`."""
