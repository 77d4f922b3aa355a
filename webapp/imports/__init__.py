"""What comes from other projects: trees, galaxies and votes, with their provenance."""
