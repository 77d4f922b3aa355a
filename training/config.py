"""The settings of a training: a TOML file, or the object in a run's request."""

import dataclasses
import math
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from inference.errors import shown
from inference.formats.card import InputSpec
from training.errors import ConfigRefused

MAX_BYTES = 100_000

HEADS = ("dirichlet", "categorical")
ALPHA_FORMS = ("1+100*sigmoid", "softplus")
PRECISIONS = ("float32", "bfloat16", "float16")
STAGES = ("all", "head", "gradual")
ADAPTATIONS = ("none", "statistics", "alignment")


@dataclass(frozen=True)
class Config:
    """One training, as it can be repeated.

    A share lies in [0, 1]; learning rates are those of AdamW.
    """

    # The network.
    architecture: str = "residual"  # "residual", "textbook", or "timm/<name>"
    width: int = 16  # channels of the first stage; each further one has twice as many
    depth: int = 4  # stages
    stem_stride: int = 2
    size_px: int = 64
    crop: float = 1.0
    head: str = "dirichlet"
    alpha_form: str = "softplus"
    dropout: float = 0.2  # in front of the head
    masks: int = 32  # fixed dropout masks in the file, for alpha_mc
    aux: tuple[str, ...] = ()  # columns of the catalog that the head also sees
    # Where it begins.
    pretrained: str = ""  # a .safetensors file, or "hub" for timm's own; empty: from scratch
    stages: str = "all"  # what is trained: all, the head, or from the head downward
    layer_decay: float = 1.0  # learning rate of a stage, relative to the one behind it
    # How it goes on.
    epochs: int = 30
    batch_size: int = 64
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    warmup_epochs: float = 2.0
    ema_decay: float = 0.995
    patience: int = 10  # epochs without a better validation loss
    clip_norm: float = 2.0
    precision: str = "float32"
    threads: int = 0  # of the processor; 0: all that this process may use
    seed: int = 0
    # What is done to the pictures.
    rotate: bool = True
    flip: bool = True
    zoom: float = 0.25  # up to this share larger or smaller
    shift: float = 0.06  # of the side
    brightness: float = 0.15
    color: float = 0.05
    noise: float = 0.01  # standard deviation, of the full range
    # A second survey without votes.
    adapt: str = "none"
    adapt_weight: float = 1.0

    @classmethod
    def read(cls, path: Path) -> Self:
        """Return the settings in a TOML file.

        Raises:
            ConfigRefused: one sentence with the value and the remedy.
        """
        try:
            content = path.read_bytes()
        except OSError as error:
            raise ConfigRefused(
                f"The settings {path} cannot be read ({error.strerror}): name a TOML file, such as "
                f"training/configs/smoke.toml."
            ) from None
        if len(content) > MAX_BYTES:
            raise ConfigRefused(
                f"The settings {path} have {len(content):,} bytes, and at most {MAX_BYTES:,} are "
                f"read: name a TOML file of settings."
            )
        try:
            values = tomllib.loads(content.decode())
        except ValueError as error:  # not UTF-8, or not TOML
            raise ConfigRefused(f"The settings {path} are not TOML: {error}.") from None
        return cls.parse(values)

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Self:
        """Return the settings in an object; what is not named has its default.

        Raises:
            ConfigRefused: an unknown name, another type, or a value out of range.
        """
        fields = {field.name: field for field in dataclasses.fields(cls)}
        for name in values:
            if name not in fields:
                raise ConfigRefused(
                    f"The settings have an unknown name {shown(name)}. Use only: "
                    f"{', '.join(fields)}."
                )
        config = cls(
            **{name: _typed(name, value, fields[name].default) for name, value in values.items()}
        )
        config._check()
        return config

    def replace(self, **changes: Any) -> Self:
        """Return the settings with some changed; refused as `parse` refuses."""
        return self.parse(self.to_json() | changes)

    def to_json(self) -> dict[str, Any]:
        """Return the object that `parse` reads."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in dataclasses.asdict(self).items()
        }

    def to_toml(self) -> str:
        """Return the file that `read` reads."""
        return "".join(f"{name} = {_toml(value)}\n" for name, value in self.to_json().items())

    @property
    def input(self) -> InputSpec:
        """Return how a picture becomes what the network sees."""
        return InputSpec(size_px=self.size_px, crop=self.crop)

    def _check(self) -> None:
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                words = ", ".join(f'"{word}"' for word in allowed)
                raise ConfigRefused(
                    f"The setting {name} is {shown(getattr(self, name))}. Write one of {words}."
                )
        for name, (least, most) in _RANGES.items():
            if not least <= getattr(self, name) <= most:
                raise ConfigRefused(
                    f"The setting {name} is {getattr(self, name)}. Write a number from {least} to "
                    f"{most}."
                )
        if self.architecture not in ("residual", "textbook") and not (
            self.architecture.startswith("timm/") and len(self.architecture) > len("timm/")
        ):
            raise ConfigRefused(
                f"The setting architecture is {shown(self.architecture)}. Write residual, "
                f"textbook, or timm/ and a name of timm, such as timm/resnet50."
            )


_CHOICES = {
    "head": HEADS,
    "alpha_form": ALPHA_FORMS,
    "precision": PRECISIONS,
    "stages": STAGES,
    "adapt": ADAPTATIONS,
}
_RANGES: dict[str, tuple[float, float]] = {
    "width": (4, 512),
    "depth": (1, 6),
    "stem_stride": (1, 4),
    "size_px": (16, 1024),
    "crop": (0.05, 1),
    "dropout": (0, 0.9),
    "masks": (1, 256),
    "layer_decay": (0.1, 1),
    "epochs": (1, 10_000),
    "batch_size": (2, 8192),
    "learning_rate": (1e-7, 1),
    "weight_decay": (0, 10),
    "warmup_epochs": (0, 1000),
    "ema_decay": (0, 0.99999),
    "patience": (1, 10_000),
    "clip_norm": (1e-3, 1e6),
    "threads": (0, 1024),
    "seed": (0, 2**31 - 1),
    "zoom": (0, 0.9),
    "shift": (0, 0.5),
    "brightness": (0, 1),
    "color": (0, 1),
    "noise": (0, 1),
    "adapt_weight": (0, 1000),
}


def _typed(name: str, value: Any, default: Any) -> Any:
    """Return the value as the default's type, or refuse it; a float may be written as a whole."""
    kind: Callable[[Any], Any] = type(default)
    if isinstance(default, tuple):
        if isinstance(value, list | tuple) and all(isinstance(v, str) and v for v in value):
            return tuple(value)
    elif isinstance(default, float):
        if type(value) in (int, float) and math.isfinite(value):
            return kind(value)
    elif type(value) is kind:
        return value
    words = {tuple: "a list of texts", float: "a number", int: "a whole number"}
    words |= {bool: "true or false", str: "a text in quotes"}
    raise ConfigRefused(
        f"The setting {name} is {shown(value)}. Write {words[type(default)]}, such as "
        f"{_toml(list(default) if isinstance(default, tuple) else default)}."
    )


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{', '.join(_toml(item) for item in value)}]"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return repr(value)
