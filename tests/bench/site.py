"""A site of its own for a bench: PostgreSQL and web processes that nobody else uses."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass
class Site:
    """A running site."""

    port: int
    web: subprocess.Popen[bytes]
    database_pid: int
    var: Path

    def cpu_s(self) -> float:
        """Processor seconds that web and PostgreSQL processes have used so far, ended ones too."""
        return sum(_cpu_s(pid) for pid in (*_family(self.web.pid), *_family(self.database_pid)))


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def database() -> Iterator[tuple[Path, int]]:
    """Run a PostgreSQL server for the time of a bench; Django is set up to use it.

    Yields:
        The var folder, and the server's process id.
    """
    from webapp import embedded  # noqa: PLC0415 - the settings come after it

    folder = Path(tempfile.mkdtemp(prefix="tuning-fork-bench-"))
    var = folder / "var"
    os.environ["VAR_DIR"] = str(var)
    os.environ["DJANGO_SETTINGS_MODULE"] = "webapp.settings"
    (var / "log").mkdir(parents=True)
    server = embedded.start(embedded.data_folder(var))
    try:
        import django  # noqa: PLC0415

        django.setup()
        from django.core.management import call_command  # noqa: PLC0415

        call_command("migrate", verbosity=0)
        call_command("collectstatic", interactive=False, verbosity=0)
        yield var, server.process.pid
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def site(var: Path, database_pid: int, *, n_web: int = 2) -> Iterator[Site]:
    """Run the web processes as the supervisor does."""
    port = free_port()
    with (var / "log" / "bench-web.log").open("ab") as log:
        web = subprocess.Popen(_web_command(port, n_web), cwd=ROOT, stdout=log, stderr=log)
    try:
        _wait_for(port)
        yield Site(port, web, database_pid, var)
    finally:
        web.terminate()
        web.wait(20)


def _web_command(port: int, n_web: int) -> list[str]:
    return [
        sys.executable, "-m", "gunicorn", "webapp.wsgi:application",
        "--bind", f"127.0.0.1:{port}", "--workers", str(n_web), "--worker-class", "gthread",
        "--threads", os.environ.get("WEB_THREADS", "2"), "--no-control-socket",
    ]  # fmt: skip


def _wait_for(port: int) -> None:
    for _ in range(300):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    sys.exit("The web processes did not answer within 30 s; see log/bench-web.log.")


def _family(pid: int) -> list[int]:
    """Return a process and its descendants."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (parent := _parent(entry)):
            children.setdefault(parent, []).append(int(entry.name))
    found = [pid]
    for member in found:
        found += children.get(member, [])
    return found


def _parent(entry: Path) -> int:
    try:
        return int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def _cpu_s(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    own_and_ended_children = fields[11:15]
    return sum(map(int, own_and_ended_children)) / TICKS_A_SECOND
