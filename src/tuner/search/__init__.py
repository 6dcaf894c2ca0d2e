"""What is trained next: ask, prune, tell."""
