"""Ways to make a case of what a user has, without a file of code."""
