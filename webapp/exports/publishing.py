"""Making a release: a folder of files that appears whole, and is never written to again."""

import json
import math
import shutil
import uuid
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from django.db import transaction

from inference.formats.atomic import file_sha256, write_text
from webapp.common import shared, work
from webapp.exports import citation, readme, snapshot
from webapp.exports.columns import Column, dictionary_json, names_csv
from webapp.exports.contents import Catalog, Rows, Votes, instant_of
from webapp.exports.models import Release
from webapp.exports.origin import header_of_release
from webapp.exports.writers import FORMATS, Unwritable, Writer, open_writer
from webapp.registry.models import ModelVersion
from webapp.workflows.models import TreeVersion

SAMPLE = 1000  # rows of the file to look at first
VOTES_IN = ("parquet", "csv")
_READ_ONLY = 0o444


def publish_release(release: Release) -> None:
    """Write all files of a release, of one moment, and give the folder its name.

    Raises:
        DomainError: a row contradicts itself, or a format cannot hold a value.
    """
    release.pause_at_s = math.inf  # it would only begin again
    folder = _empty_folder(release)
    with snapshot.one_moment() as moment:
        release.snapshot_at = instant_of(moment)
        workflow = release.workflow
        catalog = Catalog(
            moment, workflow, release=str(release.number), is_debiased=workflow.is_debiased
        )
        release.n_rows = catalog.count()
        maker = _Maker(release, folder, release.snapshot_at)
        maker.write_catalog(catalog)
        maker.write_votes(Votes(moment, release.workflow))
        maker.write_trees(_trees(moment, release))
        maker.write_models(_models(moment, release))
    maker.write_words(catalog.columns)
    release.files = maker.listed()
    _name(release, folder)
    for file in release.files:
        path = release.folder / file["name"]
        shared.share("releases", _shared_name(release, file["name"]), path)
    with transaction.atomic():
        work.hold(release)
        release.save(update_fields=["snapshot_at", "n_rows", "files"])
        work.finish(release)


def _empty_folder(release: Release) -> Path:
    """Return a new folder; what killed workers have left is removed."""
    place = release.folder
    place.parent.mkdir(parents=True, exist_ok=True)
    for left in place.parent.glob(f".{place.name}.*"):
        shutil.rmtree(left, ignore_errors=True)
    folder = place.with_name(f".{place.name}.{uuid.uuid4()}")
    folder.mkdir()
    return folder


def _name(release: Release, folder: Path) -> None:
    """Give the folder its name; one that a killed worker has named and not noted gives way."""
    for path in folder.rglob("*"):
        if path.is_file():
            path.chmod(_READ_ONLY)
    with transaction.atomic():
        work.hold(release)  # nobody else has taken over, so the name is ours to give
        if release.folder.exists():
            shutil.rmtree(release.folder)
        folder.rename(release.folder)


def _trees(moment: snapshot.Cursor, release: Release) -> list[TreeVersion]:
    """Return every tree that somebody answered, and the present one."""
    moment.execute(
        "SELECT DISTINCT tree_id FROM classifications_classification WHERE workflow_id = %s",
        [release.workflow_id],
    )
    ids = {row[0] for row in moment.fetchall()} | {release.workflow.tree_id}
    return [TreeVersion.objects.known(pk) for pk in sorted(ids)]


def _models(moment: snapshot.Cursor, release: Release) -> list[ModelVersion]:
    """Return the networks whose words are in the catalog."""
    moment.execute(
        "SELECT DISTINCT prior_model_id FROM consensus_consensus "
        "WHERE workflow_id = %s AND prior_model_id IS NOT NULL",
        [release.workflow_id],
    )
    ids = [row[0] for row in moment.fetchall()]
    return list(ModelVersion.objects.filter(pk__in=ids).order_by("sha256"))


class Sink:
    """A file of a release; one whose format cannot hold the table is left out, and says why."""

    def __init__(self, opened: Callable[[], Writer]) -> None:
        self._opened, self.refusal = opened, ""

    def __enter__(self) -> Self:
        try:
            self.writer = self._opened()
            self.writer.__enter__()
        except Unwritable as refusal:
            self.refusal = str(refusal)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self.refusal:
            self.writer.__exit__(kind, error, trace)

    def write(self, rows: Rows) -> None:
        """Add rows, or take the file away at the first one that it cannot hold."""
        if self.refusal:
            return
        try:
            self.writer.write(rows)
        except Unwritable as refusal:
            self.refusal = str(refusal)
            with suppress(Unwritable):
                self.writer.__exit__(type(refusal), refusal, refusal.__traceback__)


