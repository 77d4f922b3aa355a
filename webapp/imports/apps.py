"""The app of this package."""

from django.apps import AppConfig


class ImportsConfig(AppConfig):
    """Other projects' exports, read into trees, galaxies and votes."""

    name = "webapp.imports"
