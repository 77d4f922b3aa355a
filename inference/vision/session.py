"""A loaded network that has proved itself: on its golden pictures, and at every batch size.

Batches come in few fixed sizes, so that memory and a GPU's choice of algorithm settle; the tail is
padded and cut off again. `run` may be called by several threads.
"""

import hashlib
import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from inference.formats.card import EMBEDDING_SIZE, Card, CardRefused
from inference.formats.golden import golden_images
from inference.vision.model_file import MAX_MODEL_BYTES, ModelRefused
from inference.vision.providers import CPU, PREFER, check_got, wanted

ALPHA, ALPHA_MC, EMBEDDING = "alpha", "alpha_mc", "embedding"
POOLED, FEATURES, CAM = "pooled", "features", "cam"
SCORING = (ALPHA, ALPHA_MC, EMBEDDING)
_REQUIRED = (*SCORING, POOLED, FEATURES)

_BUCKETS = (1, 8, 32, 128)
_GPU_BUCKETS = (*_BUCKETS, 256, 512)


class Session:
    """One network on one device."""

    def __init__(
        self, session: Any, card: Card, *, sha256: str, provider: str, path: Path | None = None
    ) -> None:
        """Take a session that was checked; `open` makes one from a file."""
        self._session = session
        self.card, self.sha256, self.provider, self.path = card, sha256, provider, path
        self.outputs = tuple(output.name for output in session.get_outputs())
        self._buckets = _BUCKETS if provider == CPU else _GPU_BUCKETS
        self._bucket_lock = threading.Lock()

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        gpu: str = PREFER,
        threads: int = 0,
        expected_sha256: str | None = None,
        warm: bool = True,
    ) -> Self:
        """Load a model file, try it on its golden pictures, and warm up.

        Args:
            gpu: "require", "prefer" or "off".
            threads: of the processor; 0 for all that this process may use.
            expected_sha256: refuse a file of another hash.
            warm: also run every batch size once, so that the first real one is not slow.

        Raises:
            ModelRefused: the file is damaged, is another one, or does not follow the contract.
            NoGpu: a GPU is required and cannot be used.
        """
        content = read_model(path)
        sha256 = hashlib.sha256(content).hexdigest()
        if expected_sha256 is not None and sha256 != expected_sha256:
            raise ModelRefused(
                f"{path.name} has the SHA-256 {sha256[:12]}, and {expected_sha256[:12]} is "
                f"expected: the copy is incomplete or was changed, so copy the file again."
            )
        asked = wanted(gpu)
        session = loaded(content, path.name, threads=threads, providers=asked)
        provider = check_got(session, gpu, asked)
        card = card_of(session, path.name)
        check_contract(session, card, path.name)
        made = cls(session, card, sha256=sha256, provider=provider, path=path)
        made.check_golden()
        if warm:
            made.warm_up()
        return made

    @property
    def largest_batch(self) -> int:
        """The number of pictures that are run at once at most."""
        return self._buckets[-1]

    def run(
        self,
        images: NDArray[np.uint8],
        outputs: Sequence[str] = SCORING,
        aux: NDArray[np.float32] | None = None,
        aux_mask: NDArray[np.bool_] | None = None,
    ) -> dict[str, NDArray[Any]]:
        """Return the outputs asked for, by name, for any number of pictures.

        Args:
            images: uint8 (n, S, S, 3).
            aux: catalog columns float32 (n, M) where the card names some; missing without it.
            aux_mask: bool (n, M), True where a value is known.
        """
        n = len(images)
        parts: list[list[NDArray[Any]]] = []
        start = 0
        while start < n:
            size = min(self.largest_batch, n - start)
            rows = slice(start, start + size)
            feed = self._feed(images[rows], aux, aux_mask, rows)
            try:
                found = self._session.run(list(outputs), feed)
            except onnxruntime.capi.onnxruntime_pybind11_state.RuntimeException as error:
                if not self._makes_room(error):
                    raise
                continue
            parts.append([array[:size] for array in found])
            start += size
        if not parts:  # no pictures: run one to learn the shapes
            size_px = self.card.input.size_px
            blank = np.zeros((1, size_px, size_px, 3), np.uint8)
            feed = self._feed(blank, None, None, slice(0, 0))
            parts = [[array[:0] for array in self._session.run(list(outputs), feed)]]
        joined = [columns[0] if len(columns) == 1 else np.concatenate(columns)
                  for columns in zip(*parts, strict=True)]  # fmt: skip
        return dict(zip(outputs, joined, strict=True))

    def check_golden(self) -> None:
        """Raise ModelRefused if the golden pictures do not give what the card says."""
        card = self.card
        found = self.run(golden_images(card.golden.seed, card.input.size_px), (ALPHA,))[ALPHA]
        deviation = card.golden.deviation(found, card.precision)
        if deviation > 1:
            raise ModelRefused(
                f"The model {card.model_id} says something else of its golden pictures than its "
                f"card does ({deviation:.3g} times what is tolerated, on {self.provider}): the file "
                f"was changed, or this processor computes wrongly; export it again."
            )

    def warm_up(self) -> None:
        """Run every batch size once."""
        size_px = self.card.input.size_px
        for bucket in self._buckets:
            self.run(np.zeros((bucket, size_px, size_px, 3), np.uint8))

    def shrink(self) -> None:
        """Give back what the largest batch took; called at the end of a job."""
        options = onnxruntime.RunOptions()
        arenas = "cpu:0" if self.provider == CPU else "gpu:0;cpu:0"
        options.add_run_config_entry("memory.enable_memory_arena_shrinkage", arenas)
        size_px = self.card.input.size_px
        feed = self._feed(np.zeros((1, size_px, size_px, 3), np.uint8), None, None, slice(0, 1))
        self._session.run([ALPHA], feed, options)

    def close(self) -> None:
        """Free the network's memory; the session cannot be used afterwards."""
        self._session = None

    def _feed(
        self,
        images: NDArray[np.uint8],
        aux: NDArray[np.float32] | None,
        aux_mask: NDArray[np.bool_] | None,
        rows: slice,
    ) -> dict[str, NDArray[Any]]:
        bucket = next(size for size in self._buckets if size >= len(images))
        feed: dict[str, NDArray[Any]] = {"images": _padded(images, bucket)}
        if n_columns := len(self.card.aux_names):
            values = np.zeros((bucket, n_columns), np.float32)
            mask = np.zeros((bucket, n_columns), np.bool_)
            if aux is not None:
                known = np.isfinite(aux[rows]) if aux_mask is None else aux_mask[rows]
                values[: len(images)] = np.where(known, aux[rows], 0)
                mask[: len(images)] = known
            feed |= {"aux": values, "aux_mask": mask}
        return feed

    def _makes_room(self, error: Exception) -> bool:
        """Return whether a smaller batch may still fit, having forgotten the largest size."""
        if "allocate" not in str(error).lower():
            return False
        with self._bucket_lock:
            if len(self._buckets) == 1:
                return False
            self._buckets = self._buckets[:-1]
        return True


