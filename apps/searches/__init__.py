"""Searches: the run, from its document to its leaderboard."""
