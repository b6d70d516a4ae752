"""What may be searched and how: spaces, strategies and their pages."""
