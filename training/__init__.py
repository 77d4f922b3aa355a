"""Votes and pictures in, one model file out: the part that needs PyTorch."""
