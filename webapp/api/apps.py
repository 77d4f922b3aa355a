"""The app of this package."""

from django.apps import AppConfig


class ApiConfig(AppConfig):
    """Addresses for programs."""

    name = "webapp.api"
