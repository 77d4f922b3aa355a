"""The card of a model file: what it was trained on, what it expects, and how far to trust it.

It travels in the file's own metadata, so nothing beside the file can be lost or swapped.
docs/formats.md describes every key.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from inference.errors import TreeRefused, shown
from inference.formats.card_parts import (
    MAX_SEED,
    Calibration,
    CardRefused,
    InputSpec,
    Masks,
    is_positive,
)
from inference.formats.fields import Fields
from inference.formats.golden import N_GOLDEN, Golden
from inference.formats.strict_json import read_object
from inference.formats.tree import Tree

__all__ = [
    "CONTRACT",
    "EMBEDDING_SIZE",
    "Calibration",
    "Card",
    "CardRefused",
    "InputSpec",
    "Masks",
]

CONTRACT = "1"
EMBEDDING_SIZE = 128
_MAX_BYTES = 4_000_000
_MAX_NAME, _MAX_SENTENCES, _MAX_AUX = 200, 20_000, 200
_PRECISIONS = ("float32", "float16")
_NORM = "in the graph"
_KEYS = (
    "gz.contract",
    "gz.model_id",
    "gz.created",
    "gz.schema",
    "gz.input",
    "gz.alpha",
    "gz.mc",
    "gz.cam",
    "gz.calibration",
    "gz.lineage",
    "gz.metrics",
    "gz.golden",
    "gz.licence",
)


@dataclass(frozen=True)
class Card:
    """What a model file says of itself."""

    model_id: str
    created_at: str  # of the training, ISO 8601 UTC: an export can be repeated byte by byte
    tree: Tree
    input: InputSpec
    alpha_form: str
    masks: Masks
    golden: Golden
    cam_exact: bool = False
    calibration: Calibration | None = None
    aux_names: tuple[str, ...] = ()
    precision: str = "float32"
    lineage: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    training_data: str = ""  # sentences: whose votes and pictures, their licenses

    def to_metadata(self) -> dict[str, str]:
        """Return the card as the texts of a model file's metadata; equal cards, equal texts.

        Raises:
            CardRefused: `from_metadata` would not read it.
        """
        self._check()
        objects: dict[str, Mapping[str, Any] | None] = {
            "gz.schema": {"sha256": self.tree.sha256, "tree": json.loads(self.tree.to_json())},
            "gz.input": {
                "size_px": self.input.size_px,
                "crop": float(self.input.crop),
                "color": "rgb",
                "resampling": "lanczos",
                "precision": self.precision,
                "aux": list(self.aux_names),
            },
            "gz.mc": self.masks.values(),
            "gz.cam": {"exact": self.cam_exact},
            "gz.calibration": None if self.calibration is None else self.calibration.values(),
            "gz.lineage": self.lineage,
            "gz.metrics": self.metrics,
            "gz.golden": {"seed": self.golden.seed, "alpha": self.golden.alpha},
        }
        texts = {
            "gz.contract": CONTRACT,
            "gz.model_id": self.model_id,
            "gz.created": self.created_at,
            "gz.norm": _NORM,
            "gz.alpha": self.alpha_form,
            "gz.licence": self.training_data,
        }
        texts |= {key: _written(key, values) for key, values in objects.items()}
        return dict(sorted(texts.items()))

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str]) -> Self:
        """Return the card that a model file's metadata hold.

        Raises:
            CardRefused: one sentence with the key, the value and the remedy.
        """
        _check_keys(metadata)
        spec = _fields(metadata, "gz.input")
        spec.choice("color", "rgb")
        spec.choice("resampling", "lanczos")
        has_calibration = metadata["gz.calibration"] != "null"
        card = cls(
            model_id=metadata["gz.model_id"],
            created_at=metadata["gz.created"],
            tree=_tree(_fields(metadata, "gz.schema")),
            input=InputSpec.read(spec),
            alpha_form=metadata["gz.alpha"],
            masks=Masks.read(_fields(metadata, "gz.mc")),
            golden=_golden(_fields(metadata, "gz.golden")),
            cam_exact=_fields(metadata, "gz.cam").flag("exact"),
            calibration=Calibration.read(_fields(metadata, "gz.calibration"))
            if has_calibration
            else None,
            aux_names=spec.texts("aux", longest=_MAX_NAME, most=_MAX_AUX),
            precision=spec.choice("precision", *_PRECISIONS),
            lineage=_fields(metadata, "gz.lineage").values,
            metrics=_fields(metadata, "gz.metrics").values,
            training_data=metadata["gz.licence"],
        )
        card._check()
        return card

    def kappa(self) -> NDArray[np.float64]:
        """Return the calibration of each answer's question over the axis, (K,); 1 without one."""
        scales = self.calibration.scales if self.calibration else {}
        keys = [self.tree.questions[answer.question].key for answer in self.tree.answers]
        return np.array([scales.get(key, 1.0) for key in keys], dtype=np.float64)

    def _check(self) -> None:
        """Refuse what the parts cannot know of each other."""
        texts = {
            "model_id": self.model_id,
            "created_at": self.created_at,
            "alpha_form": self.alpha_form,
            "training_data": self.training_data,
            "precision": self.precision,
            "aux_names": self.aux_names,
        }
        fields = Fields("The card", texts, CardRefused)
        for name in ("model_id", "created_at", "alpha_form"):
            fields.text(name, longest=_MAX_NAME)
        fields.text("training_data", longest=_MAX_SENTENCES, default="", lines=True)
        fields.choice("precision", *_PRECISIONS)
        fields.texts("aux_names", longest=_MAX_NAME, most=_MAX_AUX)
        if not _is_utc(self.created_at):
            raise fields.error(
                f"has the created_at {shown(self.created_at)}. Write a moment in UTC such as "
                f"2026-01-31T12:00:00+00:00."
            )
        self._check_calibration()
        self._check_golden()

    def _check_calibration(self) -> None:
        keys = {question.key for question in self.tree.questions}
        for key in self.calibration.scales if self.calibration else ():
            if key not in keys:
                raise CardRefused(
                    f"The calibration scales {shown(key)}, which is no question of the tree "
                    f'"{self.tree.key}". Calibrate on votes of this tree.'
                )

    def _check_golden(self) -> None:
        rows = self.golden.alpha
        fits = len(rows) == N_GOLDEN and all(len(row) == self.tree.n_answers for row in rows)
        if not fits or not all(is_positive(value) for row in rows for value in row):
            raise CardRefused(
                f"The golden outputs of the card are not {N_GOLDEN} rows of {self.tree.n_answers} "
                f"numbers above 0, one an answer of its tree. Export the model again."
            )


