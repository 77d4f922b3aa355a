"""RS-32: the database as it was a moment before somebody deleted something, from base copy and WAL.

The lines of configuration and the commands are those of docs/deployment.md, read from it.
"""

import os
import re
import subprocess
import time
from pathlib import Path

import pytest

from tests.faults import place
from tests.faults.forms import long_form
from tests.faults.place import ROOT, Place
from tests.webapp.backups.sites import empty_place, served
from webapp import cluster, embedded

pytestmark = [pytest.mark.processes, pytest.mark.slow]


def configuration(title: str, **values: object) -> str:
    """The indented lines under a line of the page, with this test's places."""
    page = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
    (block,) = re.findall(rf"^{re.escape(title)}.*\n\n((?:    .*\n)+)", page, re.MULTILINE)
    text = re.sub(r"^    ", "", block, flags=re.MULTILINE)
    for name, value in values.items():
        assert name in text, name
        text = text.replace(name, str(value))
    return text


def add_configuration(data: Path, text: str) -> None:
    with (data / "postgresql.conf").open("a") as file:
        file.write(text)


def copy_base(programs: Path, url: str, copy: Path) -> None:
    command = configuration("The base copy", **{"$URL": url}).replace("'", "").split()
    program, *options = [word.replace("/mnt/base", str(copy)) for word in command]
    subprocess.run([programs / program, *options], check=True)


def change_and_delete(site: Place, archive: Path) -> str:
    """Change what is after the base copy in the WAL alone, then delete; return when in between."""
    site.sql("INSERT INTO accounts_volunteer (uuid, is_browser, is_simulated)"
             " VALUES (gen_random_uuid(), true, false)")  # fmt: skip
    ((moment,),) = site.sql("SELECT clock_timestamp()::text")
    time.sleep(1)
    site.sql("DELETE FROM consensus_consensus")
    site.sql("DELETE FROM accounts_volunteer")
    ((last,),) = site.sql("SELECT pg_walfile_name(pg_switch_wal())")
    place.wait_until((archive / last).exists, what="the archive of the last WAL file")
    return str(moment)


@pytest.fixture
def archive(tmp_path) -> Path:
    folder = Path(tmp_path, "archive")
    folder.mkdir()
    return folder


@long_form
def test_the_moment_before_a_deletion_comes_back(tmp_path, archive):
    site = place.prepare(tmp_path, [{"slug": "kept", "galaxies": 50, "votes": 3}])
    data = embedded.data_folder(site.var)
    own = cluster.locate(data)
    if own.uid != os.geteuid():
        pytest.skip("The server runs as another user here, who cannot read the archive.")
    add_configuration(data, configuration("Archiving", **{"/mnt/wal": archive}))
    again = empty_place(tmp_path / "again")
    copy = embedded.data_folder(again.var)
    with served(site):
        copy_base(own.program, embedded.database_url(site.var), copy)
        moment = change_and_delete(site, archive)

    places = {"/mnt/wal": archive, "2026-01-31 14:59:00+00": moment}
    add_configuration(copy, configuration("The moment", **places))
    (copy / "recovery.signal").touch()
    with served(again):
        place.wait_until(lambda: again.sql("SELECT pg_is_in_recovery()") == [(False,)])
        assert again.sql("SELECT count(*) FROM consensus_consensus") == [(50,)]
        assert again.sql("SELECT count(*) FROM accounts_volunteer") == [(1,)]
        again.assert_recount_agrees()
    # The site itself still lacks them, so it was the WAL that brought them back.
    with served(site):
        assert site.sql("SELECT count(*) FROM consensus_consensus") == [(0,)]
