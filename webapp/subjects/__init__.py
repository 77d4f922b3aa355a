"""Galaxies: sets of them, how they come in, and the pictures made of them."""
