"""Many pictures through one network: decoded in threads ahead of it, in order, each exactly once.

A picture that cannot be read is a value in the result, with the sentence that says why.
"""

import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.formats.card import Card
from inference.vision.contract import ALPHA, SCORING
from inference.vision.picture import PictureRefused
from inference.vision.preprocess import read_stamp
from inference.vision.session import NetworkFailed, Session
from inference.vision.slot import Slot, is_alike

_AHEAD = 3  # batches that are decoded, wait or are run while the caller has another one

Source = Path | tuple[str, bytes]  # a file, or a name and a file's content


@dataclass(frozen=True, eq=False)
class Scored:
    """What a network said of some pictures, in the order they came in.

    Attributes:
        sources: their names.
        errors: why a picture has no result; None for the others.
        outputs: arrays (n, ...) by the names asked for; NaN in the rows of pictures without one.
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
        batch_size: pictures in a batch; memory stays at four such batches.

    Raises:
        NetworkFailed: the runtime failed, or the slot has got a network of another kind.
    """
    with _lent(network) as session:
        card = session.card
    threads = decode_threads if decode_threads > 0 else len(os.sched_getaffinity(0))
    source = iter(sources)
    with (
        ThreadPoolExecutor(threads, thread_name_prefix="decode") as decoders,
        ThreadPoolExecutor(1, thread_name_prefix="network") as runner,
    ):
        ahead: deque[tuple[_Batch, Future[Scored]]] = deque()
        try:
            while True:
                while len(ahead) <= _AHEAD and (some := list(islice(source, batch_size))):
                    batch = _Batch(some, card, decoders, threads)
                    ahead.append((batch, runner.submit(batch.scored, network, outputs)))
                if not ahead:
                    return
                yield ahead.popleft()[1].result()
        finally:
            for batch, result in ahead:
                result.cancel()
                batch.cancel()


class _Batch:
    """Pictures that are being decoded into one array."""

    def __init__(
        self, sources: Sequence[Source], card: Card, pool: ThreadPoolExecutor, n_threads: int
    ) -> None:
        self.sources, self.card = sources, card
        n, size_px = len(sources), card.input.size_px
        self.images = np.zeros((n, size_px, size_px, 3), np.uint8)
        self.errors: list[str | None] = [None] * n
        # A few tasks of many pictures: one a picture would cost as much as decoding small ones.
        step = max(1, -(-n // (2 * n_threads)))
        self.tasks: list[Future[None]] = [
            pool.submit(self._decode, range(start, min(start + step, n)))
            for start in range(0, n, step)
        ]

    def _decode(self, places: range) -> None:
        for place in places:
            source = self.sources[place]
            try:
                content = source if isinstance(source, Path) else source[1]
                self.images[place] = read_stamp(content, self.card.input)
            except PictureRefused as refusal:
                self.errors[place] = str(refusal)
            except MemoryError:
                self.errors[place] = (
                    "The picture needs more memory than there is: make a smaller cutout."
                )

    def scored(self, network: Session | Slot, outputs: Sequence[str]) -> Scored:
        """Wait until the pictures are decoded, and return what the network says of them."""
        for task in self.tasks:
            task.result()
        with _lent(network) as session:
            if not is_alike(session.card, self.card):
                raise NetworkFailed(
                    f"The network {self.card.model_id} was replaced by {session.card.model_id}, "
                    f"which answers another tree or takes other pictures: start again with it."
                )
            found = session.run(self.images, outputs)
            sha256 = session.sha256
        self._note_useless(found)
        bad = np.array([error is not None for error in self.errors])
        if bad.any():
            for array in found.values():
                array[bad] = np.nan
        names = tuple(str(s) if isinstance(s, Path) else s[0] for s in self.sources)
        return Scored(names, tuple(self.errors), found, sha256)

    def cancel(self) -> None:
        """Decode no more of it than what has begun."""
        for task in self.tasks:
            task.cancel()

    def _note_useless(self, found: dict[str, NDArray[Any]]) -> None:
        """Note pictures to which the network answers with no numbers: some overflow 16 bits."""
        if ALPHA not in found:
            return
        for place in np.flatnonzero(~np.isfinite(found[ALPHA]).all(axis=1)):
            self.errors[place] = self.errors[place] or (
                f"The network {self.card.model_id} answers to this picture with no finite number: "
                f"look at the picture, and use the network in float32."
            )


def _lent(network: Session | Slot) -> AbstractContextManager[Session]:
    return network.current() if isinstance(network, Slot) else nullcontext(network)
