"""What runs in the checking child: strangers' model files in on standard input, verdicts out.

`python -m inference.vision.checking MEMORY_MB TIMEOUT_S PARENT_ID`; see check.py. A message has
the file's name as field and its content as blob. The rules are in model_rules.py and trials.py.
"""

import os
import resource
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx

from inference.errors import InferenceError
from inference.vision import wire
from inference.vision.confinement import answer_requests, confine
from inference.vision.contract import card_of, check_contract, loaded, words_of
from inference.vision.model_file import ModelRefused
from inference.vision.model_rules import check_kind, check_rules, check_sizes
from inference.vision.providers import CPU
from inference.vision.seccomp import seal
from inference.vision.session import Session
from inference.vision.trials import check_outputs

# Weights above this are no shapes: shape inference needs not know them.
_MAX_SHAPE_BYTES = 1_000


def main() -> None:
    """Answer until the input ends."""
    memory_mb, timeout_s, parent_id = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
    confine(memory_mb=memory_mb, parent_id=parent_id)
    seal()

    def answer(fields: dict[str, Any], blobs: list[bytes]) -> bytes:
        (content,) = blobs
        name: str = fields["name"]
        limits = _limits()
        try:
            return wire.packed({**_judged(content, name, memory_mb), "limits": limits})
        except InferenceError as refusal:
            return wire.packed({"refused": str(refusal)})

    answer_requests(answer, out_of_memory=wire.packed({"out_of_memory": True}), cpu_s=timeout_s)


def _judged(content: bytes, name: str, memory_mb: int) -> dict[str, Any]:
    """Return the facts of a file that follows the contract.

    Raises:
        InferenceError: it does not.
        MemoryError: it needs too much.
    """
    try:
        _take_apart(content, name, most_numbers=memory_mb * 1_000_000)
        raw = loaded(content, name, threads=1, providers=[(CPU, {})])
        card = card_of(raw, name)
        check_contract(raw, card, name)
        session = Session(raw, card, sha256="", provider=raw.get_providers()[0])
        check_outputs(session, name)
    except Exception as error:
        if _is_about_memory(error):
            raise MemoryError from error
        if isinstance(error, InferenceError):  # a sentence already
            raise
        raise ModelRefused(
            f"{name} cannot be used ({words_of(error)}): it contradicts itself, so export it again."
        ) from error
    return {
        "metadata": raw.get_modelmeta().custom_metadata_map,
        "outputs": session.outputs,
        "provider": session.provider,
    }


def _take_apart(content: bytes, name: str, *, most_numbers: int) -> None:
    """Judge what the file contains before anything in it runs.

    Its path is never told to a library: some of them look for further files beside it.
    """
    check_kind(content, name)
    try:
        model = onnx.load_model_from_string(content)
    except Exception as error:  # the parser raises two kinds of its own
        raise ModelRefused(
            f"{name} is no ONNX model, or a damaged one ({words_of(error)}): copy or export it "
            f"again."
        ) from error
    _check_fields(model, name)
    check_rules(model, name, newest_opset=onnx.defs.onnx_opset_version())
    try:
        onnx.checker.check_model(model)
        _forget_weights(model.graph)
        inferred = onnx.shape_inference.infer_shapes(
            model, check_type=True, strict_mode=True, data_prop=True
        )
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ModelRefused(
            f"{name} breaks the rules of ONNX ({words_of(error)}): export it again."
        ) from error
    check_sizes(inferred.graph, name, most=most_numbers)


def _check_fields(model: onnx.ModelProto, name: str) -> None:
    """Refuse what this parser skips: the runtime's own might know it."""
    n_bytes = model.ByteSize()
    model.DiscardUnknownFields()
    if model.ByteSize() != n_bytes:
        raise ModelRefused(
            f"{name} has fields that onnx {onnx.__version__} does not know: it is damaged, or "
            f"newer than that; export it again."
        )


def _forget_weights(graph: onnx.GraphProto) -> None:
    """Empty the large weights of a graph that has been checked, as they lie in memory twice."""
    for tensor in graph.initializer:
        if len(tensor.raw_data) > _MAX_SHAPE_BYTES:
            tensor.ClearField("raw_data")


def _is_about_memory(error: BaseException | None) -> bool:
    """Say whether an error, or what it was raised for, is a failed allocation."""
    while error is not None:
        words = "" if isinstance(error, InferenceError) else str(error).lower()
        if isinstance(error, MemoryError) or "alloc" in words:
            return True
        error = error.__cause__ or error.__context__
    return False


def _limits() -> dict[str, bool]:
    """Return which limits hold, each found by trying."""
    return {
        "memory": _is_limited(resource.RLIMIT_AS),
        "cpu time": _is_limited(resource.RLIMIT_CPU),
        "no network": _is_refused(lambda: socket.socket().close()),
        "empty folder": not any(Path.cwd().iterdir()),
        "no new files": _is_refused(_make_file),
        "no new processes": _is_refused(_fork),
    }


def _is_limited(resource_number: int) -> bool:
    return resource.getrlimit(resource_number)[0] != resource.RLIM_INFINITY


def _is_refused(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except OSError:
        return True
    return False


def _make_file() -> None:
    Path("probe").touch()
    Path("probe").unlink()


def _fork() -> None:
    process_id = os.fork()
    if process_id == 0:
        os._exit(0)
    os.waitpid(process_id, 0)


if __name__ == "__main__":
    main()
