"""Strategies against each other where the answers are known: what was asked for, the runs, and what they show."""
