"""Server to browser: the socket and its HTTP twin."""
