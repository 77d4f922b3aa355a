"""A site in a temporary folder: its own database, its own web processes, nobody else's."""

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from tests.bench.site import _parent, free_port
from webapp import embedded

ROOT = Path(__file__).resolve().parents[2]
LONG_S = 120.0  # nothing here takes so long, even on a loaded machine
FOREIGN = ("DATABASE_URL", "TEST_DATABASE_URL", "CELERY_BROKER_URL", "PYTEST_ADDOPTS")


@dataclass
class Place:
    """Where a site lies, and how to look into it from outside."""

    var: Path
    port: int
    more: dict[str, str]

    @property
    def environment(self) -> dict[str, str]:
        """What its processes see; nothing of the test's own database."""
        known = {name: value for name, value in os.environ.items() if name not in FOREIGN}
        own = {"VAR_DIR": str(self.var), "DJANGO_SETTINGS_MODULE": "webapp.settings"}
        return known | own | {"PORT": str(self.port)} | self.more

    def run(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a Python process of this site to its end."""
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT, env=self.environment | more, capture_output=True, text=True, check=False,
            timeout=LONG_S,
        )  # fmt: skip

    def sql(self, query: str, values: Any = None) -> list[tuple[Any, ...]]:
        """Ask the database, as its superuser and beside the site."""
        with psycopg.connect(embedded.database_url(self.var), autocommit=True) as connection:
            cursor = connection.execute(query, values)
            return cursor.fetchall() if cursor.description else []

    def assert_recount_agrees(self) -> None:
        """`manage.py recount` finds that every stored number is what the votes give."""
        done = self.run("manage.py", "recount")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "0 differences" in done.stdout


def begin_migrated(var: Path) -> None:
    """Give a site without a database a copy of one that is migrated, made once in a run of pytest.

    Outside of pytest nothing is copied: whoever makes the site migrates it.
    """
    if "TEST_TEMPLATE" not in os.environ:
        return
    template = Path(os.environ["TEST_TEMPLATE"])
    with template.with_name("template-lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of several processes that test, one makes it
        if not template.exists():
            making = Place(template.with_name("template-making"), 0, {})
            (making.var / "log").mkdir(parents=True)
            done = making.run("manage.py", "migrate", "--noinput")
            assert done.returncode == 0, done.stderr
            making.var.rename(template)
    # With its owner, who is not us where root tests.
    data = embedded.data_folder(var)
    subprocess.run(["cp", "-a", str(embedded.data_folder(template)), str(data)], check=True)


def prepare(folder: Path, campaigns: list[dict[str, Any]], **more: str) -> Place:
    """Make the database of a site, with its campaigns; nothing runs afterwards."""
    place = Place(folder / "var", free_port(), more)
    (place.var / "log").mkdir(parents=True)
    begin_migrated(place.var)
    made = place.run("-m", "tests.faults.campaign", json.dumps(campaigns))
    assert made.returncode == 0, made.stderr
    return place


@contextlib.contextmanager
def web(place: Place, *, n_processes: int = 2) -> Iterator[subprocess.Popen[bytes]]:
    """Run only the web processes, as the supervisor does; the database is the caller's."""
    command = [
        sys.executable, "-m", "gunicorn", "webapp.wsgi:application", "--bind",
        f"127.0.0.1:{place.port}", "--workers", str(n_processes), "--worker-class", "gthread",
        "--threads", "4", "--no-control-socket", "--preload",
    ]  # fmt: skip
    with running(place, command, "web") as process:
        wait_until(lambda: _listens(place.port), process)
        wait_until(
            lambda: len(parts(process.pid, is_master=True).get("web child", [])) == n_processes
        )
        yield process


@contextlib.contextmanager
def whole_site(place: Place, *, within_s: float = LONG_S) -> Iterator[subprocess.Popen[bytes]]:
    """Run database, web, worker and beat under the supervisor.

    Args:
        within_s: until it answers; the first start of all also draws the demo's galaxies.
    """
    command = [sys.executable, "-m", "webapp.supervisor"]
    with running(place, command, "supervisor", ends_by=signal.SIGINT) as process:
        wait_until(lambda: _listens(place.port), process, "the site", within_s=within_s)
        yield process


@contextlib.contextmanager
def running(
    place: Place, command: list[str], name: str, ends_by: int = signal.SIGTERM
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process for a while; it is gone afterwards."""
    with (place.var / "log" / f"{name}.test.log").open("ab") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=place.environment, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.send_signal(ends_by)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_until(
    is_true: Callable[[], Any],
    process: subprocess.Popen[bytes] | None = None,
    what: str = "it",
    *,
    within_s: float = LONG_S,
) -> None:
    """Poll until something is true; fail if it never is, or if the process ends before."""
    deadline_s = time.monotonic() + within_s
    while not is_true():
        assert process is None or process.poll() is None, f"it ended with {process.returncode}"
        assert time.monotonic() < deadline_s, f"{what} did not come true"
        time.sleep(0.02)


def _listens(port: int) -> bool:
    from webapp.supervisor import listens  # noqa: PLC0415

    return listens(port)


def parts(supervisor: int, *, is_master: bool = False) -> dict[str, list[int]]:
    """Return the processes of a whole site by what they are, as "web" and "web child".

    Args:
        is_master: the process is itself the one of whose children we ask.
    """
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            children.setdefault(_parent(entry), []).append(int(entry.name))
    found: dict[str, list[int]] = {}
    for root in [supervisor] if is_master else children.get(supervisor, []):
        if name := _name(root):
            found.setdefault(name, []).append(root)
            found.setdefault(f"{name} child", []).extend(children.get(root, []))
    return {name: pids for name, pids in found.items() if pids}


def _name(pid: int) -> str:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    marks = {
        "webapp.wsgi": "web", "postgres\0-D": "database", "celery\0-A\0webapp.celery\0worker":
        "worker", "celery\0-A\0webapp.celery\0beat": "beat",
    }  # fmt: skip
    name = next((name for mark, name in marks.items() if mark in command), "")
    return "scorer" if "\0scoring\0" in command else name


def has_child(pid: int) -> bool:
    """Whether a process has one; of a worker's children it is the one that decodes pictures."""
    try:
        return any(path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children"))
    except OSError:
        return False
