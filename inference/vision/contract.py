"""A model file's contract: what its graph takes and gives, and the card that it carries."""

import os
import re
from collections.abc import Mapping
from typing import Any

from inference.errors import shown
from inference.formats.card import EMBEDDING_SIZE, Card, CardRefused
from inference.vision.model_file import ModelRefused
from inference.vision.providers import Provider
from inference.vision.runtime import onnxruntime

ALPHA, ALPHA_MC, EMBEDDING = "alpha", "alpha_mc", "embedding"
POOLED, FEATURES, CAM = "pooled", "features", "cam"
SCORING = (ALPHA, ALPHA_MC, EMBEDDING)

_SHOWN_CHARACTERS = 120  # of what the runtime says of an error
# What it says begins with its own name, a number and a word, and names a line of its source code.
_PREFIX = re.compile(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ")
_SOURCE = re.compile(r"\S+\.(cc|h|cpp|cu):\d+ (.*?\) (?=[A-Z]))?")

_ROWS, _ANY = None, -1  # of a shape: as many as there are pictures, and any fixed number
_Shape = list[int | None]


def loaded(content: bytes, name: str, *, threads: int, providers: list[Provider]) -> Any:
    """Return an ONNX Runtime session of a model file's content.

    Raises:
        ModelRefused: ONNX Runtime cannot load it.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads if threads > 0 else len(os.sched_getaffinity(0))
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    # On a shared machine threads that spin take the time of those that work.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Else a file that says so would read its weights from the folder that this process is in.
    options.add_session_config_entry(
        "session.model_external_initializers_file_folder_path", os.devnull
    )
    options.log_severity_level = 4  # what goes wrong is raised
    try:
        # Its own way to fall back prints, and may set in within any later run.
        return onnxruntime.InferenceSession(
            content, options, providers=providers, enable_fallback=0
        )
    except Exception as error:  # noqa: BLE001 - the runtime raises a dozen kinds for one broken file
        raise ModelRefused(
            f"{name} cannot be loaded as an ONNX model ({words_of(error)}): it is damaged, no "
            f"model file, or newer than ONNX Runtime {onnxruntime.__version__}; copy or export it "
            f"again."
        ) from None


def card_of(session: Any, name: str) -> Card:
    """Return the card in a session's metadata.

    Raises:
        ModelRefused: there is none, or it contradicts itself.
    """
    try:
        metadata: Mapping[str, str] = session.get_modelmeta().custom_metadata_map
        return Card.from_metadata(metadata)
    except UnicodeDecodeError as error:
        raise ModelRefused(
            f"{name} has metadata that are no UTF-8 ({error.reason}): copy or export it again."
        ) from None
    except CardRefused as refusal:
        raise ModelRefused(f"{name} has no usable card. {refusal}") from None


def check_contract(session: Any, card: Card, name: str) -> None:
    """Raise ModelRefused if inputs and outputs are not those of the contract and the card."""
    size_px, n_answers, n_aux = card.input.size_px, card.tree.n_answers, len(card.aux_names)
    inputs: dict[str, tuple[str, _Shape]] = {
        "images": ("tensor(uint8)", [_ROWS, size_px, size_px, 3])
    }
    if n_aux:
        inputs["aux"] = ("tensor(float)", [_ROWS, n_aux])
        inputs["aux_mask"] = ("tensor(bool)", [_ROWS, n_aux])
    outputs: dict[str, _Shape] = {
        ALPHA: [_ROWS, n_answers],
        ALPHA_MC: [_ROWS, card.masks.samples, n_answers],
        EMBEDDING: [_ROWS, EMBEDDING_SIZE],
        POOLED: [_ROWS, _ANY],
        FEATURES: [_ROWS, _ANY, _ANY, _ANY],
    }
    if card.cam_exact:
        outputs[CAM] = [_ROWS, n_answers, _ANY, _ANY]
    found = {tensor.name: (tensor.type, tensor.shape) for tensor in session.get_inputs()}
    _check_tensors(found, inputs, name, "input")
    if unknown := sorted(found.keys() - inputs.keys()):
        raise ModelRefused(
            f"{name} wants the input {shown(unknown[0])}, which the contract and its card do not "
            f"have: export the model again."
        )
    found = {tensor.name: (tensor.type, tensor.shape) for tensor in session.get_outputs()}
    _check_tensors(
        found, {key: ("tensor(float)", shape) for key, shape in outputs.items()}, name, "output"
    )


def _check_tensors(
    found: Mapping[str, tuple[str, list[Any]]],
    expected: Mapping[str, tuple[str, _Shape]],
    name: str,
    what: str,
) -> None:
    for key, (kind, shape) in expected.items():
        if key not in found:
            raise ModelRefused(f"{name} lacks the {what} {key}: export the model again.")
        actual_kind, actual = found[key]
        if actual_kind != kind or not _fits(actual, shape):
            words = [{_ROWS: "N", _ANY: "any"}.get(size, size) for size in shape]
            raise ModelRefused(
                f"{name} has the {what} {key} of {actual_kind} {shown(actual)}, and the contract "
                f"and its card want {kind} {words}: export the model again."
            )


def _fits(actual: list[Any], shape: _Shape) -> bool:
    return len(actual) == len(shape) and all(
        not isinstance(size, int) if wanted is _ROWS else wanted in (_ANY, size)
        for size, wanted in zip(actual, shape, strict=True)
    )


def words_of(error: BaseException) -> str:
    """Return what the runtime says of an error on one short line, its source code left out."""
    line = " ".join(_SOURCE.sub("", _PREFIX.sub("", str(error))).split()) or type(error).__name__
    return line if len(line) <= _SHOWN_CHARACTERS else line[: _SHOWN_CHARACTERS - 1] + "…"
