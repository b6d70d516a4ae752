"""What may be searched and how: spaces, the editor of saved ones, strategies and their pages."""
