"""Backups: made of one moment, tried out by a drill, restored into an empty site."""
