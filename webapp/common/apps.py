"""The app of this package."""

from django.apps import AppConfig
from django.conf import settings


class CommonConfig(AppConfig):
    """What every app stands on: long work, the audit log, errors, paging, logs."""

    name = "webapp.common"

    def ready(self) -> None:
        from webapp import celery  # noqa: F401, PLC0415 - who sends wake-up calls needs the app

        if settings.SENTRY_DSN:
            import sentry_sdk  # noqa: PLC0415 - off by default

            sentry_sdk.init(settings.SENTRY_DSN, send_default_pii=False)
        from webapp.common import checks, heartbeat, start  # noqa: F401, PLC0415 - they register