def _written(key: str, values: Mapping[str, Any] | None) -> str:
    try:
        return json.dumps(values, allow_nan=False, sort_keys=True)
    except (TypeError, ValueError) as error:
        raise CardRefused(
            f"The card's {key} cannot be written as JSON ({error}). Give it finite numbers, texts, "
            f"lists and objects only."
        ) from None


def _check_keys(metadata: Mapping[str, str]) -> None:
    missing = [key for key in _KEYS if key not in metadata]
    if missing:
        raise CardRefused(
            f"The model file's metadata lack {missing[0]}. Export the model with "
            f"`python -m training export`, which writes the card."
        )
    if metadata["gz.contract"] != CONTRACT:
        raise CardRefused(
            f"The model file follows contract {shown(metadata['gz.contract'])}, and this software "
            f"knows {CONTRACT}. Update the software, or export the model again."
        )
    if metadata.get("gz.norm", _NORM) != _NORM:
        raise CardRefused(
            f"The card's gz.norm is {shown(metadata['gz.norm'])}. Put the normalization into the "
            f'graph, and write "{_NORM}".'
        )


def _fields(metadata: Mapping[str, str], key: str) -> Fields:
    try:
        values = read_object(metadata[key], refused=CardRefused, max_bytes=_MAX_BYTES)
    except CardRefused as refusal:
        raise CardRefused(f"The card's {key} cannot be read. {refusal}") from None
    fields = Fields(f"The card's {key}", values, CardRefused)
    try:
        json.dumps(values, allow_nan=False)  # a number such as 1e999 is read as infinite
    except (ValueError, RecursionError):
        raise fields.error("holds a number too large or a nest too deep. Flatten it.") from None
    return fields


def _tree(fields: Fields) -> Tree:
    document, sha256 = fields.values.get("tree"), fields.values.get("sha256")
    try:
        tree = Tree.parse(document if isinstance(document, Mapping) else {})
    except TreeRefused as refusal:
        raise fields.error(f"holds no decision tree. {refusal}") from None
    if sha256 != tree.sha256:
        raise fields.error(
            f"names the tree {shown(sha256)}, but holds {tree.sha256[:12]}. Export the model again."
        )
    return tree


def _golden(fields: Fields) -> Golden:
    rows = fields.values.get("alpha")
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise fields.error(f"has the alpha {shown(rows)}. Export the model again.")
    if not all(is_positive(value) for row in rows for value in row):
        raise fields.error("has an alpha that is no number above 0. Export the model again.")
    return Golden(
        seed=fields.count("seed", least=0, most=MAX_SEED),
        alpha=tuple(tuple(float(value) for value in row) for row in rows),
    )


def _is_utc(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).utcoffset() == timedelta(0)
    except ValueError:
        return False
