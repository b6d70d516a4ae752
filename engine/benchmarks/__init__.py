"""Measured truth: tables of trained networks, landscapes with a known optimum, and the arena that replays strategies."""
