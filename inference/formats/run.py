"""The run directory, where the site and a training meet: a request in, a model and a result out.

Every file is written under another name and renamed; `request.json` last, so a folder without it
is no run yet, and `result.json` last, so a folder without it is not finished. Two processes never
hold a claim at once, and a heartbeat is judged by its change, as clocks of machines differ.
"""

import json
import os
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from inference.errors import InferenceError, shown
from inference.formats import catalog as catalogs
from inference.formats import stamps
from inference.formats.card import InputSpec
from inference.formats.catalog import Catalog
from inference.formats.fields import Fields
from inference.formats.stamps import StampsRefused, file_sha256
from inference.formats.strict_json import read_object
from inference.formats.tree import Tree

FORMAT = 1
DONE, FAILED, CANCELLED = "done", "failed", "cancelled"
_MAX_BYTES = 2_000_000


class RunRefused(InferenceError):
    """A run directory that is half written, damaged, or of an unknown format."""


@dataclass(frozen=True)
class Request:
    """What is to be trained."""

    run_id: str
    created_at: str  # ISO 8601, UTC
    config: Mapping[str, Any]  # the training's settings, which only it understands
    input: InputSpec
    tree_sha256: str
    catalog_sha256: str
    stamps_sha256: str
    parent_sha256: str = ""  # of the model file it goes on from
    training_data: str = ""  # sentences for the card: whose votes and pictures


