"""The settings a run may be trained with: files of the training, which only it understands."""

import re
import tomllib
from pathlib import Path
from typing import Any

from django.conf import settings

from inference.errors import InferenceError
from inference.formats.card_parts import InputSpec
from inference.formats.fields import Fields
from webapp.common.errors import DomainError

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,59}", re.ASCII)
# As the training reads them where its file does not say.
_SIZE_PX, _CROP = 64, 1.0
MAX_BYTES = 100_000


class ConfigUnusable(DomainError):
    """There are no such settings, or they cannot be read."""


def names() -> list[str]:
    """Return what settings there are, by name."""
    return sorted(path.stem for path in _folder().glob("*.toml") if NAME.fullmatch(path.stem))


def read(name: str) -> dict[str, Any]:
    """Return the settings of this name.

    Raises:
        ConfigUnusable: there are none, or they are not TOML.
    """
    if name not in names():
        raise ConfigUnusable(
            f"There are no settings named “{name}” in {_folder()}: choose one of "
            f"{', '.join(names())}."
        )
    try:
        content = (_folder() / f"{name}.toml").read_bytes()[: MAX_BYTES + 1]
        return tomllib.loads(content.decode())
    except (OSError, ValueError) as error:
        raise ConfigUnusable(
            f"The settings “{name}” cannot be read ({error}): correct {name}.toml in {_folder()}."
        ) from None


def input_of(config: dict[str, Any]) -> InputSpec:
    """Return the size of picture that these settings train at.

    Raises:
        ConfigUnusable: it is none.
    """
    values = {"size_px": config.get("size_px", _SIZE_PX), "crop": config.get("crop", _CROP)}
    try:
        return InputSpec.read(Fields("The input", values, InferenceError))
    except InferenceError as refusal:
        raise ConfigUnusable(f"The settings cannot be used. {refusal}") from None


def _folder() -> Path:
    return Path(settings.TRAINING_CONFIGS)
