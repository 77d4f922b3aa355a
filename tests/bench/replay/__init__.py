"""`make replay`: real campaigns voted on again, to see how few votes are enough."""
