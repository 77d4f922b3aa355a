"""Whether this worker has been asked to end, so that long work stops between two steps.

Celery tells only the worker's main process, and that waits for its children. The flag lies in
memory that the children share with it, since they are forked after this module was imported.
"""

import mmap

from celery.signals import worker_shutting_down

_flag = mmap.mmap(-1, 1)


@worker_shutting_down.connect
def ask(**_: object) -> None:
    """Ask every process of this worker to stop at its next step."""
    _flag[0] = 1


def is_asked() -> bool:
    """Return whether the worker is to end."""
    return _flag[0] == 1


def forget() -> None:
    """Take the question back, for tests."""
    _flag[0] = 0
