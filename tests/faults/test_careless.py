"""A database that could lose what it has acknowledged is refused at the start: RS-5."""

import contextlib
import subprocess
from collections.abc import Iterator

import pytest

from tests.faults import place
from webapp import cluster, embedded

pytestmark = [pytest.mark.processes, pytest.mark.slow]


@contextlib.contextmanager
def careless_server(data, setting: str) -> Iterator[str]:
    """A server that somebody else runs, with one setting that could lose answers."""
    located = cluster.locate(data)
    cluster.prepare(located)
    log = data.with_name("careless.log")
    with log.open("ab") as messages:
        process = subprocess.Popen(
            [*located.command, "-c", f"{setting}=off"], stdout=messages, stderr=messages, cwd="/",
            start_new_session=True, **located.identity,
        )  # fmt: skip
    try:
        embedded.wait_until_ready(located.url, lambda: process.poll() is None, log)
        yield located.url
    finally:
        process.terminate()
        process.wait(place.LONG_S)


@pytest.mark.parametrize("setting", ["fsync", "synchronous_commit", "full_page_writes"])
def test_a_server_that_could_lose_answers_is_refused_with_one_sentence(tmp_path, setting):
    site = place.Place(tmp_path / "var", place.free_port(), {})
    with careless_server(tmp_path / "postgres", setting) as url:
        refused = site.run(
            "-m", "webapp.supervisor", DATABASE_URL=url, SECRET_KEY="x" * 20 + "abcdefgh" * 5
        )
    assert refused.returncode == 1
    assert refused.stderr.count("\n") == 1
    assert f"{setting}=off" in refused.stderr
    assert f"set {setting}=on" in refused.stderr
