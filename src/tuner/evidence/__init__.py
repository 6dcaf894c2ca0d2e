"""What is added to a study after its search: facts, each measured once and stored."""
