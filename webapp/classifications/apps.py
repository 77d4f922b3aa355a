"""The app of this package."""

from django.apps import AppConfig


class ClassificationsConfig(AppConfig):
    """One volunteer's walk through the tree, from the next galaxy to the stored votes."""

    name = "webapp.classifications"