def read_model(path: Path) -> bytes:
    """Return a model file's content.

    Raises:
        ModelRefused: it cannot be read, is empty or too large.
    """
    try:
        if not path.is_file():
            raise ModelRefused(f"{path} is no file: name a model file, such as model.onnx.")
        if (size := path.stat().st_size) > MAX_MODEL_BYTES:
            raise ModelRefused(
                f"{path.name} has {size:,} bytes, and at most {MAX_MODEL_BYTES:,} are accepted: "
                f"export a smaller network."
            )
        content = path.read_bytes()
    except OSError as error:
        raise ModelRefused(
            f"{path} cannot be read ({error.strerror}): name a model file, such as model.onnx."
        ) from None
    if not content:
        raise ModelRefused(f"{path.name} is empty (0 bytes): copy the file again.")
    return content


def loaded(
    content: bytes, name: str, *, threads: int, providers: list[tuple[str, dict[str, Any]]]
) -> Any:
    """Return an ONNX Runtime session of a model file's content.

    Raises:
        ModelRefused: ONNX Runtime cannot load it.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or len(os.sched_getaffinity(0))
    options.inter_op_num_threads = 1
    # On a shared machine threads that spin take the time of those that work.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 4  # what goes wrong is raised
    try:
        return onnxruntime.InferenceSession(content, options, providers=providers)
    except Exception as error:  # noqa: BLE001 - the runtime raises a dozen kinds for one broken file
        words = str(error).split("\n")[0][:160]
        raise ModelRefused(
            f"{name} cannot be loaded as an ONNX model ({words}): it is damaged or no model file; "
            f"copy or export it again."
        ) from None


def card_of(session: Any, name: str) -> Card:
    """Return the card in a session's metadata.

    Raises:
        ModelRefused: there is none, or it contradicts itself.
    """
    metadata: Mapping[str, str] = session.get_modelmeta().custom_metadata_map
    try:
        return Card.from_metadata(metadata)
    except CardRefused as refusal:
        raise ModelRefused(f"{name} has no usable card. {refusal}") from None


def check_contract(session: Any, card: Card, name: str) -> None:
    """Raise ModelRefused if inputs and outputs are not those of the contract and the card."""
    size, k = card.input.size_px, card.tree.n_answers
    inputs = {i.name: (i.type, i.shape) for i in session.get_inputs()}
    expected = {"images": ("tensor(uint8)", [None, size, size, 3])}
    if card.aux_names:
        m = len(card.aux_names)
        expected |= {"aux": ("tensor(float)", [None, m]), "aux_mask": ("tensor(bool)", [None, m])}
    _check_tensors(inputs, expected, name, "input")
    if inputs.keys() - expected.keys():
        extra = min(inputs.keys() - expected.keys())
        raise ModelRefused(f"{name} wants an input {extra!r}, which the contract does not have.")
    outputs = {o.name: (o.type, o.shape) for o in session.get_outputs()}
    wanted_outputs: dict[str, tuple[str, list[int | None]]] = {
        ALPHA: ("tensor(float)", [None, k]),
        ALPHA_MC: ("tensor(float)", [None, card.masks.samples, k]),
        EMBEDDING: ("tensor(float)", [None, EMBEDDING_SIZE]),
    }
    if card.cam_exact:
        wanted_outputs[CAM] = ("tensor(float)", [None, k, -1, -1])
    _check_tensors(outputs, wanted_outputs, name, "output")
    for output in _REQUIRED:
        if output not in outputs:
            raise ModelRefused(f"{name} lacks the output {output!r}: export the model again.")


def _check_tensors(
    found: Mapping[str, tuple[str, list[Any]]],
    expected: Mapping[str, tuple[str, list[int | None]]],
    name: str,
    what: str,
) -> None:
    for key, (kind, shape) in expected.items():
        if key not in found:
            raise ModelRefused(f"{name} lacks the {what} {key!r}: export the model again.")
        actual_kind, actual = found[key]
        fits = len(actual) == len(shape) and all(
            not isinstance(a, int) if e is None else e in (-1, a)
            for a, e in zip(actual, shape, strict=False)
        )
        if actual_kind != kind or not fits:
            words = [("N" if e is None else "any" if e == -1 else e) for e in shape]
            raise ModelRefused(
                f"{name} has the {what} {key!r} of {actual_kind} {actual}, and the contract and "
                f"its card want {kind} {words}: export the model again."
            )


def _padded(images: NDArray[np.uint8], bucket: int) -> NDArray[np.uint8]:
    if len(images) == bucket:
        return np.ascontiguousarray(images)
    padded = np.zeros((bucket, *images.shape[1:]), np.uint8)
    padded[: len(images)] = images
    return padded
