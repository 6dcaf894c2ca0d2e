"""What a study has shown, for people and machines; read from the store alone."""
