"""Sites whose commands are run, and what lies in them."""

import contextlib
import hashlib
from collections.abc import Iterator
from pathlib import Path

from tests.bench.site import free_port
from tests.faults.place import Place
from webapp import embedded


@contextlib.contextmanager
def served(place: Place) -> Iterator[Place]:
    """Let a site's database run, so that its commands need not start it."""
    server = embedded.start(embedded.data_folder(place.var), log=place.var / "log" / "postgres.log")
    try:
        yield place
    finally:
        server.stop()


def empty_place(folder: Path, **more: str) -> Place:
    """A site without a database and without files."""
    place = Place(folder / "var", free_port(), more)
    (place.var / "log").mkdir(parents=True)
    return place


def manage(place: Place, *arguments: str, **more: str) -> str:
    """Run a command that succeeds; return what it said."""
    done = place.run("manage.py", *arguments, **more)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def refused(place: Place, *arguments: str, **more: str) -> str:
    """Run a command that fails; return its sentence."""
    done = place.run("manage.py", *arguments, **more)
    assert done.returncode != 0, done.stdout
    assert "Traceback" not in done.stderr, done.stderr
    return done.stderr.strip().splitlines()[-1]


def kept_files(var: Path) -> dict[str, str]:
    """The SHA-256 of every file under the folders that a backup holds."""
    folders = ("media", "models", "releases", "runs")
    paths = [path for name in folders for path in (var / name).rglob("*") if path.is_file()]
    return {
        path.relative_to(var).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in paths
        if path.stat().st_size and not path.is_symlink()
    }
