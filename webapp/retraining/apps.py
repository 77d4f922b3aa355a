"""The app of this package."""

from django.apps import AppConfig


class RetrainingConfig(AppConfig):
    """Run directories: asked for, written, watched, collected, and compared with what serves."""

    name = "webapp.retraining"
