"""The app of this package."""

from django.apps import AppConfig


class ExportsConfig(AppConfig):
    """Files for scientists: catalogs, single votes, releases."""

    name = "webapp.exports"
