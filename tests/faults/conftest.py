"""One site for all tests that need none of their own: its database is killed, its web stays."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.faults import crowd, place
from tests.faults.place import Place
from webapp import embedded

GALAXIES = 40
IDLE_S = 4  # instead of a minute
CAMPAIGNS = [
    {"slug": "many", "galaxies": GALAXIES, "votes": 1000},
    {"slug": "last", "galaxies": 1, "votes": 3},
    {"slug": "single", "galaxies": 30, "votes": 1},
]


@dataclass
class Hurt:
    """A site whose database the test ends and starts as it likes."""

    place: Place
    web: subprocess.Popen[bytes]
    server: embedded.Server

    def start_database(self) -> None:
        self.server = embedded.start(embedded.data_folder(self.place.var))

    def web_pids(self) -> set[int]:
        """The web processes; they are never to be replaced."""
        children = place.parts(self.web.pid, is_master=True)
        return {self.web.pid, *children.get("web child", [])}


@pytest.fixture(autouse=True)
def no_open_connections() -> Iterator[None]:
    yield
    crowd.close_all()


@pytest.fixture(scope="session")
def hurt(tmp_path_factory) -> Iterator[Hurt]:
    site = place.prepare(
        tmp_path_factory.mktemp("site"), CAMPAIGNS, REQUEST_BUDGET_S="6", IDLE_TIMEOUT_S=str(IDLE_S)
    )
    server = embedded.start(embedded.data_folder(site.var))
    with place.web(site) as web:
        made = Hurt(site, web, server)
        try:
            yield made
        finally:
            made.server.stop()
