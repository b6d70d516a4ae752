"""Surrogates: what a strategy believes of a space. They know spaces and architectures, never a strategy."""
