"""PostgreSQL's own programs: the wheel's where it is, else those of the machine, if new enough."""

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from typing import IO

from django.db import connection
from psycopg.conninfo import make_conninfo

from webapp import cluster
from webapp.backups.errors import NotPossible

VERSION = re.compile(r"\(PostgreSQL\) (\d+)")


def program(name: str) -> str:
    """Return where a program of PostgreSQL is.

    Raises:
        NotPossible: there is none, or only an older one, which would lose what it does not know.
    """
    path = _of_the_wheel(name) or shutil.which(name)
    if path is None:
        raise NotPossible(
            f"There is no {name} on this machine: install the client of PostgreSQL {cluster.MAJOR}."
        )
    major = major_version(path)
    if major < int(cluster.MAJOR):
        raise NotPossible(
            f"{path} is of PostgreSQL {major}, and the database of {cluster.MAJOR}: install the "
            f"client of PostgreSQL {cluster.MAJOR}, and put it first on PATH."
        )
    return path


def _of_the_wheel(name: str) -> str | None:
    try:
        path = cluster.wheel() / f"pginstall{cluster.MAJOR}" / "bin" / name
    except cluster.CannotStart:
        return None
    return str(path) if path.is_file() else None


def major_version(path: str) -> int:
    """Return the major version that a program says it is of."""
    said = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout
    found = VERSION.search(said)
    if found is None:
        raise NotPossible(f"{path} says that it is {said.strip()!r}, which is no PostgreSQL.")
    return int(found[1])


def conninfo(database: str = "", *, with_password: bool = True) -> str:
    """Return how to reach the site's database, or another one of its server, without time limits.

    Args:
        with_password: False for a command line, which everybody on the machine can read.
    """
    connection.ensure_connection()
    info = connection.connection.info
    return make_conninfo(
        info.dsn,
        dbname=database or info.dbname,
        password=(info.password or None) if with_password else None,
        options="-c timezone=UTC -c statement_timeout=0 -c lock_timeout=5s "
        "-c idle_in_transaction_session_timeout=0",
    )


@contextlib.contextmanager
def running(
    name: str, arguments: Iterable[str], *, database: str = ""
) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """Run a program on a database, see `conninfo`; give what it reads and what it writes.

    Raises:
        NotPossible: it failed; its own first words are in the message.
    """
    connection.ensure_connection()
    password = connection.connection.info.password
    environment = os.environ | ({"PGPASSWORD": password} if password else {})
    command = [program(name), "--dbname", conninfo(database, with_password=False), *arguments]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
        )
        into, out_of = process.stdin, process.stdout
        assert into  # noqa: S101 - both are pipes
        assert out_of  # noqa: S101
        try:
            with contextlib.suppress(BrokenPipeError):  # it has ended already, and says why
                yield into, out_of
                into.close()
        except BaseException:
            process.kill()
            raise
        finally:
            with contextlib.suppress(BrokenPipeError):
                into.close()
            out_of.close()
            process.wait()
        if process.returncode:
            log.seek(0)
            said = log.read().decode(errors="replace").strip().splitlines()
            words = said[0] if said else f"it ended with {process.returncode}"
            raise NotPossible(f"{name} failed: {words}")
