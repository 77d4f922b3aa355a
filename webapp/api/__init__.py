"""What programs read: the JSON API, its tokens, and the cone search."""
