"""The Django site: pages, workers and everything that is stored."""
