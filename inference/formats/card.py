"""The card of a model file: what it was trained on, what it expects, and how far to trust it.

It travels in the file's own metadata, so nothing beside the file can be lost or swapped.
docs/formats.md describes every key.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from inference.errors import InferenceError, TreeRefused, shown
from inference.formats.fields import Fields
from inference.formats.golden import N_GOLDEN, Golden
from inference.formats.strict_json import read_object
from inference.formats.tree import Tree

CONTRACT = "1"
EMBEDDING_SIZE = 128
_MAX_BYTES = 4_000_000
_PRECISIONS = ("float32", "float16")
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


class CardRefused(InferenceError):
    """The metadata of a model file that is no card, or one that contradicts itself."""


@dataclass(frozen=True)
class InputSpec:
    """How a picture becomes what a network sees: RGB, Lanczos, a square around the center."""

    size_px: int
    crop: float = 1.0  # share of the picture's short side that is kept, (0, 1]

    def __post_init__(self) -> None:
        if not 16 <= self.size_px <= 1024 or not 0 < self.crop <= 1:
            raise CardRefused(
                f"The input is {self.size_px} px with a crop of {self.crop}. Use 16 to 1024 px and "
                f"a crop above 0 and up to 1."
            )


@dataclass(frozen=True)
class Masks:
    """The fixed dropout masks of the head that give `alpha_mc` its samples."""

    samples: int
    dropout: float
    seed: int


@dataclass(frozen=True)
class Calibration:
    """How much the concentrations of each question are worth in real votes.

    alpha times a question's scale has intervals that cover what people said; 1 where not fitted.
    """

    scales: Mapping[str, float]  # by the question's key, > 0
    set_sha256: str  # of the galaxies and votes it was fitted on
    n_subjects: int


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
        """Return the card as the texts of a model file's metadata."""
        calibration = self.calibration and {
            "scales": dict(self.calibration.scales),
            "set_sha256": self.calibration.set_sha256,
            "n_subjects": self.calibration.n_subjects,
        }
        values: dict[str, Any] = {
            "gz.schema": {"sha256": self.tree.sha256, "tree": json.loads(self.tree.to_json())},
            "gz.input": {
                "size_px": self.input.size_px,
                "crop": self.input.crop,
                "color": "rgb",
                "resampling": "lanczos",
                "precision": self.precision,
                "aux": list(self.aux_names),
            },
            "gz.mc": {
                "samples": self.masks.samples,
                "dropout": self.masks.dropout,
                "seed": self.masks.seed,
            },
            "gz.cam": {"exact": self.cam_exact},
            "gz.calibration": calibration or None,
            "gz.lineage": dict(self.lineage),
            "gz.metrics": dict(self.metrics),
            "gz.golden": {"seed": self.golden.seed, "alpha": [list(r) for r in self.golden.alpha]},
        }
        texts = {
            "gz.contract": CONTRACT,
            "gz.model_id": self.model_id,
            "gz.created": self.created_at,
            "gz.alpha": self.alpha_form,
            "gz.licence": self.training_data,
        }
        written = {k: json.dumps(v, allow_nan=False, sort_keys=True) for k, v in values.items()}
        # The tree keeps the order of its fields, which is that of the canonical file.
        written["gz.schema"] = json.dumps(values["gz.schema"], ensure_ascii=False)
        return dict(sorted((texts | written).items()))

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str]) -> Self:
        """Return the card that a model file's metadata hold.

        Raises:
            CardRefused: one sentence with the key, the value and the remedy.
        """
        _check_keys(metadata)
        tree = _tree(_object(metadata, "gz.schema"))
        aux, precision, spec = _input(_object(metadata, "gz.input"))
        masks = Fields("The card's gz.mc", _object(metadata, "gz.mc"), CardRefused)
        return cls(
            model_id=metadata["gz.model_id"],
            created_at=metadata["gz.created"],
            tree=tree,
            input=spec,
            alpha_form=metadata["gz.alpha"],
            masks=Masks(
                samples=masks.count("samples", least=1, most=256),
                dropout=_number(masks, "dropout", least=0, most=0.95),
                seed=masks.count("seed", least=0, most=2**63),
            ),
            golden=_golden(_object(metadata, "gz.golden"), tree),
            cam_exact=Fields("The card's gz.cam", _object(metadata, "gz.cam"), CardRefused).flag(
                "exact"
            ),
            calibration=_calibration(metadata["gz.calibration"], tree),
            aux_names=aux,
            precision=precision,
            lineage=_object(metadata, "gz.lineage"),
            metrics=_object(metadata, "gz.metrics"),
            training_data=metadata["gz.licence"],
        )

    def kappa(self) -> NDArray[np.float64]:
        """Return the calibration of each answer's question over the axis, (K,); 1 without one."""
        scales = self.calibration.scales if self.calibration else {}
        keys = [self.tree.questions[answer.question].key for answer in self.tree.answers]
        return np.array([scales.get(key, 1.0) for key in keys], dtype=np.float64)


