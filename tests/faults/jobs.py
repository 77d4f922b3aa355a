"""Ingests that run while everything is killed, and how long each waited to be taken over."""

import threading
import time
from pathlib import Path

import psycopg

from tests import make
from tests.faults.place import Place

PICTURES = 120
EVERY_S = 0.3


class Jobs:
    """Starts ingests one after the other, and watches who holds them."""

    def __init__(self, site: Place, folder: Path, *, n_jobs: int) -> None:
        self.site, self.n_jobs = site, n_jobs
        self.pictures = make.picture_folder(folder / "pictures", PICTURES)
        self.killed_at: list[float] = []  # times of kills that may end a holder
        self.takeovers_s: list[float] = []
        self._tokens: dict[int, int] = {}
        self._is_over = threading.Event()
        self._threads = [
            threading.Thread(target=action, daemon=True) for action in (self._begin, self._watch)
        ]

    def start(self) -> None:
        """Begin, in threads of its own."""
        for thread in self._threads:
            thread.start()

    def _begin(self) -> None:
        """Start as many ingests as are wanted; one that the fault has met is started again."""
        for _ in range(self.n_jobs):
            while not self._is_over.is_set():
                if (
                    self.site.run(
                        "-m", "tests.faults.ingest", "plain", str(self.pictures)
                    ).returncode
                    == 0
                ):
                    break

    def _watch(self) -> None:
        while not self._is_over.wait(EVERY_S):
            try:
                rows = self.site.sql("SELECT id, token FROM subjects_ingestbatch")
            except psycopg.Error:
                continue  # the database has been killed
            for pk, token in rows:
                if 0 < self._tokens.get(pk, 0) < token and self.killed_at:
                    self.takeovers_s.append(time.monotonic() - self.killed_at[-1])
                self._tokens[pk] = token

    def is_done(self) -> bool:
        """Whether every ingest that was wanted is at its end."""
        rows = self.site.sql("SELECT status FROM subjects_ingestbatch")
        statuses = [status for (status,) in rows]
        assert "failed" not in statuses
        return len(statuses) >= self.n_jobs and set(statuses) <= {"done"}

    def end(self) -> None:
        """Begin and watch no more."""
        self._is_over.set()
        for thread in self._threads:
            thread.join()

    def assert_done_once(self) -> None:
        """Every set has each picture once."""
        rows = self.site.sql(
            "SELECT count(*), count(DISTINCT original_name) FROM subjects_ingestbatch"
            " JOIN subjects_subject USING (subject_set_id) GROUP BY subject_set_id"
        )
        assert len(rows) >= self.n_jobs
        assert set(rows) == {(PICTURES, PICTURES)}
