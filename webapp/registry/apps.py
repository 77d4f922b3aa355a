"""The app of this package."""

from django.apps import AppConfig


class RegistryConfig(AppConfig):
    """Networks: the model files that this site knows, and which of them each campaign uses."""

    name = "webapp.registry"
