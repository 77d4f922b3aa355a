"""Ingests and exports that run while everything is killed: each done once, each taken over."""

import contextlib
import hashlib
from pathlib import Path

import psycopg
from celery import Celery
from kombu.exceptions import OperationalError

from tests import make
from tests.faults.place import Place
from webapp import broker

WAKES = ["webapp.subjects.tasks.run_ingest_batches", "webapp.exports.tasks.run_exports"]
# The database itself notes when a job was taken over from a dead holder, and when this one had
# extended its lease for the last time: it died between the two.
WATCH = """
CREATE SCHEMA watched;
CREATE TABLE watched.takeover (seen_at_s float, taken_at_s float);
CREATE FUNCTION watched.note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO watched.takeover VALUES (
    extract(epoch FROM OLD.lease_expires_at) - {lease_s}, extract(epoch FROM clock_timestamp()));
  RETURN NULL;
END $$;
CREATE TRIGGER watched AFTER UPDATE ON subjects_ingestbatch FOR EACH ROW
  WHEN (OLD.status = 'running' AND NEW.token > OLD.token) EXECUTE FUNCTION watched.note();
CREATE TRIGGER watched AFTER UPDATE ON exports_export FOR EACH ROW
  WHEN (OLD.status = 'running' AND NEW.token > OLD.token) EXECUTE FUNCTION watched.note();
"""


class Jobs:
    """An ingest and an export for each time that `begin_one` is called."""

    def __init__(self, site: Place, *, lease_s: float, n_pictures: int) -> None:
        self.site, self.n_pictures, self.n_begun = site, n_pictures, 0
        self.killed_at_s: list[float] = []  # since the epoch; kills that may have ended a holder
        self.ingests = [pk for (pk,) in site.sql("SELECT id FROM subjects_ingestbatch ORDER BY id")]
        self.exports = [pk for (pk,) in site.sql("SELECT id FROM exports_export ORDER BY id")]
        site.sql(WATCH.format(lease_s=lease_s))

    def begin_one(self) -> bool:
        """Let the next ingest and export be claimed; False while the database is away."""
        pk = self.ingests[self.n_begun]
        try:
            self._release("subjects_ingestbatch", pk)
            self._release("exports_export", self.exports[self.n_begun])
        except psycopg.Error:
            return False
        self.n_begun += 1
        self._wake()
        return True

    def _release(self, table: str, pk: int) -> None:
        self.site.sql(f"UPDATE {table} SET not_before_at = NULL WHERE id = %s", [pk])

    def _wake(self) -> None:
        """Call the workers as the web does; when the broker is away, beat does it."""
        given = self.site.environment.get("CELERY_BROKER_URL")
        with Celery("jobs", broker=given or "filesystem://", set_as_current=False) as app:
            if not given:
                app.conf.broker_transport_options = broker.options(self.site.var / "broker")
            errors = app.connection_for_write().connection_errors
            for task in WAKES:
                with contextlib.suppress(OperationalError, OSError, *errors):
                    app.send_task(task, expires=20, retry=False)

    def is_held(self) -> bool:
        """Whether the ingest that began last is in somebody's hands, or done."""
        query = "SELECT status FROM subjects_ingestbatch WHERE id = %s"
        try:
            return self.site.sql(query, [self.ingests[self.n_begun - 1]]) != [("pending",)]
        except psycopg.Error:
            return False

    def are_done(self) -> bool:
        """Whether all that began are at their end."""
        return all(self._n_done(table) == self.n_begun for table in ("ingestbatch", "export"))

    def _n_done(self, table: str) -> int:
        app = {"ingestbatch": "subjects", "export": "exports"}[table]
        rows = self.site.sql(f"SELECT status, error FROM {app}_{table}")
        assert [row for row in rows if row[0] in ("failed", "cancelled")] == []
        return sum(status == "done" for status, _ in rows)

    def takeovers_s(self) -> list[float]:
        """Seconds from a holder's death to the claim of the next one, told rather too long."""
        waited = []
        for seen_at_s, taken_at_s in self.site.sql("SELECT * FROM watched.takeover"):
            kills = [at_s for at_s in self.killed_at_s if seen_at_s <= at_s <= taken_at_s]
            waited.append(taken_at_s - min(kills, default=seen_at_s))
        return waited

    def assert_done_once(self) -> None:
        """Every set has each picture once; every file is whole, and nothing lies beside them."""
        rows = self.site.sql(
            "SELECT count(*), count(DISTINCT original_name), count(DISTINCT survey_id)"
            " FROM subjects_ingestbatch JOIN subjects_subject USING (subject_set_id)"
            " WHERE status = 'done' GROUP BY subject_set_id"
        )
        assert rows == [(self.n_pictures,) * 3] * self.n_begun
        sums = [name for (name,) in self.site.sql("SELECT sha256 FROM exports_export")]
        files = [path for path in (self.site.var / "exports").rglob("*") if path.is_file()]
        assert sorted(sha256(path) for path in files) == sorted(name for name in sums if name)
        assert len(files) == self.n_begun


def sha256(path: Path) -> str:
    """Return the checksum of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def waiting(folder: Path, *, n_jobs: int, n_pictures: int) -> dict[str, object]:
    """Return what a campaign of `place.prepare` needs for so many ingests and exports."""
    pictures = make.picture_folder(folder / "pictures", n_pictures)
    return {"ingest": str(pictures), "jobs": n_jobs}
