"""A training loop of the user's own: an Optuna objective as it stands, or a generator."""
