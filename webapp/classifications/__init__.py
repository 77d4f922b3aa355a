"""One volunteer's walk through the tree, from the next galaxy to the stored votes."""
