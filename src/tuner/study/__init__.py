"""What is kept of a study, and under which names."""
