"""What a study has shown, from its store alone: for people, for machines, and in pictures."""