@dataclass(frozen=True)
class Result:
    """How a run ended."""

    status: str  # "done", "failed" or "cancelled"
    finished_at: str
    model_sha256: str = ""
    error: str = ""  # one sentence
    metrics: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class RunFolder:
    """A run directory; the properties are its files."""

    path: Path

    @property
    def request_path(self) -> Path:
        """What is to be done; written last."""
        return self.path / "request.json"

    @property
    def tree_path(self) -> Path:
        """The decision tree."""
        return self.path / "tree.json"

    @property
    def catalog_path(self) -> Path:
        """The votes."""
        return self.path / "catalog.parquet"

    @property
    def stamps_path(self) -> Path:
        """The pictures at model size, in the catalog's order."""
        return self.path / "stamps" / "images.npy"

    @property
    def unlabeled_path(self) -> Path:
        """Pictures of a second survey without votes; optional."""
        return self.path / "stamps" / "unlabeled.npy"

    @property
    def claim_path(self) -> Path:
        """Who works on it."""
        return self.path / "claim"

    @property
    def cancel_path(self) -> Path:
        """There if the work shall stop."""
        return self.path / "cancel"

    @property
    def heartbeat_path(self) -> Path:
        """How far the work has come, rewritten while it goes on."""
        return self.path / "heartbeat.json"

    @property
    def metrics_path(self) -> Path:
        """A line of figures for each epoch."""
        return self.path / "metrics.jsonl"

    @property
    def log_path(self) -> Path:
        """What the work said."""
        return self.path / "log.txt"

    @property
    def checkpoints(self) -> Path:
        """The folder of the training's states."""
        return self.path / "checkpoints"

    @property
    def model_path(self) -> Path:
        """The model file."""
        return self.path / "model.onnx"

    @property
    def result_path(self) -> Path:
        """How it ended; written last."""
        return self.path / "result.json"

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
            blocks: the catalog's pictures at model size, in its order, uint8 (any, S, S, 3).

        Raises:
            RunRefused: there is a folder of this name that holds something.
        """
        run = cls(path)
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise RunRefused(f"{path} is there already and not empty: name a new folder.")
        path.mkdir(parents=True, exist_ok=True)
        write_text(run.tree_path, catalog.tree.to_json())
        catalogs.write_catalog(catalog, run.catalog_path)
        stamps_sha256 = stamps.write_stamps(
            run.stamps_path, blocks, n=len(catalog), size_px=spec.size_px
        )
        request = {
            "format": FORMAT,
            "run_id": str(uuid.uuid4()),
            "created_at": now(),
            "config": dict(config),
            "input": {"size_px": spec.size_px, "crop": spec.crop},
            "tree_sha256": catalog.tree.sha256,
            "catalog_sha256": file_sha256(run.catalog_path),
            "stamps_sha256": stamps_sha256,
            "parent_sha256": parent_sha256,
            "training_data": training_data,
        }
        write_json(run.request_path, request)
        return run

    def is_ready(self) -> bool:
        """Return whether the request is complete."""
        return self.request_path.is_file()

    def read_request(self) -> Request:
        """Return what is to be trained, all its files checked against their hashes.

        Raises:
            RunRefused: a file is missing, cut off or changed.
        """
        values = self._read_json(self.request_path, "was never finished, or is no run")
        request = _request(values)
        for path, expected in (
            (self.catalog_path, request.catalog_sha256),
            (self.stamps_path, request.stamps_sha256),
        ):
            self._check_regular(path)
            if (actual := file_sha256(path)) != expected:
                raise RunRefused(
                    f"{path.name} of the run {self.path.name} has the SHA-256 {actual[:12]}, and "
                    f"the request expects {expected[:12]}: the copy is incomplete or was changed, "
                    f"so make the run again."
                )
        if (actual := self.read_tree().sha256) != request.tree_sha256:
            raise RunRefused(
                f"tree.json of the run {self.path.name} is the tree {actual[:12]}, and the request "
                f"expects {request.tree_sha256[:12]}: make the run again."
            )
        return request

    def read_tree(self) -> Tree:
        """Return the decision tree; refused as `Tree.parse` refuses."""
        self._check_regular(self.tree_path)
        return Tree.parse(self.tree_path.read_bytes())

    def read_catalog(self) -> Catalog:
        """Return the votes; refused as `read_catalog` refuses."""
        self._check_regular(self.catalog_path)
        return catalogs.read_catalog(self.catalog_path)

    def open_stamps(self, spec: InputSpec, n: int) -> NDArray[np.uint8]:
        """Return the n pictures, uint8 (n, S, S, 3), mapped from the disk."""
        self._check_regular(self.stamps_path)
        return stamps.read_stamps(self.stamps_path, n=n, size_px=spec.size_px)

    def open_unlabeled(self, spec: InputSpec) -> NDArray[np.uint8] | None:
        """Return the pictures of a second survey, uint8 (m, S, S, 3), or None."""
        if not self.unlabeled_path.exists():
            return None
        self._check_regular(self.unlabeled_path)
        try:
            n = len(np.load(self.unlabeled_path, mmap_mode="r", allow_pickle=False))
        except (OSError, ValueError, EOFError):
            raise RunRefused(
                f"{self.unlabeled_path.name} of the run {self.path.name} cannot be read: it is cut "
                f"off, so make it again or delete it."
            ) from None
        return stamps.read_stamps(self.unlabeled_path, n=n, size_px=spec.size_px)

    # Signals.

    def claim(self, worker: str) -> bool:
        """Take the run for a worker; False if somebody has it.

        The file is made complete under another name and linked, so it is never seen half written.
        """
        temporary = self.path / f".claim.{uuid.uuid4()}"
        temporary.write_text(json.dumps({"worker": worker, "claimed_at": now()}))
        try:
            os.link(temporary, self.claim_path)
        except FileExistsError:
            return False
        finally:
            temporary.unlink(missing_ok=True)
        return True

    def claimed_by(self) -> str | None:
        """Return the worker that has the run, None if nobody has."""
        try:
            return str(json.loads(self.claim_path.read_text())["worker"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError):
            return "somebody unknown"

    def break_claim(self, worker: str) -> bool:
        """Take the claim from a worker whose heartbeat has not changed; False if it is not theirs.

        The rename has one winner, so of two watchers who lost patience only one goes on.
        """
        if self.claimed_by() != worker:
            return False
        aside = self.path / f".broken.{uuid.uuid4()}"
        try:
            self.claim_path.rename(aside)
        except FileNotFoundError:
            return False
        aside.unlink(missing_ok=True)
        return True

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
        write_json(self.heartbeat_path, {"beat": beat + 1, "at": now(), **facts})

    def read_heartbeat(self) -> Mapping[str, Any]:
        """Return the last heartbeat, empty if there is none that can be read."""
        try:
            found = json.loads(self.heartbeat_path.read_text())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) and isinstance(found.get("beat"), int) else {}

    def append_metrics(self, row: Mapping[str, Any]) -> None:
        """Add a line of figures."""
        with self.metrics_path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(dict(row), allow_nan=False) + "\n")

    def read_metrics(self) -> list[Mapping[str, Any]]:
        """Return the lines of figures; a last one that is still being written is left out.

        After a resumption an epoch may stand twice: the later line counts.
        """
        rows: dict[Any, Mapping[str, Any]] = {}
        try:
            lines = self.metrics_path.read_text(encoding="utf-8").splitlines()
        except OSError:
            return []
        for line in lines:
            try:
                row = json.loads(line)
            except ValueError:
                continue
            rows[row.get("epoch", len(rows))] = row
        return list(rows.values())

    def say(self, line: str) -> None:
        """Add a line to the log."""
        with self.log_path.open("a", encoding="utf-8") as file:
            file.write(f"{now()} {line}\n")

    def write_result(self, result: Result) -> None:
        """Say how the run ended; nothing is written after it."""
        write_json(
            self.result_path,
            {
                "format": FORMAT,
                "status": result.status,
                "finished_at": result.finished_at,
                "model_sha256": result.model_sha256,
                "error": result.error,
                "metrics": dict(result.metrics),
            },
        )

    def read_result(self) -> Result | None:
        """Return how the run ended, None while it has not.

        Raises:
            RunRefused: the result is damaged, or its model file is not the one it names.
        """
        if not self.result_path.exists():
            return None
        values = self._read_json(self.result_path, "has a damaged result")
        fields = Fields(f"The result of {self.path.name}", values, RunRefused)
        fields.count("format", least=1, most=FORMAT)
        result = Result(
            status=fields.choice("status", DONE, FAILED, CANCELLED),
            finished_at=fields.text("finished_at", longest=60),
            model_sha256=fields.text("model_sha256", longest=64, default=""),
            error=fields.text("error", longest=4000, default="", lines=True),
            metrics=values.get("metrics") or {},
        )
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
        return read_object(path.read_bytes(), refused=RunRefused, max_bytes=_MAX_BYTES)

    def _check_regular(self, path: Path, otherwise: str = "is incomplete") -> None:
        """Refuse a missing file, and a link, which could lead out of the folder."""
        if path.is_symlink() or not path.is_file():
            raise RunRefused(
                f"The run {self.path} {otherwise}: {path.name} is missing or no plain file. Make "
                f"it again with `python -m training prepare`."
            )


def now() -> str:
    """Return this moment, ISO 8601 in UTC to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Write JSON by a rename, on disk before it has its name."""
    write_text(path, json.dumps(dict(values), allow_nan=False, indent=2) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a text by a rename, on disk before it has its name."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4()}")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _request(values: Mapping[str, Any]) -> Request:
    fields = Fields("The request", values, RunRefused)
    fields.count("format", least=1, most=FORMAT)
    spec, config = values.get("input"), values.get("config")
    if not isinstance(spec, Mapping) or not isinstance(config, Mapping):
        raise fields.error("lacks input or config. Make the run again.")
    inner = Fields("The request's input", spec, RunRefused)
    crop = spec.get("crop")
    if isinstance(crop, bool) or not isinstance(crop, int | float):
        raise inner.error(f"has the crop {shown(crop)}. Write a number above 0 and up to 1.")
    return Request(
        run_id=fields.text("run_id", longest=60),
        created_at=fields.text("created_at", longest=60),
        config=config,
        input=InputSpec(inner.count("size_px", least=16, most=1024), float(crop)),
        tree_sha256=fields.text("tree_sha256", longest=64),
        catalog_sha256=fields.text("catalog_sha256", longest=64),
        stamps_sha256=fields.text("stamps_sha256", longest=64),
        parent_sha256=fields.text("parent_sha256", longest=64, default=""),
        training_data=fields.text("training_data", longest=4000, default="", lines=True),
    )


__all__ = [
    "CANCELLED",
    "DONE",
    "FAILED",
    "Request",
    "Result",
    "RunFolder",
    "RunRefused",
    "StampsRefused",
]
