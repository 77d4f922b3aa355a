"""What networks say of galaxies: scoring them, and what follows from it."""
