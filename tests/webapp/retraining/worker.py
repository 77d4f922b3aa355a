"""A worker process for tests to kill: `python worker.py [LARGEST_FILE_BYTES]`, until it is killed.

It writes run directories in small blocks, slowly; its environment names settings and database. A
file may not grow beyond the limit, if one is given: to a program that is a full disk.
"""

import resource
import sys
import time

import django

django.setup()

from webapp.common import work  # noqa: E402
from webapp.retraining import tasks, writing  # noqa: E402
from webapp.retraining.models import TrainingRun  # noqa: E402

BLOCK, PICTURE_S = 4, 0.02

if __name__ == "__main__":
    if len(sys.argv) > 1:
        limit = int(sys.argv[1])
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    quick = writing.picture

    def slow(*given):
        """Take a while for a picture, so that there is a moment to be killed in."""
        time.sleep(PICTURE_S)
        return quick(*given)

    writing.BLOCK, writing.picture = BLOCK, slow
    print("ready", flush=True)
    while True:
        work.run_all(TrainingRun, tasks.perform, deadline_s=time.monotonic() + 600)
        time.sleep(0.05)
