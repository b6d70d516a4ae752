"""What may be searched on, one source per file."""
