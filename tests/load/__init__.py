"""People who classify through every page, many at once, on a site of their own."""
