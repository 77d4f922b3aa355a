"""The app of this package."""

from django.apps import AppConfig


class SubjectsConfig(AppConfig):
    """Galaxies: sets of them, how they come in, and the pictures made of them."""

    name = "webapp.subjects"
