"""Writing the audit log, and proving that nothing was taken out of it."""

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import connection

from webapp.common.errors import DomainError
from webapp.common.models import AuditEntry, AuditLink


class ChainBroken(DomainError):
    """A line of the audit log was changed, taken out or slipped in."""


@dataclass(frozen=True)
class Head:
    """The end of the chain: whoever keeps it can tell later whether the log was cut off."""

    n_lines: int
    sha256: str


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


_LINKS = """
    SELECT link.place, lag(link.place, 1, 0::bigint) OVER (ORDER BY link.place) + 1,
           link.sha256 = audit_sha256(entry, lag(link.sha256, 1, '') OVER (ORDER BY link.place))
    FROM common_auditlink link JOIN common_auditentry entry ON entry.id = link.entry_id
"""
_BROKEN = f"""
    SELECT place, expected FROM ({_LINKS}) AS links (place, expected, is_whole)
    WHERE place <> expected OR NOT is_whole ORDER BY place LIMIT 1
"""  # noqa: S608 - no value of anybody's is in it


def verify_chain(*, noted: str = "") -> Head:
    """Compute every link of the audit log again, and return its end.

    Args:
        noted: the hash at which the log ended earlier; empty for none.

    Raises:
        ChainBroken: a line was changed, taken out or slipped in; the message says where.
    """
    with connection.cursor() as cursor:
        cursor.execute(_BROKEN)
        if broken := cursor.fetchone():
            raise ChainBroken(_where(*broken))
    loose = AuditEntry.objects.filter(link__isnull=True).order_by("pk").first()
    if loose:
        raise ChainBroken(
            f"Line {loose.pk} ({loose}) has no place in the chain: it was slipped in."
        )
    if noted and not AuditLink.objects.filter(sha256=noted).exists():
        raise ChainBroken(
            f"No line has the hash {noted!r}: the log was cut off, or the hash is of another site."
        )
    last = AuditLink.objects.order_by("-place").first()
    return Head(last.place, last.sha256) if last else Head(0, "")


def _where(place: int, expected: int) -> str:
    if place != expected:
        return f"Place {expected:,} of the audit log is missing: a line was taken out."
    link = AuditLink.objects.select_related("entry").get(pk=place)
    return (
        f"Place {place:,} of the audit log does not fit its hash: line {link.entry_id} "
        f"({link.entry}), or the one before it, was changed."
    )
