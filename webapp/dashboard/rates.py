"""How many classifications come in now."""

from datetime import datetime

from django.db import connection

# Ids grow with time, and no site takes 20,000 in a minute: the index finds the newest.
_RECENT = """
    SELECT workflow_id, count(*) FROM classifications_classification
    WHERE id > (SELECT coalesce(max(id), 0) FROM classifications_classification) - 20000
    AND received_at BETWEEN statement_timestamp() - interval '1 minute' AND statement_timestamp()
    GROUP BY workflow_id
"""


def last_minute() -> dict[int, int]:
    """Return how many classifications each campaign has received within a minute, if any."""
    with connection.cursor() as cursor:
        cursor.execute(_RECENT)
        return dict(cursor.fetchall())


def last_at() -> datetime | None:
    """Return when the newest classification came; None before the first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT received_at FROM classifications_classification ORDER BY id DESC LIMIT 1"
        )
        found: tuple[datetime] | None = cursor.fetchone()
    return found[0] if found else None
