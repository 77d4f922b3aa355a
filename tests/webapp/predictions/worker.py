"""A worker for tests to kill: `python worker.py BATCH CHUNK`, scoring slowly until SIGTERM.

Its environment names the settings and the database (see tests/webapp/common/processes.py).
"""

import signal
import sys
import time

import django

django.setup()

from webapp.common import drain  # noqa: E402
from webapp.predictions import scorer, scoring, services  # noqa: E402

STEP_S = 0.15  # each chunk takes so long


def slowly(said):
    """Take some time over what a network says of a few pictures."""

    def said_late(*given):
        time.sleep(STEP_S)
        return said(*given)

    return said_late


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: drain.ask())
    services.BATCH, chunk = int(sys.argv[1]), int(sys.argv[2])
    vars(scoring).update(CHUNK=chunk, AT_ONCE=chunk)
    scorer.said = slowly(scorer.said)
    print("ready", flush=True)
    while not drain.is_asked():
        scoring.score_all(deadline_s=time.monotonic() + 600)
        time.sleep(0.05)
