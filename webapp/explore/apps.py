"""The app of this package."""

from django.apps import AppConfig


class ExploreConfig(AppConfig):
    """Looking at galaxies and at what is known of them."""

    name = "webapp.explore"
