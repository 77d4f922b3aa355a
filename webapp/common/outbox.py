"""Mail waits as rows: who signs up does not wait for a mail server, nor lose a mail with it.

A worker sends what waits. A mail is deleted once the server has taken it; one that was taken by the
server while its worker was killed goes out again, under the same Message-ID.
"""

import logging
from collections.abc import Sequence
from datetime import timedelta
from email.utils import make_msgid
from smtplib import SMTPException
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.core.mail.message import EmailMessage
from django.db import transaction
from django.db.models.functions import Now

from webapp.common.models import Mail
from webapp.common.wake import wake

logger = logging.getLogger(__name__)
LONGEST_WAIT_S = 900.0
KEPT = timedelta(days=3)  # links in mails are no longer good for longer


class Outbox(BaseEmailBackend):
    """What EMAIL_BACKEND names: stores mail instead of sending it."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Store each mail, in the transaction of whoever sends it."""
        made = Mail.objects.bulk_create(Mail(message=_stored(each)) for each in email_messages)
        wake("mail")
        return len(made)


def _stored(message: EmailMessage) -> dict[str, Any]:
    """Return what makes the same mail again; none of ours has an attachment."""
    return {
        "subject": str(message.subject),
        "body": str(message.body),
        "from_email": message.from_email,
        "to": list(message.to),
        "headers": {"Message-ID": make_msgid(domain="tuning-fork")} | dict(message.extra_headers),
        "alternatives": [
            [str(part[0]), str(part[1])] for part in getattr(message, "alternatives", [])
        ],
    }


def send_waiting() -> int:
    """Send what waits; return how many the mail server has taken.

    One that is refused waits longer each time, so that a server that is away is asked now and then.
    """
    n_sent = 0
    forgotten, _ = Mail.objects.filter(created_at__lt=Now() - KEPT).delete()
    if forgotten:
        logger.error("%d mails could not be sent within %d days.", forgotten, KEPT.days)
    while (is_sent := _send_next()) is not None:
        n_sent += is_sent
        if not is_sent:
            return n_sent
    return n_sent


@transaction.atomic
def _send_next() -> bool | None:
    """Return whether the mail server took the next mail; None if none waits."""
    due = Mail.objects.filter(not_before_at__lte=Now()).order_by("not_before_at", "pk")
    row = due.select_for_update(skip_locked=True).first()
    if row is None:
        return None
    try:
        _deliver(row)
    except (OSError, SMTPException) as error:
        wait_s = min(LONGEST_WAIT_S, settings.BEAT_EVERY_S * 2.0 ** min(row.attempts, 10))
        Mail.objects.filter(pk=row.pk).update(
            attempts=row.attempts + 1, error=str(error)[:500],
            not_before_at=Now() + timedelta(seconds=wait_s),
        )  # fmt: skip
        logger.warning("Mail %d was not sent and waits %d s: %s", row.pk, wait_s, error)
        return False
    row.delete()
    return True


def _deliver(row: Mail) -> None:
    given = row.message | {"alternatives": [tuple(part) for part in row.message["alternatives"]]}
    EmailMultiAlternatives(**given, connection=get_connection(settings.MAIL_BACKEND)).send()


def is_delayed() -> bool:
    """Whether mail waits that the server has refused or not answered."""
    return Mail.objects.filter(attempts__gt=0).exists()
