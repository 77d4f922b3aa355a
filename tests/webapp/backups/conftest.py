"""A site with something of everything in it, and backups of it; made once."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import call_command

from tests.faults.place import Place, begin_migrated
from tests.webapp.backups.sites import empty_place, manage, served


@pytest.fixture(scope="session")
def small_site(tmp_path_factory) -> Iterator[Place]:
    small = empty_place(tmp_path_factory.mktemp("small"))
    begin_migrated(small.var)
    with served(small) as place:
        made = place.run("-m", "tests.webapp.backups.small_site")
        assert made.returncode == 0, made.stderr
        yield place


@pytest.fixture
def new_site(tmp_path) -> Iterator[Place]:
    """A site without rows and files, whose database runs."""
    with served(empty_place(tmp_path / "new")) as place:
        yield place


@pytest.fixture(scope="session")
def key_file(tmp_path_factory) -> Path:
    path = Path(tmp_path_factory.mktemp("key"), "backup.key")
    call_command("backup", new_key=path)
    return path


def _backup(place: Place, folder: Path, **more: str) -> Path:
    manage(place, "backup", "--to", str(folder), **more)
    (path,) = folder.glob("20*Z")
    return path


@pytest.fixture(scope="session")
def plain_backup(tmp_path_factory, small_site) -> Path:
    return _backup(small_site, tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="session")
def sealed_backup(tmp_path_factory, small_site, key_file) -> Path:
    folder = tmp_path_factory.mktemp("sealed")
    return _backup(small_site, folder, BACKUP_KEY_FILE=str(key_file))


@pytest.fixture
def plain(plain_backup, tmp_path) -> Path:
    """A backup that a test may damage."""
    return Path(shutil.copytree(plain_backup.parent, tmp_path / "backups"), plain_backup.name)


@pytest.fixture
def sealed(sealed_backup, tmp_path) -> Path:
    """An encrypted backup that a test may damage."""
    return Path(shutil.copytree(sealed_backup.parent, tmp_path / "backups"), sealed_backup.name)
