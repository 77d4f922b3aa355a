"""What is known of a galaxy in a campaign, and which galaxies wait to be shown."""
