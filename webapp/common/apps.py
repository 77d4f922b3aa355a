"""The app of this package."""

from django.apps import AppConfig


class CommonConfig(AppConfig):
    """What every app stands on: long work, the audit log, errors, paging, logs."""

    name = "webapp.common"
