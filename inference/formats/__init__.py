"""The files that all three packages agree on."""
