"""What is done to networks on the command line."""
