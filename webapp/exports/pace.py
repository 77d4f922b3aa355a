"""How long a file will take, from how fast it has been."""

from django.utils import timezone

from webapp.common.models import BackgroundWork, WorkStatus

LEAST_S = 2.0  # of work, before its pace says anything


def seconds_left(work: BackgroundWork) -> int | None:
    """Return the seconds until the last row at the pace so far; None while nobody can tell."""
    if work.status != WorkStatus.RUNNING or not (work.started_at and work.n_done and work.n_total):
        return None
    spent_s = (timezone.now() - work.started_at).total_seconds()
    if spent_s < LEAST_S:
        return None
    return round(spent_s * (work.n_total - work.n_done) / work.n_done)
