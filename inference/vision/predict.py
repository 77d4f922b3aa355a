"""Many pictures through one network: decoded in threads ahead of it, in order, each exactly once.

A picture that cannot be read is a value in the result, with the sentence that says why.
"""

import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.formats.card import InputSpec
from inference.vision.picture import PictureRefused
from inference.vision.preprocess import read_stamp
from inference.vision.session import SCORING, Session
from inference.vision.slot import Slot

_AHEAD = 2  # batches that are decoded or wait while one is run

Source = Path | tuple[str, bytes]  # a file, or a name and a file's content


@dataclass(frozen=True, eq=False)
class Scored:
    """What a network said of some pictures, in the order they came in.

    Attributes:
        sources: their names.
        errors: why a picture could not be read; None for the others.
        outputs: arrays (n, ...) by the names asked for; NaN in the rows of unread pictures.
        sha256: of the model file that said it.
    """

    sources: tuple[str, ...]
    errors: tuple[str | None, ...]
    outputs: dict[str, NDArray[Any]]
    sha256: str

    def __len__(self) -> int:
        return len(self.sources)


def predict(
    network: Session | Slot,
    sources: Iterable[Source],
    *,
    outputs: Sequence[str] = SCORING,
    decode_threads: int = 0,
    batch_size: int = 128,
) -> Iterator[Scored]:
    """Yield what a network says of pictures, a batch at a time.

    Args:
        network: a session, or a slot whose session may be swapped between two batches.
        outputs: of the model file's contract.
        decode_threads: 0 for one a core.
        batch_size: pictures in a batch; memory stays at three such batches.
    """
    spec = _input_of(network)
    threads = decode_threads or len(os.sched_getaffinity(0))
    source = iter(sources)
    with ThreadPoolExecutor(threads, thread_name_prefix="decode") as pool:
        ahead: deque[_Batch] = deque()
        try:
            while True:
                while len(ahead) <= _AHEAD and (some := list(islice(source, batch_size))):
                    ahead.append(_Batch(some, spec, pool, threads))
                if not ahead:
                    return
                yield ahead.popleft().scored(network, outputs)
        finally:
            for batch in ahead:
                batch.cancel()


class _Batch:
    """Pictures that are being decoded into one array."""

    def __init__(
        self, sources: Sequence[Source], spec: InputSpec, pool: ThreadPoolExecutor, n_tasks: int
    ) -> None:
        self.sources, self.spec = sources, spec
        n = len(sources)
        self.images = np.zeros((n, spec.size_px, spec.size_px, 3), np.uint8)
        self.errors: list[str | None] = [None] * n
        # A few tasks of many pictures: one a picture would cost as much as decoding small ones.
        step = max(1, -(-n // (2 * n_tasks)))
        self.tasks: list[Future[None]] = [
            pool.submit(self._decode, range(start, min(start + step, n)))
            for start in range(0, n, step)
        ]

    def _decode(self, places: range) -> None:
        for place in places:
            source = self.sources[place]
            try:
                content = source if isinstance(source, Path) else source[1]
                self.images[place] = read_stamp(content, self.spec)
            except PictureRefused as refusal:
                self.errors[place] = str(refusal)
            except MemoryError:
                self.errors[place] = (
                    "The picture needs more memory than there is: make a smaller cutout."
                )

    def scored(self, network: Session | Slot, outputs: Sequence[str]) -> Scored:
        for task in self.tasks:
            task.result()
        with _lent(network) as session:
            found = session.run(self.images, outputs)
            sha256 = session.sha256
        bad = np.array([error is not None for error in self.errors])
        if bad.any():
            found = {name: _without(array, bad) for name, array in found.items()}
        names = tuple(str(s) if isinstance(s, Path) else s[0] for s in self.sources)
        return Scored(names, tuple(self.errors), found, sha256)

    def cancel(self) -> None:
        for task in self.tasks:
            task.cancel()


def _without(array: NDArray[Any], bad: NDArray[np.bool_]) -> NDArray[Any]:
    array = np.array(array)
    array[bad] = np.nan
    return array


def _lent(network: Session | Slot) -> Any:
    return network.current() if isinstance(network, Slot) else nullcontext(network)


def _input_of(network: Session | Slot) -> InputSpec:
    with _lent(network) as session:
        spec: InputSpec = session.card.input
        return spec
