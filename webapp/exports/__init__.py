"""What leaves the site as files: the column dictionary, writers, export jobs, releases."""
