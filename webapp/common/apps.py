"""The app of this package."""

from django.apps import AppConfig


class CommonConfig(AppConfig):
    """What every app stands on: long work, the audit log, errors, paging, logs."""

    name = "webapp.common"

    def ready(self) -> None:
        from webapp import celery  # noqa: F401, PLC0415 - who sends wake-up calls needs the app
        from webapp.common import checks  # noqa: F401, PLC0415 - registers them
