"""The app of this package."""

from django.apps import AppConfig


class DashboardConfig(AppConfig):
    """Pages for owners and operators: what runs, what waits, what needs somebody."""

    name = "webapp.dashboard"
