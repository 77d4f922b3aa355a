"""RS-24: a site without mail server, S3 and error service asks nobody anything."""

import re
import urllib.error
import urllib.request
from collections import deque
from pathlib import Path

import pytest

from tests import make
from tests.faults import place
from tests.faults.forms import long_form
from tests.faults.test_database import open_page, stored
from tests.faults.test_jobs import statuses

pytestmark = [pytest.mark.processes, pytest.mark.slow]
CAMPAIGN = {"slug": "many", "galaxies": 20, "votes": 1000}
LINK = re.compile(r'(?:href|src|action)="(/[^"#]*)')
MOST_PAGES = 80
PARTS = ("webapp.wsgi", "webapp.celery worker", "webapp.celery beat")


@long_form
def test_pages_votes_and_jobs_ask_nobody_anything(tmp_path):
    seen = tmp_path / "seen.txt"
    watched = {"WATCHED": str(seen), "PYTHONPATH": str(Path(__file__).parent / "watched")}
    site = place.prepare(tmp_path, [CAMPAIGN], BEAT_EVERY_S="1", **watched)
    pictures = make.picture_folder(tmp_path / "pictures", 5)
    with place.whole_site(site) as supervisor:
        started = site.run("-m", "tests.faults.ingest", "plain", str(pictures))
        assert started.returncode == 0, started.stderr
        page = open_page(site)
        assert [page.insist()] == stored(site, page.uuid)
        assert len(walk(f"http://127.0.0.1:{site.port}")) > 10
        place.wait_until(lambda: statuses(site) == ["done"], supervisor, "the ingest")
        lines = seen.read_text().splitlines()
        assert [line for line in lines if " asked " in line] == []
        for part in PARTS:
            assert any(part in line for line in lines), part


def test_a_request_would_be_seen_and_refused(tmp_path):
    seen = tmp_path / "seen.txt"
    watched = {"WATCHED": str(seen), "PYTHONPATH": str(Path(__file__).parent / "watched")}
    site = place.Place(tmp_path, 1, watched)
    call = "import urllib.request as r; r.urlopen('http://192.0.2.1/', timeout=1)"
    assert "192.0.2.1" in site.run("-c", call).stderr
    assert "asked socket" in seen.read_text()


def walk(root: str) -> set[str]:
    """Open what pages lead to, as a visitor, and return the addresses that answered."""
    answered: set[str] = set()
    waiting = deque(["/", "/metrics", "/readyz"])
    known = set(waiting)
    while waiting and len(answered) < MOST_PAGES:
        address = waiting.popleft()
        try:
            with urllib.request.urlopen(root + address, timeout=place.LONG_S) as answer:
                text = answer.read().decode(errors="replace")
        except urllib.error.HTTPError as error:
            if error.code >= 500 and address != "/readyz":
                raise
            continue
        answered.add(address)
        found = {link.replace("&amp;", "&") for link in LINK.findall(text)} - known
        known |= found
        waiting.extend(sorted(link for link in found if not link.startswith(("/static", "//"))))
    return answered
