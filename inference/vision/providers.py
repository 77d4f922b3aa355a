"""Where a network runs: which of ONNX Runtime's providers is asked for, and which one was got.

ONNX Runtime falls back to the processor without a word (its issue 23372), so what was got is
always looked up and reported.
"""

import io
import logging
from contextlib import redirect_stdout
from typing import Any

from inference.errors import shown
from inference.vision.model_file import NoGpu
from inference.vision.runtime import onnxruntime

REQUIRE, PREFER, OFF = "require", "prefer", "off"
CPU, CUDA, TENSORRT = (
    "CPUExecutionProvider",
    "CUDAExecutionProvider",
    "TensorrtExecutionProvider",
)
_LOG = logging.getLogger(__name__)
# Buckets keep shapes few, so one exhaustive search a shape pays; blocks of the arena fit them too.
_CUDA_OPTIONS = {
    "cudnn_conv_algo_search": "EXHAUSTIVE",
    "arena_extend_strategy": "kSameAsRequested",
}

Provider = tuple[str, dict[str, Any]]


def wanted(gpu: str, *, tensorrt: bool = False) -> list[Provider]:
    """Return the providers to ask for, the best first.

    Args:
        gpu: "require", "prefer" or "off".
        tensorrt: also ask for TensorRT, which builds engines for minutes at every start.

    Raises:
        NoGpu: one is required, and this installation of ONNX Runtime knows none.
    """
    if gpu not in (REQUIRE, PREFER, OFF):
        raise NoGpu(f"GPU={shown(gpu)} is unknown: use require, prefer or off.")
    available = onnxruntime.get_available_providers() if gpu != OFF else []
    found: list[Provider] = []
    if tensorrt and TENSORRT in available:
        found.append((TENSORRT, {}))
    if CUDA in available:
        _load_cuda()
        found.append((CUDA, dict(_CUDA_OPTIONS)))
    if gpu == REQUIRE and not found:
        raise NoGpu(
            "GPU=require, but this installation has no CUDA provider: install onnxruntime-gpu "
            "(the extra `gpu`) instead of onnxruntime, or set GPU=prefer."
        )
    return [*found, (CPU, {})]


def check_got(session: Any, gpu: str, asked: list[Provider]) -> str:
    """Return the provider that a session really has; warn where it is not the one asked for.

    Raises:
        NoGpu: a GPU is required and the session runs on the processor.
    """
    got = str(session.get_providers()[0])
    if got == asked[0][0]:
        return got
    if gpu == REQUIRE and got == CPU:
        raise NoGpu(
            f"GPU=require, but the session fell back to {got}: the CUDA 13 and cuDNN 9 libraries "
            f"or the driver do not fit this onnxruntime-gpu; install the extra `gpu` whole."
        )
    _LOG.warning("Asked for %s and got %s: predictions run slower.", asked[0][0], got)
    return got


def _load_cuda() -> None:
    """Load CUDA's libraries from their packages; what is missing is printed, so it is kept."""
    said = io.StringIO()
    with redirect_stdout(said):
        onnxruntime.preload_dlls()
    if said.getvalue():
        _LOG.info("%s", said.getvalue().strip())
