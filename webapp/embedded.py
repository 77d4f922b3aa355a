"""PostgreSQL and a broker for one machine, when DATABASE_URL and CELERY_BROKER_URL name none."""

import atexit
import contextlib
import fcntl
import os
import secrets
import signal
import subprocess
import tempfile
import time
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import psycopg
from psycopg import sql

from webapp import cluster as clusters
from webapp.cluster import CannotStart, Cluster
from webapp.sentinel import Sentinel

READY_WITHIN_S = 60.0
STOP_WITHIN_S = 10.0
DURABLE = {
    "fsync": ("on",),
    "synchronous_commit": ("on", "remote_apply"),
    "full_page_writes": ("on",),
}
BROKER_URL = "filesystem://"


def data_folder(var: Path) -> Path:
    """Return where the embedded database keeps its data."""
    return var / "postgres"


def database_url(var: Path) -> str:
    """Return the URL of the embedded server of a var folder; starts and makes nothing."""
    data = data_folder(var)
    uid = os.geteuid()
    if uid == 0 and clusters.is_nobodys(data):
        uid = clusters.nobody().pw_uid
    return clusters.socket_url(clusters.socket_folder(data, uid))


def secret_key(var: Path) -> str:
    """Return the key of local mode; it is made once, and only its owner may read it."""
    path = var / "secret-key"
    if not path.exists():
        var.mkdir(parents=True, exist_ok=True)
        # A link appears with its content or not at all, and never replaces another's key.
        with tempfile.NamedTemporaryFile("w", dir=var, prefix="secret-key-") as file:
            file.write(secrets.token_urlsafe(64))
            file.flush()
            with contextlib.suppress(FileExistsError):
                os.link(file.name, path)
    return path.read_text(encoding="ascii")


def broker_options(var: Path) -> dict[str, Any]:
    """Return Celery's options for messages as files in var/broker, whose folders exist then."""
    from webapp import broker  # noqa: PLC0415 -- only who sends messages needs Celery's transport

    return broker.options(var / "broker")


class Connection(Protocol):
    """A connection of psycopg or of Django."""

    def cursor(self) -> Any: ...  # noqa: D102


def check_durability(connection: Connection) -> None:
    """Refuse a database that could lose what it has acknowledged.

    Raises:
        CannotStart: fsync, synchronous_commit or full_page_writes is off for this connection.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name, setting FROM pg_settings WHERE name = ANY(%s) ORDER BY name",
            [list(DURABLE)],
        )
        unsafe = [
            f"{name}={value}" for name, value in cursor.fetchall() if value not in DURABLE[name]
        ]
    if unsafe:
        raise CannotStart(
            f"PostgreSQL runs with {' and '.join(unsafe)} and could lose acknowledged answers: "
            f"set {' and '.join(part.split('=')[0] + '=on' for part in unsafe)}."
        )


@contextlib.contextmanager
def lock(var: Path) -> Iterator[None]:
    """Hold a var folder for this process.

    Raises:
        CannotStart: another process holds it.
    """
    var.mkdir(parents=True, exist_ok=True)
    with (var / "lock").open("a+", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise CannotStart(
                f"{var} is in use by process {file.read().strip() or 'unknown'}: "
                f"stop that one first, or set VAR_DIR to another folder."
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


@dataclass
class Server:
    """A running embedded server that this process has started."""

    url: str
    cluster: Cluster
    process: subprocess.Popen[bytes]
    sentinel: Sentinel  # if this process is killed, the server ends all the same

    def stop(self) -> None:
        """End it in order: sessions are cut, what is committed is on disk."""
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self._clear_away()

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self._clear_away()

    def _clear_away(self) -> None:
        self.process.wait()
        clusters.clear_leftovers(self.cluster)
        self.sentinel.tell(self.process.pid, 0)
        self.sentinel.dismiss()
        with contextlib.suppress(OSError):
            # A killed server leaves its socket: the folder stays until the next start then.
            self.cluster.socket_dir.rmdir()


def start(
    data: Path, *, log: Path | None = None, port: int | None = None, password: str | None = None
) -> Server:
    """Run a server on a data folder that nobody else uses, and return when it answers.

    Args:
        log: where the server's messages go; beside the data folder if not given.
        port: also listen on 127.0.0.1; then the superuser needs the password.

    Raises:
        CannotStart: this machine or this data folder does not allow it.
    """
    place = clusters.locate(data)
    clusters.prepare(place)
    command = place.command
    if port is not None:
        command += ["-c", "listen_addresses=127.0.0.1", "-c", f"port={port}"]
    log = log or data.with_name(f"{data.name}.log")
    with log.open("ab") as messages:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=messages,
            stderr=messages,
            cwd="/",
            start_new_session=True,
            **place.identity,
        )
    url = place.url if port is None else f"{place.url}&port={port}"
    server = Server(url, place, process, Sentinel(STOP_WITHIN_S))
    server.sentinel.tell(process.pid, signal.SIGINT)
    try:
        wait_until_ready(url, lambda: process.poll() is None, log)
        if port is not None and password is not None:
            server.url = _tcp_url(url, port, password)
    except BaseException:
        server.kill()
        raise
    return server


def wait_until_ready(url: str, is_alive: Callable[[], bool], log: Path) -> None:
    """Wait for a server to answer, and make our database in it if it has none yet.

    Raises:
        CannotStart: it ended or does not answer in time; its own last words are in the text.
    """
    deadline = time.monotonic() + READY_WITHIN_S
    while is_alive() and time.monotonic() < deadline:
        try:
            with psycopg.connect(url, dbname="postgres", autocommit=True) as connection:
                _make_database(connection)
                return
        except psycopg.OperationalError:
            time.sleep(0.02)
    raise CannotStart(f"PostgreSQL did not start: {last_words(log)} See {log}.")


def last_words(log: Path) -> str:
    """Return the last line of a log."""
    lines = (
        log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        if log.is_file()
        else []
    )
    return lines[-1].strip() if lines else "it said nothing."


def _make_database(connection: psycopg.Connection) -> None:
    """Make the database unless it is there; a start killed in between makes it the next time."""
    found = connection.execute(
        "SELECT 1 FROM pg_database WHERE datname = %s", [clusters.DATABASE]
    ).fetchone()
    if found is None:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(clusters.DATABASE)))


def _tcp_url(url: str, port: int, password: str) -> str:
    """Give the superuser a password and return the URL that uses it."""
    user = sql.Identifier(clusters.SUPERUSER)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(user, sql.Literal(password)))
    account = f"{clusters.SUPERUSER}:{urllib.parse.quote(password, safe='')}"
    return f"postgresql://{account}@127.0.0.1:{port}/{clusters.DATABASE}"


def answers(url: str) -> bool:
    """Return whether a server answers at a URL."""
    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


def ensure_running(var: Path) -> None:
    """Let this process have the embedded database: the supervisor's, or one until it exits.

    Call it before the settings are read: the first start may decide where the socket is.

    Raises:
        CannotStart: another process holds the var folder and its server does not answer.
    """
    if answers(database_url(var)):
        return
    held = contextlib.ExitStack()
    held.enter_context(lock(var))
    (var / "log").mkdir(exist_ok=True)
    held.callback(start(data_folder(var), log=var / "log" / "postgres.log").stop)
    atexit.register(held.close)
