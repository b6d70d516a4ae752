"""The nasweb engine: spaces, strategies and training. Knows nothing of the web; `engine.api` is its front."""
