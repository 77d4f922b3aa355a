"""The keys that programs come with."""

from typing import Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class Scope(models.TextChoices):
    """What a token may be used for."""

    READ = "read", "read"
    EXPORT = "export", "ask for exports and cancel them"


class AccessTokenQuerySet(models.QuerySet["AccessToken"]):
    """Filters on tokens."""

    def usable(self) -> Self:
        """Keep those that are neither revoked nor expired."""
        unexpired = Q(expires_at__isnull=True) | Q(expires_at__gt=Now())
        return self.filter(unexpired, revoked_at__isnull=True)


class AccessToken(models.Model):
    """A program's key to what its owner may read. The key itself is stored nowhere, its hash is."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="access_tokens")
    name = models.CharField(max_length=100, help_text="What its owner calls it.")
    prefix = models.CharField(max_length=12, help_text="By which its owner recognizes it.")
    sha256 = models.CharField(max_length=64, unique=True, help_text="Of the whole key.")
    scopes = ArrayField(models.CharField(max_length=10, choices=Scope.choices))
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, help_text="To the minute.")
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = AccessTokenQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(scopes__contained_by=Scope.values) & Q(scopes__len__gte=1),
                name="token_scopes_are_known",
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @property
    def scopes_in_words(self) -> list[str]:
        """What it may be used for."""
        return [str(Scope(scope).label) for scope in self.scopes]
