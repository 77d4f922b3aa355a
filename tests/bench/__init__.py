"""Benches: real server processes, driven over HTTP; `make bench` prints the tables."""
