"""What the newer version knows of the tables."""

from django.apps import AppConfig
from django.db import models


class NewerConfig(AppConfig):
    """A classification has a device, which an older web neither reads nor writes."""

    name = "tests.faults.newer"
    label = "newer"

    def ready(self) -> None:
        from webapp.classifications.models import Classification  # noqa: PLC0415 - models are there

        Classification.add_to_class("device", models.TextField(db_default=""))
