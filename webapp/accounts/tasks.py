"""What the workers look for in this app."""

from celery import shared_task
from django.core.management import call_command

from webapp.common.limits import counters


@shared_task
def forget_expired_sessions() -> None:
    """Sessions that nobody can use any more are gone, and so are the counters of guesses."""
    call_command("clearsessions")
    counters().forget_expired()
