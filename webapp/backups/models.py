"""What came out when a backup was tried."""

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone


class Drill(models.Model):
    """One backup, restored beside the site to see whether it could be."""

    backup = models.CharField(max_length=40, help_text="The name of its folder.")
    made_at = models.DateTimeField(help_text="The moment that the backup is of.")
    tried_at = models.DateTimeField(db_default=Now())
    is_good = models.BooleanField(help_text="Everything was there and as it was.")
    words = models.TextField(help_text="What was compared, or what was wrong.")
    seconds = models.FloatField()

    class Meta:
        indexes = [models.Index(fields=["is_good", "-made_at"], name="drill_last_good")]

    def __str__(self) -> str:
        return f"drill of {self.backup}"

    @property
    def age_s(self) -> float:
        """Seconds since the moment that the backup is of."""
        return max(0.0, (timezone.now() - self.made_at).total_seconds())
