"""The app of this package."""

from django.apps import AppConfig


class BackupsConfig(AppConfig):
    """Backups: made of one moment, tried out by a drill, restored into an empty site."""

    name = "webapp.backups"
