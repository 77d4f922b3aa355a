"""The run directory, where the site and a training meet: a request in, a model and a result out.

Every file is written under another name and renamed; `request.json` last, so a folder without it
is no run yet, and `result.json` last, so a folder without it is not finished. Two processes never
hold a claim at once, and a heartbeat is judged by its change, as clocks of machines differ.
Others may have made the folder: what is read from it must be a plain file inside.
"""

import json
import shutil
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from inference.errors import TreeRefused, shown
from inference.formats import catalog as catalogs
from inference.formats import stamps
from inference.formats.atomic import append_line, file_sha256, read_plain, write_json, write_text
from inference.formats.card_parts import InputSpec
from inference.formats.catalog import Catalog
from inference.formats.claims import Claims
from inference.formats.run_json import (
    CANCELLED,
    DONE,
    FAILED,
    FORMAT,
    Request,
    Result,
    RunRefused,
    read_request,
    read_result,
)
from inference.formats.run_paths import RunPaths
from inference.formats.strict_json import read_object
from inference.formats.tree import Tree

__all__ = [
    "CANCELLED",
    "DONE",
    "FAILED",
    "FORMAT",
    "Request",
    "Result",
    "RunFolder",
    "RunRefused",
    "now",
]

_MAX_BYTES = 2_000_000
_MAX_METRICS_BYTES = 100_000_000


