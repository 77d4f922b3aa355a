"""What the workers look for in this app."""

from celery import shared_task

from webapp.common import outbox


@shared_task
def send_mail() -> None:
    """Mail that waits has been sent."""
    outbox.send_waiting()
