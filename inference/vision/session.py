"""A loaded network that has proved itself: on its golden pictures, and at every batch size.

Batches come in few fixed sizes, so that memory and a GPU's choice of algorithm settle; the tail is
padded and cut off again. `run` may be called by several threads.

On a processor each core runs a batch of its own. ONNX Runtime's own threads share one batch, wait
for each other after every layer, and while they wait they spin: beside threads that decode
pictures that costs a tenth of both cores.
"""

import hashlib
import logging
import os
import re
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.errors import InferenceError
from inference.formats.card import Card
from inference.formats.golden import golden_images
from inference.vision.contract import (
    ALPHA,
    ALPHA_MC,
    CAM,
    EMBEDDING,
    FEATURES,
    POOLED,
    SCORING,
    card_of,
    check_contract,
    loaded,
    words_of,
)
from inference.vision.model_file import ModelRefused, name_of, read_model
from inference.vision.providers import CPU, OFF, PREFER, Provider, check_got, wanted
from inference.vision.runtime import onnxruntime

__all__ = [
    "ALPHA",
    "ALPHA_MC",
    "CAM",
    "EMBEDDING",
    "FEATURES",
    "POOLED",
    "SCORING",
    "NetworkFailed",
    "Session",
    "card_of",
    "check_contract",
    "loaded",
    "read_model",
]

_BUCKETS = (1, 8, 32)  # of one core; larger ones are no faster
_GPU_BUCKETS = (*_BUCKETS, 128, 256, 512)
_FEW = 8  # fewer pictures are one batch, which is not worth to be shared

_LOG = logging.getLogger(__name__)
_OUT_OF_MEMORY = re.compile(r"allocat|out of memory|bad_alloc|ALLOC_FAILED", re.IGNORECASE)


class NetworkFailed(InferenceError):
    """The runtime could not compute; no single picture is to blame."""


