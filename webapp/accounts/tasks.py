"""What the workers look for in this app."""

from celery import shared_task
from django.core.management import call_command


@shared_task
def forget_expired_sessions() -> None:
    """Sessions that nobody can use any more are gone."""
    call_command("clearsessions")
