"""What votes and networks together say of a galaxy."""
