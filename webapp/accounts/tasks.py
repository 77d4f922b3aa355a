"""What the workers look for in this app."""

from celery import shared_task
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from psycopg import sql


@shared_task
def forget_expired_sessions() -> None:
    """Sessions that nobody can use any more are gone, and so are the counters of guesses."""
    call_command("clearsessions")
    # Django's cache in the database forgets by itself only when it is full.
    for options in settings.CACHES.values():
        if str(options["BACKEND"]).endswith(".DatabaseCache"):
            table = sql.Identifier(str(options["LOCATION"]))
            with connection.cursor() as cursor:
                cursor.execute(sql.SQL("DELETE FROM {} WHERE expires < now()").format(table))
