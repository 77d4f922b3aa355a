"""Users, and the volunteers behind the classifications."""

import uuid
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser, UserManager
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class Role(models.TextChoices):
    """What an account may do."""

    VOLUNTEER = "volunteer", _("volunteer")
    SCIENTIST = "scientist", _("scientist")
    ADMIN = "admin", _("administrator")


class AccountManager(UserManager["User"]):
    """Makes users; the first administrator comes from `manage.py createsuperuser`."""

    def create_superuser(
        self, username: str, email: str | None = None, password: str | None = None, **extra: Any
    ) -> "User":
        """Make an administrator."""
        return super().create_superuser(username, email, password, role=Role.ADMIN, **extra)


class User(AbstractUser):
    """An account. The role says what it may do; Django's two flags only follow an administrator."""

    email = models.EmailField(unique=True)
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.VOLUNTEER)
    terms_accepted_at = models.DateTimeField(null=True, blank=True)
    preferences: "models.JSONField[Any, Any]" = models.JSONField(
        default=dict, blank=True, db_default={}, help_text="See preferences.py; empty: as usual."
    )

    objects: ClassVar[AccountManager] = AccountManager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(role=Role.ADMIN, is_staff=True, is_superuser=True)
                | (~Q(role=Role.ADMIN) & Q(is_staff=False, is_superuser=False)),
                name="user_flags_follow_role",
            )
        ]

    @property
    def may_own_workflows(self) -> bool:
        """True for scientists and administrators."""
        return self.role in (Role.SCIENTIST, Role.ADMIN)


class Volunteer(models.Model):
    """Somebody who classifies: a browser, or a user.

    A browser's row belongs to nobody until that person signs up or in; then `user` is set, and the
    user owns this row beside the one of their own. "Own" always means all of them.
    """

    uuid = models.UUIDField(unique=True, default=uuid.uuid4, help_text="The signed browser id.")
    user = models.ForeignKey(
        User, models.SET_NULL, null=True, blank=True, related_name="volunteers"
    )
    is_browser = models.BooleanField(default=True, help_text="Began without an account.")
    is_simulated = models.BooleanField(default=False, help_text="Made by `make demo`, no person.")
    created_at = models.DateTimeField(db_default=Now())
    claimed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user"], condition=Q(is_browser=False), name="volunteer_one_own_row_a_user"
            )
        ]

    def __str__(self) -> str:
        return f"volunteer {self.pk}"
