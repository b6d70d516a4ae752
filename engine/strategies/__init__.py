"""Strategies, one method per file: the lecture's index."""
