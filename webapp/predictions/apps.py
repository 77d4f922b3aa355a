"""The app of this package."""

from django.apps import AppConfig


class PredictionsConfig(AppConfig):
    """What networks say of galaxies."""

    name = "webapp.predictions"
