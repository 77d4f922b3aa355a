"""Starting worker processes on the test's own database, and waiting for what they do."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

from django.db import connection

ROOT = Path(__file__).resolve().parents[3]
WORKER = Path(__file__).with_name("worker.py")


def environment(**more: str) -> dict[str, str]:
    """What a process needs to work on this test's database."""
    given = connection.settings_dict
    who = quote(str(given["USER"])) + (f":{quote(given['PASSWORD'])}" if given["PASSWORD"] else "")
    where = f"host={quote(str(given['HOST']), safe='')}&port={given['PORT']}"
    return os.environ | {
        "TEST_DATABASE_URL": f"postgresql://{who}@/{given['NAME']}?{where}",
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "PYTHONPATH": str(ROOT),
    } | more  # fmt: skip


@contextlib.contextmanager
def worker(mode: str, *arguments: str, script: Path = WORKER) -> Iterator[subprocess.Popen[str]]:
    """A worker that is ready, and is gone afterwards."""
    process = subprocess.Popen(
        [sys.executable, str(script), mode, *arguments],
        env=environment(),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def wait_until(is_true: Callable[[], bool], *, within_s: float) -> float:
    """Return after how many seconds something came true; fail if it never did."""
    started = time.monotonic()
    while not is_true():
        assert time.monotonic() - started < within_s, "it did not come true in time"
        time.sleep(0.05)
    return time.monotonic() - started
