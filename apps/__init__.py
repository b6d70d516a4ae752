"""The web application, one package per concern."""
