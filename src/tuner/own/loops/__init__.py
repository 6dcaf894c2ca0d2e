"""The door for a user's own training loop: an unchanged Optuna objective, or a generator."""
