"""A site for the browser tests: PostgreSQL, the supervisor's web processes, real galaxies."""

import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psycopg

from tests.bench.site import free_port
from tests.faults.place import begin_migrated
from webapp import embedded, supervisor
from webapp.children import ROOT
from webapp.dashboard import demo

WITHIN_S = 30.0
SLUG = demo.SLUG


class Site:
    """A site that nobody else uses, so that a test may kill any part of it."""

    def __init__(self, folder: Path) -> None:
        self.var = folder / "var"
        self.logs = self.var / "log"
        self.logs.mkdir(parents=True)
        self.port = free_port()
        self.reports: list[str] = []  # what browsers said about the content security policy
        self.environment = _local_mode() | {"VAR_DIR": str(self.var)}

    @property
    def address(self) -> str:
        """Where a browser finds it."""
        return f"http://127.0.0.1:{self.port}"

    @contextmanager
    def running(self) -> Iterator["Site"]:
        """Run it with the demo campaign."""
        with collecting(self.reports) as uri:
            self.report_uri = self.environment["CSP_REPORT_URI"] = uri
            begin_migrated(self.var)
            self.start_database()
            try:
                self._fill()
                self._start_web()
                yield self
            finally:
                self._stop()

    def start_database(self) -> None:
        """Start PostgreSQL on the data folder, a stopped one again."""
        data = embedded.data_folder(self.var)
        self.database = embedded.start(data, log=self.logs / "postgres.log")

    def _fill(self) -> None:
        commands = [_command("collectstatic", "--noinput"), _command("load_demo")]
        done = [subprocess.Popen(command, **self._surroundings()) for command in commands]
        for process in done:
            _, errors = process.communicate(timeout=240)
            assert process.returncode == 0, errors

    def _start_web(self) -> None:
        line = supervisor.site_children(self.logs, self.port)[0]
        with line.log.open("ab") as log:
            self.web = subprocess.Popen(
                line.command, cwd=ROOT, env=self.environment, stdout=log, stderr=log
            )
        self.wait_until_up()

    def deploy(self) -> None:
        """Replace the web processes, as a new version does; nobody is answered meanwhile."""
        self._stop_web()
        self._start_web()

    def _stop_web(self) -> None:
        self.web.terminate()
        self.web.wait(WITHIN_S)

    def _stop(self) -> None:
        if hasattr(self, "web"):
            self._stop_web()
        self.database.stop()

    def wait_until_up(self) -> None:
        """Return when the first page answers."""
        until = time.monotonic() + WITHIN_S
        while not _is_up(self.address):
            assert time.monotonic() < until, (self.logs / "web.log").read_text()[-2000:]
            time.sleep(0.05)

    def manage(self, name: str, *options: str) -> str:
        """Run one of Django's commands to its end and return what it printed."""
        done = subprocess.run(
            _command(name, *options), timeout=120, check=False, **self._surroundings()
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return str(done.stdout)

    def _surroundings(self) -> dict[str, Any]:
        pipe = subprocess.PIPE
        return {
            "cwd": ROOT, "env": self.environment, "text": True, "stdout": pipe, "stderr": pipe,
        }  # fmt: skip

    def rows(self, query: str, values: list[Any] | None = None) -> list[tuple[Any, ...]]:
        """Ask the database itself."""
        with psycopg.connect(self.database.url, autocommit=True) as connection:
            return connection.execute(query.encode(), values).fetchall()

    def forget_limits(self) -> None:
        """Let nothing have been counted yet: all tests sign up from one address."""
        self.rows("DELETE FROM cache RETURNING cache_key")

    def kill_workers(self) -> None:
        """Kill the processes that answer requests; their master starts others."""
        for pid in self.workers():
            os.kill(pid, signal.SIGKILL)

    def workers(self) -> list[int]:
        """Return the processes that answer requests."""
        children = Path(f"/proc/{self.web.pid}/task/{self.web.pid}/children")
        return [int(pid) for pid in children.read_text().split()]


def _local_mode() -> dict[str, str]:
    """Return our environment without what would make it another kind of site."""
    foreign = ("DATABASE_URL", "CELERY_BROKER_URL", "TEST_DATABASE_URL", "DJANGO_SETTINGS_MODULE")
    return {name: value for name, value in os.environ.items() if not name.startswith(foreign)}


def _command(name: str, *options: str) -> list[str]:
    return [sys.executable, str(ROOT / "manage.py"), name, *options]


def _is_up(address: str) -> bool:
    try:
        urllib.request.urlopen(address, timeout=WITHIN_S).close()
    except OSError:
        return False
    return True


@contextmanager
def collecting(reports: list[str]) -> Iterator[str]:
    """Give the address of a server that keeps what browsers report."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            reports.append(self.rfile.read(length).decode())
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_words: Any) -> None:
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.1])
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()
