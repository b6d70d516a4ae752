"""What a person downloads."""
