"""What `python -m inference` does: pixels, belief and files together."""
