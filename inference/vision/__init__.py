"""Pixels: decoding pictures and, later, what networks say of them."""