class Session:
    """One network on one device."""

    def __init__(
        self,
        session: Any,
        card: Card,
        *,
        sha256: str,
        provider: str,
        path: Path | None = None,
        threads: int = 1,
    ) -> None:
        """Take a session that was checked; `open` makes one from a file."""
        self._session = session
        self.card, self.sha256, self.provider, self.path = card, sha256, provider, path
        self.outputs = tuple(output.name for output in session.get_outputs())
        self._buckets: tuple[int, ...] = _BUCKETS if provider == CPU else _GPU_BUCKETS
        self._bucket_lock = threading.Lock()
        self.threads = threads if provider == CPU else 1  # batches that are run at once
        self._pool = ThreadPoolExecutor(self.threads, thread_name_prefix="network")

    @staticmethod
    def open(
        path: Path,
        *,
        gpu: str = PREFER,
        tensorrt: bool = False,
        threads: int = 0,
        expected_sha256: str | None = None,
        warm: bool = True,
    ) -> "Session":
        """Load a model file, try it on its golden pictures, and warm up.

        Args:
            gpu: "require", "prefer" or "off".
            tensorrt: use it where it is installed.
            threads: of the processor; 0 for all that this process may use.
            expected_sha256: refuse a file of another hash.
            warm: also run every batch size once, so that the first real one is not slow.

        Raises:
            ModelRefused: the file is damaged, is another one, or does not follow the contract.
            NoGpu: a GPU is required and cannot be used.
        """
        cores = threads if threads > 0 else len(os.sched_getaffinity(0))
        asked = wanted(gpu, tensorrt=tensorrt)
        content, name = read_model(path), name_of(path)
        sha256 = hashlib.sha256(content).hexdigest()
        if expected_sha256 is not None and sha256 != expected_sha256:
            raise ModelRefused(
                f"{name} has the SHA-256 {sha256[:12]}, and {expected_sha256[:12]} is "
                f"expected: the copy is incomplete or was changed, so copy the file again."
            )

        def proved(gpu: str, asked: list[Provider]) -> "Session":
            is_gpu = asked[0][0] != CPU
            raw = loaded(content, name, threads=cores if is_gpu else 1, providers=asked)
            provider = check_got(raw, gpu, asked)
            if is_gpu and provider == CPU:
                return proved(OFF, wanted(OFF))
            card = card_of(raw, name)
            check_contract(raw, card, name)
            made = Session(raw, card, sha256=sha256, provider=provider, path=path, threads=cores)
            made.prove(warm=warm)
            return made

        try:
            return proved(gpu, asked)
        except ModelRefused as refusal:
            if gpu != PREFER or asked[0][0] == CPU:
                raise
            _LOG.warning("%s The processor is tried instead of %s.", refusal, asked[0][0])
            return proved(OFF, wanted(OFF))

    @property
    def largest_batch(self) -> int:
        """The number of pictures that are run at once at most."""
        return self._buckets[-1] * self.threads

    def batch_of(self, n: int, threads: int) -> int:
        """Return the batch size for n pictures that so many threads share."""
        if self.provider != CPU or n < _FEW:
            return self._buckets[-1]
        return max([size for size in self._buckets if size * threads <= n], default=1)

    def run(
        self,
        images: NDArray[np.uint8],
        outputs: Sequence[str] = SCORING,
        aux: NDArray[np.float32] | None = None,
        aux_mask: NDArray[np.bool_] | None = None,
        *,
        threads: int = 0,
    ) -> dict[str, NDArray[Any]]:
        """Return the outputs asked for, by name, for any number of pictures.

        Args:
            images: uint8 (n, S, S, 3).
            aux: catalog columns float32 (n, M) where the card names some; missing without it.
            aux_mask: bool (n, M), True where a value is known; by default where aux is finite.
            threads: of the session's that may be used on a processor; 0 for all.

        Raises:
            NetworkFailed: the runtime cannot compute it, for lack of memory for example.
            ValueError: an array is not of the network's shape.
        """
        self._check(images, aux, aux_mask)
        if not len(images):  # one picture tells the shapes
            blank = np.zeros((1, *images.shape[1:]), np.uint8)
            return {name: array[:0] for name, array in self.run(blank, outputs).items()}
        at_once = min(threads, self.threads) if threads > 0 else self.threads
        step = self.batch_of(len(images), at_once)
        spans = [slice(i, min(i + step, len(images))) for i in range(0, len(images), step)]

        def work(rows: slice) -> list[list[NDArray[Any]]]:
            return self._parts(outputs, images, aux, aux_mask, rows)

        is_shared = at_once > 1 and len(spans) > 1
        found = list(self._pool.map(work, spans) if is_shared else map(work, spans))
        parts = [part for parts in found for part in parts]
        joined = [columns[0] if len(columns) == 1 else np.concatenate(columns)
                  for columns in zip(*parts, strict=True)]  # fmt: skip
        return dict(zip(outputs, joined, strict=True))

    def _parts(
        self,
        outputs: Sequence[str],
        images: NDArray[np.uint8],
        aux: NDArray[np.float32] | None,
        aux_mask: NDArray[np.bool_] | None,
        rows: slice,
    ) -> list[list[NDArray[Any]]]:
        """Return the outputs for some rows, in as many parts as the memory makes necessary."""
        parts: list[list[NDArray[Any]]] = []
        start = rows.start
        while start < rows.stop:
            buckets = self._buckets
            some = slice(start, min(start + buckets[-1], rows.stop))
            size = some.stop - some.start
            bucket = next(bucket for bucket in buckets if bucket >= size)
            found = self._tried(outputs, self._feed(images, aux, aux_mask, some, bucket), bucket)
            if found is not None:
                parts.append([array[:size] for array in found])
                start = some.stop
        return parts

    def prove(self, *, warm: bool = True) -> None:
        """Raise ModelRefused unless the golden pictures come out, and each batch size can be run.

        Args:
            warm: run every batch size, and not only those that the golden pictures need.
        """
        try:
            self.check_golden()
            if warm:
                self.warm_up()
        except NetworkFailed as failure:
            raise ModelRefused(str(failure)) from failure

    def check_golden(self) -> None:
        """Raise ModelRefused if the golden pictures do not give what the card says."""
        golden = golden_images(self.card.golden.seed, self.card.input.size_px)
        found = self.run(golden)
        self._compare(found[ALPHA])
        for name, values in found.items():
            if len(values) != len(golden) or not np.isfinite(values).all():
                raise ModelRefused(
                    f"The model {self.card.model_id} gives no finite {name} for each of its golden "
                    f"pictures, on {self.provider}: export an earlier checkpoint."
                )

    def _compare(self, alpha: NDArray[np.float32]) -> None:
        deviation = self.card.golden.deviation(alpha, self.card.precision)
        if deviation > 1:
            raise ModelRefused(
                f"The model {self.card.model_id} says something else of its golden pictures than "
                f"its card does ({deviation:.3g} times what is tolerated, on {self.provider}): the "
                f"file was changed, or this processor computes wrongly; export it again."
            )

    def warm_up(self) -> None:
        """Run every batch size once, and see that it makes no difference to a picture."""
        golden = golden_images(self.card.golden.seed, self.card.input.size_px)
        for bucket in self._buckets:
            found = self.run(np.resize(golden, (bucket, *golden.shape[1:])), threads=1)
            if bucket >= len(golden):
                self._compare(found[ALPHA][: len(golden)])

    def shrink(self) -> None:
        """Give back what the largest batch took; called at the end of a job."""
        options = onnxruntime.RunOptions()
        arenas = "cpu:0" if self.provider == CPU else "gpu:0;cpu:0"
        options.add_run_config_entry("memory.enable_memory_arena_shrinkage", arenas)
        size_px = self.card.input.size_px
        blank = np.zeros((1, size_px, size_px, 3), np.uint8)
        self._session.run([ALPHA], self._feed(blank, None, None, slice(0, 1), 1), options)

    def close(self) -> None:
        """Free the network's memory; the session cannot be used afterwards."""
        self._session = None
        self._pool.shutdown(wait=False)

    def _check(
        self,
        images: NDArray[np.uint8],
        aux: NDArray[np.float32] | None,
        aux_mask: NDArray[np.bool_] | None,
    ) -> None:
        size_px, n_aux = self.card.input.size_px, len(self.card.aux_names)
        if images.dtype != np.uint8 or images.shape[1:] != (size_px, size_px, 3):
            raise ValueError(
                f"images is {images.dtype} {images.shape}, the network takes uint8 "
                f"(n, {size_px}, {size_px}, 3)."
            )
        for name, array in (("aux", aux), ("aux_mask", aux_mask)):
            if array is not None and array.shape != (len(images), n_aux):
                raise ValueError(
                    f"{name} is {array.shape}, the network takes ({len(images)}, {n_aux})."
                )

    def _feed(
        self,
        images: NDArray[np.uint8],
        aux: NDArray[np.float32] | None,
        aux_mask: NDArray[np.bool_] | None,
        rows: slice,
        bucket: int,
    ) -> dict[str, NDArray[Any]]:
        """Return the inputs for some rows, padded to a bucket with black pictures."""
        feed: dict[str, NDArray[Any]] = {"images": _padded(images[rows], bucket)}
        if n_aux := len(self.card.aux_names):
            values = np.zeros((bucket, n_aux), np.float32)
            known = np.zeros((bucket, n_aux), np.bool_)
            if aux is not None:
                part = aux[rows]
                known[: len(part)] = np.isfinite(part)
                if aux_mask is not None:
                    known[: len(part)] &= aux_mask[rows]
                values[: len(part)] = np.where(known[: len(part)], part, 0)
            feed |= {"aux": values, "aux_mask": known}
        return feed

    def _tried(
        self, outputs: Sequence[str], feed: dict[str, NDArray[Any]], bucket: int
    ) -> list[NDArray[Any]] | None:
        """Return the outputs, or None where the memory does not suffice for this batch size."""
        try:
            found: list[NDArray[Any]] = self._session.run(list(outputs), feed)
        except Exception as error:
            is_about_memory = bool(_OUT_OF_MEMORY.search(str(error)))
            if is_about_memory and self._forget_bucket(bucket):
                return None
            remedy = (
                "close other programs, or use a smaller network"
                if is_about_memory
                else "export it again, or set GPU=off where a GPU is used"
            )
            raise NetworkFailed(
                f"The network {self.card.model_id} cannot be computed on {self.provider}, {bucket} "
                f"at a time ({words_of(error)}): {remedy}."
            ) from error
        return found

    def _forget_bucket(self, bucket: int) -> bool:
        """Give up a batch size and larger ones for good; return whether a smaller one is left."""
        with self._bucket_lock:
            smaller = tuple(size for size in self._buckets if size < bucket)
            if smaller and smaller != self._buckets:
                _LOG.warning(
                    "%s has too little memory for %d pictures at once; from now on it is %d.",
                    self.provider,
                    bucket,
                    smaller[-1],
                )
                self._buckets = smaller
        return bool(smaller)


def _padded(images: NDArray[np.uint8], bucket: int) -> NDArray[np.uint8]:
    if len(images) == bucket:
        return np.ascontiguousarray(images)
    padded = np.zeros((bucket, *images.shape[1:]), np.uint8)
    padded[: len(images)] = images
    return padded
