"""Evidence in, belief out: the floor that the site and the training share."""
