"""A worker process for tests to kill: `python worker.py MODE [CHUNK]`, until SIGTERM.

Its environment names the settings and the database (see processes.py).
"""

import signal
import sys
import time

import django

django.setup()

from django.db import transaction  # noqa: E402
from django.db.models import F  # noqa: E402

from webapp.common import drain, work  # noqa: E402
from webapp.subjects import ingest  # noqa: E402
from webapp.subjects.models import IngestBatch  # noqa: E402

N_STEPS = 12
STEP_S = 0.25


def count(batch: IngestBatch) -> None:
    """Add one to n_added in each of twelve steps, going on where the last worker stopped."""
    while batch.n_done < N_STEPS:
        time.sleep(STEP_S)
        with transaction.atomic():
            work.hold(batch)
            IngestBatch.objects.filter(pk=batch.pk).update(n_added=F("n_added") + 1)
            work.report(batch, n_done=batch.n_done + 1, n_total=N_STEPS)
        work.rest(batch)
    with transaction.atomic():
        work.hold(batch)
        work.finish(batch)


PERFORM = {"count": count, "ingest": ingest.run_batch}

if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: drain.ask())
    if len(sys.argv) > 2:
        ingest.CHUNK = int(sys.argv[2])
    print("ready", flush=True)
    while not drain.is_asked():
        work.run_all(IngestBatch, PERFORM[sys.argv[1]], deadline_s=time.monotonic() + 600)
        time.sleep(0.05)
