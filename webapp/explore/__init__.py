"""Galaxies for scientists: who says what of one, where the network looks, which are alike."""