class RunFolder(RunPaths):
    """A run directory."""

    # The request.

    @classmethod
    def create(
        cls,
        path: Path,
        *,
        catalog: Catalog,
        blocks: Iterable[NDArray[np.uint8]],
        spec: InputSpec,
        config: Mapping[str, Any],
        parent_sha256: str = "",
        training_data: str = "",
    ) -> Self:
        """Make a run directory; until this returns, no reader takes it for one.

        Args:
            path: a new folder, or an empty one.
            blocks: the catalog's pictures at model size, in its order, uint8 (any, S, S, 3).

        Raises:
            RunRefused: there is a folder of this name that holds something, or the settings
                cannot be written as JSON.
            CatalogRefused: the catalog contradicts itself.
            StampsRefused: the blocks are not one picture a galaxy. In each case the folder is
                left as it was.
        """
        draft = Request(
            run_id=str(uuid.uuid4()),
            created_at=now(),
            config=config,
            input=spec,
            tree_sha256=catalog.tree.sha256,
            catalog_sha256="unknown",
            stamps_sha256="unknown",
            parent_sha256=parent_sha256,
            training_data=training_data,
        )
        draft.values()
        run, is_new = cls(path), _make_empty(path)
        try:
            write_text(run.tree_path, catalog.tree.to_json())
            catalogs.write_catalog(catalog, run.catalog_path)
            stamps_sha256 = stamps.write_stamps(
                run.stamps_path, blocks, n=len(catalog), size_px=spec.size_px
            )
            catalog_sha256 = file_sha256(run.catalog_path)
            request = replace(draft, catalog_sha256=catalog_sha256, stamps_sha256=stamps_sha256)
            write_json(run.request_path, request.values())
        except BaseException:
            _empty(path, is_gone=is_new)
            raise
        return run

    def is_ready(self) -> bool:
        """Return whether the request is complete."""
        return self.request_path.is_file() and not self.request_path.is_symlink()

    def read_request(self) -> Request:
        """Return what is to be trained, all its files checked against their hashes.

        Raises:
            RunRefused: a file is missing, cut off or changed.
        """
        request = read_request(
            self._read_json(self.request_path, "was never finished, or is no run")
        )
        for path, expected in (
            (self.catalog_path, request.catalog_sha256),
            (self.stamps_path, request.stamps_sha256),
        ):
            self._check_regular(path)
            if (actual := file_sha256(path)) != expected:
                raise RunRefused(
                    f"{path.name} of the run {self.path.name} has the SHA-256 {actual[:12]}, and "
                    f"the request expects {shown(expected[:12])}: the copy is incomplete or was "
                    f"changed, so make the run again."
                )
        if (actual := self.read_tree().sha256) != request.tree_sha256:
            raise RunRefused(
                f"tree.json of the run {self.path.name} is the tree {actual[:12]}, and the request "
                f"expects {shown(request.tree_sha256[:12])}: make the run again."
            )
        return request

    def read_tree(self) -> Tree:
        """Return the decision tree.

        Raises:
            RunRefused: the file is missing or no tree.
        """
        self._check_regular(self.tree_path)
        try:
            return Tree.parse(self._read(self.tree_path))
        except TreeRefused as refusal:
            raise RunRefused(
                f"tree.json of the run {self.path.name} is no tree: make the run again. {refusal}"
            ) from None

    def read_catalog(self) -> Catalog:
        """Return the votes.

        Raises:
            RunRefused: the file is missing, or its tree is not that of the run.
            CatalogRefused: it is damaged or contradicts itself.
        """
        self._check_regular(self.catalog_path)
        catalog = catalogs.read_catalog(self.catalog_path)
        if catalog.tree != (tree := self.read_tree()):
            raise RunRefused(
                f"catalog.parquet of the run {self.path.name} is about the tree "
                f"{catalog.tree.sha256[:12]}, and tree.json is {tree.sha256[:12]}: make the run "
                f"again."
            )
        return catalog

    def open_stamps(self, spec: InputSpec, n: int) -> NDArray[np.uint8]:
        """Return the n pictures, uint8 (n, S, S, 3), mapped from the disk.

        Raises:
            RunRefused: the file is missing.
            StampsRefused: it is cut off, or holds other pictures than these.
        """
        self._check_regular(self.stamps_path)
        return stamps.read_stamps(self.stamps_path, n=n, size_px=spec.size_px)

    def open_unlabeled(self, spec: InputSpec) -> NDArray[np.uint8] | None:
        """Return the pictures of a second survey, uint8 (m, S, S, 3), or None.

        Raises:
            RunRefused: they are no plain file.
            StampsRefused: the file is cut off, or its pictures have another size.
        """
        if not self.unlabeled_path.exists():
            return None
        self._check_regular(self.unlabeled_path)
        n = len(stamps.read_all_stamps(self.unlabeled_path))
        return stamps.read_stamps(self.unlabeled_path, n=n, size_px=spec.size_px)

    # Signals.

    def claim(self, worker: str) -> bool:
        """Take the run for a worker; False if somebody has it.

        The heartbeat changes first, so that nobody who waited for the last worker's takes the new
        one for dead.

        Raises:
            RunRefused: this user may not write to the folder.
        """
        claims = Claims(self.claim_path)
        if claims.holder() is not None:
            return False
        try:
            self.write_heartbeat(worker=worker)
            return claims.take(worker, now())
        except OSError as error:
            raise RunRefused(
                f"The run {self.path.name} cannot be claimed ({error.strerror}): let this user "
                f"write to its folder."
            ) from None

    def claimed_by(self) -> str | None:
        """Return the worker that has the run, None if nobody has."""
        return Claims(self.claim_path).holder()

    def break_claim(self, worker: str) -> bool:
        """Free the run from a worker whose heartbeat has not changed; False if it is not theirs.

        Of two watchers who lost patience only one gets True.
        """
        return Claims(self.claim_path).free(worker, now())

    def release(self, worker: str) -> None:
        """Give the run back; nothing happens if the worker does not have it."""
        self.break_claim(worker)

    def cancel(self) -> None:
        """Ask whoever works on it to stop."""
        self.cancel_path.touch()

    def is_cancelled(self) -> bool:
        """Return whether the work shall stop."""
        return self.cancel_path.exists()

    # What the work tells.

    def write_heartbeat(self, **facts: Any) -> None:
        """Say that the work goes on; `beat` grows with each call."""
        beat = self.read_heartbeat().get("beat", 0)
        write_json(self.heartbeat_path, {**facts, "beat": beat + 1, "at": now()})

    def read_heartbeat(self) -> Mapping[str, Any]:
        """Return the last heartbeat, empty if there is none that can be read."""
        try:
            found = read_object(
                read_plain(self.heartbeat_path, max_bytes=_MAX_BYTES),
                refused=RunRefused,
                max_bytes=_MAX_BYTES,
            )
        except (OSError, RunRefused):
            return {}
        return found if type(found.get("beat")) is int else {}

    def append_metrics(self, row: Mapping[str, Any]) -> None:
        """Add a line of figures; NaN is a ValueError."""
        append_line(self.metrics_path, json.dumps(dict(row), allow_nan=False))

    def read_metrics(self) -> list[Mapping[str, Any]]:
        """Return the lines of figures, but one that was cut off or is still being written.

        After a resumption an epoch may stand twice: the later line counts.
        """
        rows: dict[object, Mapping[str, Any]] = {}
        try:
            lines = read_plain(self.metrics_path, max_bytes=_MAX_METRICS_BYTES).split(b"\n")
        except OSError:
            return []
        for line in lines:
            try:
                row = read_object(line, refused=RunRefused, max_bytes=_MAX_BYTES)
            except RunRefused:
                continue
            epoch = row.get("epoch")
            rows[epoch if type(epoch) is int else object()] = row
        return list(rows.values())

    def say(self, line: str) -> None:
        """Add a line to the log."""
        append_line(self.log_path, f"{now()} {line}")

    def write_result(self, result: Result) -> None:
        """Say how the run ended; nothing is written after it.

        Raises:
            RunRefused: a reader would not take it.
        """
        write_json(self.result_path, result.values())

    def read_result(self) -> Result | None:
        """Return how the run ended, None while it has not.

        Raises:
            RunRefused: the result is damaged, or its model file is not the one it names.
        """
        if not self.result_path.exists():
            return None
        result = read_result(self._read_json(self.result_path, "has a damaged result"))
        if result.status == DONE:
            self._check_regular(self.model_path)
            if (actual := file_sha256(self.model_path)) != result.model_sha256:
                raise RunRefused(
                    f"model.onnx of the run {self.path.name} has the SHA-256 {actual[:12]}, and "
                    f"the result names {shown(result.model_sha256[:12])}: do not use it, and train "
                    f"again."
                )
        return result

    def _read_json(self, path: Path, otherwise: str) -> Mapping[str, Any]:
        self._check_regular(path, otherwise)
        try:
            return read_object(self._read(path), refused=RunRefused, max_bytes=_MAX_BYTES)
        except RunRefused as refusal:
            raise RunRefused(
                f"{path.name} of the run {self.path.name} cannot be read. {refusal}"
            ) from None

    def _read(self, path: Path) -> bytes:
        try:
            return read_plain(path, max_bytes=_MAX_BYTES)
        except OSError as error:
            raise RunRefused(
                f"{path.name} of the run {self.path.name} cannot be read ({error.strerror}): make "
                f"the run again."
            ) from None

    def _check_regular(self, path: Path, otherwise: str = "is incomplete") -> None:
        """Refuse a missing file, and links on the way to it, which could lead out of the folder."""
        inside = [path, *path.parents][: len(path.relative_to(self.path).parts)]
        if not path.is_file() or any(step.is_symlink() for step in inside):
            raise RunRefused(
                f"The run {self.path} {otherwise}: {path.name} is missing or no plain file, so "
                f"make the run again."
            )


def now() -> str:
    """Return this moment, ISO 8601 in UTC to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _make_empty(path: Path) -> bool:
    """Make a folder if there is none, and return whether there was none.

    Raises:
        RunRefused: there is something already, or the folder cannot be made.
    """
    try:
        if path.exists() and any(path.iterdir()):
            raise RunRefused(f"{path} is there already and not empty: name a new folder.")
        is_new = not path.exists()
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunRefused(
            f"{path} cannot be made a run ({error.strerror}): name a new folder."
        ) from None
    return is_new


def _empty(path: Path, *, is_gone: bool) -> None:
    """Take away what was made in a folder, and the folder too if it `is_gone`."""
    shutil.rmtree(path, ignore_errors=True)
    if not is_gone:
        path.mkdir(exist_ok=True)
