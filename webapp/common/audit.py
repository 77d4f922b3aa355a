"""Writing the audit log."""

from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser

from webapp.common.models import AuditEntry


def write_entry(
    *,
    actor: AbstractBaseUser | None,
    action: str,
    target: str,
    target_id: object,
    old: Any = None,
    new: Any = None,
    reason: str = "",
) -> AuditEntry:
    """Add one line; call it inside the transaction that makes the change."""
    return AuditEntry.objects.create(
        actor_id=actor.pk if actor else None,
        action=action,
        target=target,
        target_id=str(target_id),
        old=old,
        new=new,
        reason=reason,
    )
