"""The parts of a model file's card, each checked, and each as a JSON object."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from inference.errors import InferenceError, shown
from inference.formats.fields import Fields

MAX_SEED = 2**63 - 1
_LARGEST = 1e12  # of a scale or a concentration; nothing that was computed well comes near


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

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """Return what the fields size_px and crop say."""
        size_px = fields.count("size_px", least=16, most=1024)
        crop = number(fields, "crop", least=0, most=1)
        if crop == 0:
            raise fields.error("has the crop 0. Write a number above 0 and up to 1.")
        return cls(size_px, crop)


@dataclass(frozen=True)
class Masks:
    """The fixed dropout masks of the head that give `alpha_mc` its samples."""

    samples: int
    dropout: float
    seed: int

    def __post_init__(self) -> None:
        if (
            not 1 <= self.samples <= 256
            or not 0 <= self.dropout <= 0.95
            or not 0 <= self.seed <= MAX_SEED
        ):
            raise CardRefused(
                f"The head has {self.samples} masks with a dropout of {self.dropout} and the seed "
                f"{self.seed}. Use 1 to 256 masks, a dropout of 0 to 0.95, and a seed from 0."
            )

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """Return what the fields say."""
        return cls(
            samples=fields.count("samples", least=1, most=256),
            dropout=number(fields, "dropout", least=0, most=0.95),
            seed=fields.count("seed", least=0, most=MAX_SEED),
        )

    def values(self) -> dict[str, Any]:
        """Return the fields."""
        return {"samples": self.samples, "dropout": float(self.dropout), "seed": self.seed}


@dataclass(frozen=True)
class Calibration:
    """How much the concentrations of each question are worth in real votes.

    alpha times a question's scale has intervals that cover what people said; 1 where not fitted.
    """

    scales: Mapping[str, float]  # by the question's key, > 0
    set_sha256: str  # of the galaxies and votes it was fitted on
    n_subjects: int

    def __post_init__(self) -> None:
        for key, scale in self.scales.items():
            if not is_positive(scale):
                raise CardRefused(
                    f'The calibration scales "{key}" by {shown(scale)}. Use a number above 0.'
                )

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """Return what the fields say."""
        scales = fields.values.get("scales")
        if not isinstance(scales, Mapping):
            raise fields.error(f"has the scales {shown(scales)}. Write an object {{…}}.")
        for key, scale in scales.items():
            if not is_positive(scale):
                raise fields.error(f'scales "{key}" by {shown(scale)}. Write a number above 0.')
        return cls(
            scales={key: float(scale) for key, scale in scales.items()},
            set_sha256=fields.text("set_sha256", longest=64),
            n_subjects=fields.count("n_subjects", least=0, most=10**12),
        )

    def values(self) -> dict[str, Any]:
        """Return the fields."""
        return {
            "scales": {key: float(scale) for key, scale in self.scales.items()},
            "set_sha256": self.set_sha256,
            "n_subjects": self.n_subjects,
        }


def number(fields: Fields, name: str, *, least: float, most: float) -> float:
    """Return a number from least to most."""
    value = fields.values.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise fields.error(f"has the {name} {shown(value)}. Write a number {least:g} to {most:g}.")
    return float(value)


def is_positive(value: object) -> bool:
    """Say whether this is a usable scale or concentration: finite, and above 0."""
    return isinstance(value, int | float) and value is not True and 0 < value <= _LARGEST
