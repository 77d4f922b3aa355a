"""The JSON files of a run directory: the request that starts it, and the result that ends it."""

import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from inference.errors import InferenceError, shown
from inference.formats.card_parts import InputSpec
from inference.formats.fields import Fields

FORMAT = 1
DONE, FAILED, CANCELLED = "done", "failed", "cancelled"
_MAX_SHA256, _MAX_SENTENCES, _MAX_TRAINING_DATA = 64, 4_000, 20_000


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

    def values(self) -> dict[str, Any]:
        """Return the JSON object, checked as a reader will.

        Raises:
            RunRefused: a reader would not take it.
        """
        found = {
            "format": FORMAT,
            "run_id": self.run_id,
            "created_at": self.created_at,
            "config": dict(self.config),
            "input": {"size_px": self.input.size_px, "crop": self.input.crop},
            "tree_sha256": self.tree_sha256,
            "catalog_sha256": self.catalog_sha256,
            "stamps_sha256": self.stamps_sha256,
            "parent_sha256": self.parent_sha256,
            "training_data": self.training_data,
        }
        _check_json("The request", found)
        read_request(found)
        return found


@dataclass(frozen=True)
class Result:
    """How a run ended."""

    status: str  # "done", "failed" or "cancelled"
    finished_at: str
    model_sha256: str = ""
    error: str = ""  # one sentence
    metrics: Mapping[str, Any] = field(default_factory=dict)

    def values(self) -> dict[str, Any]:
        """Return the JSON object; of an error, what can be stored.

        Raises:
            RunRefused: a reader would not take it.
        """
        found = {
            "format": FORMAT,
            "status": self.status,
            "finished_at": self.finished_at,
            "model_sha256": self.model_sha256,
            "error": _storable(self.error),
            "metrics": dict(self.metrics),
        }
        _check_json("The result", found)
        read_result(found)
        return found


def read_request(values: Mapping[str, Any]) -> Request:
    """Return what a request's JSON object says.

    Raises:
        RunRefused: a field is missing or wrong; further fields are left alone.
    """
    fields = _fields("The request", values)
    return Request(
        run_id=fields.key("run_id"),
        created_at=fields.text("created_at", longest=60),
        config=_object(fields, "config"),
        input=InputSpec.read(Fields("The request's input", _object(fields, "input"), RunRefused)),
        tree_sha256=fields.text("tree_sha256", longest=_MAX_SHA256),
        catalog_sha256=fields.text("catalog_sha256", longest=_MAX_SHA256),
        stamps_sha256=fields.text("stamps_sha256", longest=_MAX_SHA256),
        parent_sha256=fields.text("parent_sha256", longest=_MAX_SHA256, default=""),
        training_data=fields.text(
            "training_data", longest=_MAX_TRAINING_DATA, default="", lines=True
        ),
    )


def read_result(values: Mapping[str, Any]) -> Result:
    """Return what a result's JSON object says.

    Raises:
        RunRefused: a field is missing or wrong.
    """
    fields = _fields("The result", values)
    return Result(
        status=fields.choice("status", DONE, FAILED, CANCELLED),
        finished_at=fields.text("finished_at", longest=60),
        model_sha256=fields.text("model_sha256", longest=_MAX_SHA256, default=""),
        error=fields.text("error", longest=_MAX_SENTENCES, default="", lines=True),
        metrics=_object(fields, "metrics"),
    )


def _fields(where: str, values: Mapping[str, Any]) -> Fields:
    fields = Fields(where, values, RunRefused)
    if values.get("format") != FORMAT:
        raise fields.error(
            f"is of the format {shown(values.get('format'))}, and this software knows {FORMAT}. "
            f"Update the software."
        )
    return fields


def _object(fields: Fields, name: str) -> Mapping[str, Any]:
    value = fields.values.get(name)
    if not isinstance(value, Mapping):
        raise fields.error(f"has the {name} {shown(value)}. Write an object {{…}}.")
    return value


def _check_json(where: str, values: Mapping[str, Any]) -> None:
    try:
        json.dumps(values, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise RunRefused(
            f"{where} cannot be written as JSON ({error}). Give it finite numbers, texts, lists "
            f"and objects only."
        ) from None


def _storable(text: str) -> str:
    """Return a text without controls, such as a terminal's colors, and cut to what a reader takes.

    An error that cannot be stored would leave a run without an end.
    """
    kept = "".join(
        character
        if character == "\n" or unicodedata.category(character) not in ("Cc", "Cs")
        else "�"
        for character in text
    )
    return kept if len(kept) <= _MAX_SENTENCES else kept[: _MAX_SENTENCES - 1] + "…"
