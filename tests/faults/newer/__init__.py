"""A version of the site that is newer than this one: one more column that it reads, and its way."""