@dataclass
class _Maker:
    """Writes the files of a release into its folder."""

    release: Release
    folder: Path
    at: datetime
    left_out: dict[str, str] = field(default_factory=dict)  # formats, and why

    def write_catalog(self, catalog: Catalog) -> None:
        """Write the catalog in every format at once, and a sample of it."""
        n_rows, n_done = self.release.n_rows or 0, 0
        sample = open_writer(
            "ecsv", self.folder / f"sample_{SAMPLE}.ecsv", catalog.columns,
            header_of_release(self.release, self.at, "catalog"), min(SAMPLE, n_rows),
        )  # fmt: skip
        with ExitStack() as stack:
            sinks = {
                one.name: stack.enter_context(
                    Sink(partial(self._writer, key, "catalog", catalog.columns, n_rows))
                )
                for key, one in FORMATS.items()
            }
            first = stack.enter_context(Sink(lambda: sample))
            for rows in catalog.parts():
                for sink in sinks.values():
                    sink.write(rows)
                if n_done < SAMPLE:
                    first.write(_first(rows, SAMPLE - n_done))
                n_done += len(rows["source_id"])
                self._report(n_done)
        self.left_out = {name: sink.refusal for name, sink in sinks.items() if sink.refusal}

    def write_votes(self, votes: Votes) -> None:
        """Write the table of single votes."""
        n_rows = votes.count()
        with ExitStack() as stack:
            writers = [
                stack.enter_context(self._writer(key, "votes", votes.columns, n_rows))
                for key in VOTES_IN
            ]
            for rows in votes.parts():
                for writer in writers:
                    writer.write(rows)
                self._report(self.release.n_rows or 0)

    def write_trees(self, trees: list[TreeVersion]) -> None:
        """Write every version of the decision tree, as its hash is of."""
        for tree in trees:
            self._put(f"trees/{tree.sha256[:8]}.json", tree.document)

    def write_models(self, models: list[ModelVersion]) -> None:
        """Write the card of each network, with the hash of its file."""
        for model in models:
            card = {"sha256": model.sha256, "card": model.card}
            self._put(f"models/{model.sha256[:8]}.json", _as_json(card))

    def write_words(self, columns: tuple[Column, ...]) -> None:
        """Write what people and programs read before they read the rows."""
        release, tree = self.release, self.release.workflow.tree.tree
        self._put("columns.json", dictionary_json(columns))
        self._put("names.csv", names_csv(columns))
        self._put("README.md", readme.text(release, self.left_out))
        self._put("LICENSE.txt", readme.license_text(release))
        self._put("CITATION.cff", citation.citation_file(release))
        self._put("citation.bib", citation.of_release(release).bibtex)
        self._put("datacite.json", _as_json(citation.datacite(release)))
        self._put("first_look.py", readme.first_look(tree, columns))
        sums = [f"{file_sha256(self.folder / name)}  {name}\n" for name in self._names()]
        self._put("SHA256SUMS", "".join(sums))

    def listed(self) -> list[dict[str, Any]]:
        """Return name, size and hash of every file."""
        return [
            {
                "name": name,
                "size_bytes": (self.folder / name).stat().st_size,
                "sha256": file_sha256(self.folder / name),
            }
            for name in self._names()
        ]

    def _names(self) -> list[str]:
        paths = (path for path in self.folder.rglob("*") if path.is_file())
        return sorted(path.relative_to(self.folder).as_posix() for path in paths)

    def _writer(self, key: str, table: str, columns: tuple[Column, ...], n_rows: int) -> Writer:
        path = self.folder / f"{table}{FORMATS[key].suffix}"
        return open_writer(
            key, path, columns, header_of_release(self.release, self.at, table), n_rows
        )

    def _put(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        write_text(path, text)

    def _report(self, n_done: int) -> None:
        work.rest(self.release)
        with transaction.atomic():
            work.hold(self.release)
            work.report(self.release, n_done=n_done, n_total=self.release.n_rows)


def _first(rows: Rows, n: int) -> Rows:
    return {name: values[:n] for name, values in rows.items()}


def _as_json(values: Any) -> str:
    return json.dumps(values, indent=2, ensure_ascii=False, sort_keys=False) + "\n"


def file_in(release: Release, name: str) -> IO[bytes] | None:
    """Open a file of a release, if it has one of this name.

    Raises:
        OSError: it is lost.
    """
    if not any(file["name"] == name for file in release.files):
        return None
    return shared.opened("releases", _shared_name(release, name), release.folder / name)


def _shared_name(release: Release, name: str) -> str:
    return f"{release.workflow.slug}/{release.number}/{name}"
