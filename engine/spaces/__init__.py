"""Search spaces, one kind per file."""
