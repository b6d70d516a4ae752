"""How good is it: one way of scoring per file."""
