"""Folders of their own for what the tests of training write."""
