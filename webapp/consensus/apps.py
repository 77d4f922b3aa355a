"""The app of this package."""

from django.apps import AppConfig


class ConsensusConfig(AppConfig):
    """What is known of a galaxy in a campaign, and which galaxies wait to be shown."""

    name = "webapp.consensus"
