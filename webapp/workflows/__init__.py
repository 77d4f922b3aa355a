"""Campaigns: a decision tree, a rule for when a galaxy is done, and their owners."""
