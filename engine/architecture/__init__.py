"""Architectures: points of a space, their identity, their graph, their cost and their drawing."""
