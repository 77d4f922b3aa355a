"""The whole state of a training in one file: written atomically, checked when read.

Tensors are in the safetensors format, which holds no code; everything else is JSON in its header.
The name carries the hash of the content, so one rename makes a checkpoint and its proof together.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import safetensors.torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from training.errors import CheckpointRefused

_KEPT = 2
_HASH_DIGITS = 16


@dataclass(frozen=True)
class State:
    """What a training needs to go on as if it had never stopped."""

    epoch: int  # epochs that are done
    tensors: Mapping[str, Tensor]
    facts: Mapping[str, Any] = field(default_factory=dict)

    def under(self, prefix: str) -> dict[str, Tensor]:
        """Return the tensors of one part, such as "model", by their own names."""
        start = f"{prefix}."
        return {k.removeprefix(start): v for k, v in self.tensors.items() if k.startswith(start)}


def nested(**parts: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors of several parts under one roof; `State.under` takes them apart."""
    return {
        f"{part}.{name}": tensor.detach().clone().contiguous()
        for part, tensors in parts.items()
        for name, tensor in tensors.items()
    }


def save(folder: Path, state: State) -> Path:
    """Store a state and forget all but the two newest; the old ones stay if this fails."""
    folder.mkdir(parents=True, exist_ok=True)
    facts = json.dumps({"epoch": state.epoch, **state.facts}, allow_nan=False)
    content = safetensors.torch.save(dict(state.tensors), metadata={"facts": facts})
    digest = hashlib.sha256(content).hexdigest()[:_HASH_DIGITS]
    path = folder / f"epoch-{state.epoch:05d}-{digest}.safetensors"
    _write(path, content)
    for old in newest_first(folder)[_KEPT:]:
        old.unlink(missing_ok=True)
    return path


def newest_first(folder: Path) -> list[Path]:
    """Return the checkpoints in a folder."""
    return sorted(folder.glob("epoch-*-*.safetensors"), reverse=True)


def load_newest(folder: Path) -> tuple[State | None, list[str]]:
    """Return the newest state whose content is what its name says, and a sentence per damaged one.

    None where there is no checkpoint yet.

    Raises:
        CheckpointRefused: there are some, and every one is damaged.
    """
    complaints: list[str] = []
    paths = newest_first(folder)
    for path in paths:
        try:
            return load(path), complaints
        except CheckpointRefused as refusal:
            complaints.append(str(refusal))
    if paths:
        raise CheckpointRefused(
            f"All {len(paths)} checkpoints in {folder} are damaged: {complaints[0]} Start the run "
            f"again from its request."
        )
    return None, complaints


def load(path: Path) -> State:
    """Return the state in a file.

    Raises:
        CheckpointRefused: its content is not what its name says, or cannot be read.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CheckpointRefused(
            f"The checkpoint {path.name} cannot be read ({error.strerror}): the one before it is "
            f"used."
        ) from None
    digest = hashlib.sha256(content).hexdigest()[:_HASH_DIGITS]
    if not path.stem.endswith(f"-{digest}"):
        raise CheckpointRefused(
            f"The checkpoint {path.name} has the hash {digest}: it was cut off or changed, and the "
            f"one before it is used."
        )
    facts, tensors = _unpacked(path, content)
    return State(epoch=int(facts.pop("epoch")), tensors=tensors, facts=facts)


def save_weights(path: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
    """Store weights alone, for a later training to begin with."""
    metadata = {"facts": json.dumps(dict(facts), allow_nan=False)}
    _write(path, safetensors.torch.save(nested(model=tensors), metadata=metadata))


def load_weights(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the weights in a .safetensors file, and what it says of them.

    Raises:
        CheckpointRefused: it cannot be read, or is no such file.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CheckpointRefused(
            f"The weights {path} cannot be read ({error.strerror}): name a .safetensors file."
        ) from None
    facts, tensors = _unpacked(path, content)
    return {name.removeprefix("model."): tensor for name, tensor in tensors.items()}, facts


def _unpacked(path: Path, content: bytes) -> tuple[dict[str, Any], dict[str, Tensor]]:
    try:
        # What it returns lies inside Python's own byte arrays, aligned as those are. A training
        # writes to its state for hours, so it gets memory that PyTorch has made.
        tensors = {name: one.clone() for name, one in safetensors.torch.load(content).items()}
        with safe_open(path, framework="pt") as opened:
            facts = json.loads((opened.metadata() or {}).get("facts", "{}"))
    except (SafetensorError, ValueError) as error:
        raise CheckpointRefused(
            f"{path.name} is no safetensors file that can be read ({error}): name another one."
        ) from None
    return facts, tensors


def _write(path: Path, content: bytes) -> None:
    """Write by a rename, on disk before it has its name; nothing is left of what fails."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