def _check_keys(metadata: Mapping[str, str]) -> None:
    missing = [key for key in _KEYS if key not in metadata]
    if missing:
        raise CardRefused(
            f"The model file's metadata lack {missing[0]}: export the model with "
            f"`python -m training export`, which writes the card."
        )
    if metadata["gz.contract"] != CONTRACT:
        raise CardRefused(
            f"The model file follows contract {shown(metadata['gz.contract'])}, and this software "
            f"knows {CONTRACT}: update the software, or export the model again."
        )


def _object(metadata: Mapping[str, str], key: str) -> Mapping[str, Any]:
    try:
        return read_object(metadata[key], refused=CardRefused, max_bytes=_MAX_BYTES)
    except CardRefused as refusal:
        raise CardRefused(f"The card's {key} cannot be read. {refusal}") from None


def _tree(values: Mapping[str, Any]) -> Tree:
    fields = Fields("The card's gz.schema", values, CardRefused)
    try:
        tree = Tree.parse(values.get("tree", {}))
    except TreeRefused as refusal:
        raise fields.error(f"holds no decision tree. {refusal}") from None
    if values.get("sha256") != tree.sha256:
        raise fields.error(
            f"names the tree {shown(values.get('sha256'))}, but holds {tree.sha256[:12]}. Export "
            f"the model again."
        )
    return tree


def _input(values: Mapping[str, Any]) -> tuple[tuple[str, ...], str, InputSpec]:
    fields = Fields("The card's gz.input", values, CardRefused)
    fields.choice("color", "rgb")
    fields.choice("resampling", "lanczos")
    spec = InputSpec(
        size_px=fields.count("size_px", least=16, most=1024),
        crop=_number(fields, "crop", least=0, most=1),
    )
    return (
        fields.texts("aux", longest=60, most=200),
        fields.choice("precision", *_PRECISIONS),
        spec,
    )


def _golden(values: Mapping[str, Any], tree: Tree) -> Golden:
    fields = Fields("The card's gz.golden", values, CardRefused)
    rows = values.get("alpha")
    if (
        not isinstance(rows, list)
        or len(rows) != N_GOLDEN
        or not all(isinstance(row, list) and len(row) == tree.n_answers for row in rows)
        or not all(_is_positive(value) for row in rows for value in row)
    ):
        raise fields.error(
            f"holds no {N_GOLDEN} rows of {tree.n_answers} numbers above 0. Export the model again."
        )
    alpha = tuple(tuple(float(value) for value in row) for row in rows)
    return Golden(seed=fields.count("seed", least=0, most=2**63), alpha=alpha)


def _calibration(text: str, tree: Tree) -> Calibration | None:
    if text == "null":
        return None
    values = read_object(text, refused=CardRefused, max_bytes=_MAX_BYTES)
    fields = Fields("The card's gz.calibration", values, CardRefused)
    scales = values.get("scales")
    keys = {question.key for question in tree.questions}
    if not isinstance(scales, Mapping) or not set(scales) <= keys:
        raise fields.error("does not name its scales by questions of the tree. Export again.")
    for key, value in scales.items():
        if not _is_positive(value):
            raise fields.error(f"scales {key} by {shown(value)}. Use a number above 0.")
    return Calibration(
        scales={key: float(value) for key, value in scales.items()},
        set_sha256=fields.text("set_sha256", longest=64),
        n_subjects=fields.count("n_subjects", least=0, most=10**12),
    )


def _number(fields: Fields, name: str, *, least: float, most: float) -> float:
    value = fields.values.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise fields.error(f"has the {name} {shown(value)}. Write a number {least} to {most}.")
    return float(value)


def _is_positive(value: object) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(value) and value > 0  # type: ignore[operator]
