"""The app of this package."""

from django.apps import AppConfig


class WorkflowsConfig(AppConfig):
    """Campaigns: a decision tree, a rule for when a galaxy is done, and their owners."""

    name = "webapp.workflows"
