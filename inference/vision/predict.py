"""Many pictures through one network: in order, each exactly once, all cores at work.

On a processor every thread decodes some pictures and runs the network on them. For a GPU all of
them decode ahead. A picture that cannot be read is a value in the result, with the sentence that
says why.
"""

import os
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, nullcontext
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
from inference.vision.providers import CPU
from inference.vision.session import NetworkFailed, Session
from inference.vision.slot import Slot, is_alike

_AHEAD = 3  # batches on their way while the caller has another one

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
) -> Generator[Scored, None, None]:
    """Yield what a network says of pictures, a batch at a time.

    Args:
        network: a session, or a slot whose session may be swapped between two batches.
        outputs: of the model file's contract.
        decode_threads: how many pictures are decoded, and on a processor also run, at a time; 0
            for as many as the session uses, or beside a GPU as there are cores.
        batch_size: pictures in a batch; memory stays at four such batches.

    Raises:
        NetworkFailed: the runtime failed, or the slot has got a network of another kind.
    """
    with _lent(network) as session:
        card, is_shared = session.card, session.provider == CPU
        threads = decode_threads or (session.threads if is_shared else _cores())
    source = iter(sources)
    with (
        ThreadPoolExecutor(threads, thread_name_prefix="decode") as workers,
        ThreadPoolExecutor(1, thread_name_prefix="feed") as feeder,
    ):
        ahead: deque[_Batch] = deque()
        try:
            while True:
                while len(ahead) <= _AHEAD and (some := list(islice(source, batch_size))):
                    ahead.append(_Batch(some, network, card, outputs))
                    if is_shared:
                        ahead[-1].share(workers, threads)
                    else:
                        ahead[-1].feed(workers, threads, feeder)
                if not ahead:
                    return
                scored = ahead[0].scored()
                ahead.popleft()
                yield scored
        finally:
            workers.shutdown(cancel_futures=True)
            feeder.shutdown(cancel_futures=True)
            for batch in ahead:
                batch.loan.close()


class _Batch:
    """Pictures on their way through a network, which is lent until they are through."""

    def __init__(
        self, sources: Sequence[Source], network: Session | Slot, card: Card, outputs: Sequence[str]
    ) -> None:
        self.sources, self.outputs = sources, outputs
        self.loan = ExitStack()
        self.session = self.loan.enter_context(_lent(network))
        if not is_alike(self.session.card, card):
            self.loan.close()
            raise NetworkFailed(
                f"The network {card.model_id} was replaced by {self.session.card.model_id}, which "
                f"answers another tree or takes other pictures: start again with it."
            )
        size_px = card.input.size_px
        self.images = np.zeros((len(sources), size_px, size_px, 3), np.uint8)
        self.errors: list[str | None] = [None] * len(sources)
        self.parts: list[Future[dict[str, NDArray[Any]]]] = []

    def share(self, workers: ThreadPoolExecutor, threads: int) -> None:
        """Have each core decode some pictures and run them; none waits for another."""
        step = self.session.batch_of(len(self.sources), threads)
        for rows in self._spans(step):
            self.parts.append(workers.submit(self._decoded_and_run, rows))

    def feed(self, workers: ThreadPoolExecutor, threads: int, feeder: ThreadPoolExecutor) -> None:
        """Have the cores decode for a GPU, which runs all at once when they are done."""
        # A few tasks of many pictures: one a picture would cost as much as decoding small ones.
        step = max(1, -(-len(self.sources) // (2 * threads)))
        decoding = [workers.submit(self._decode, rows) for rows in self._spans(step)]
        self.parts = [feeder.submit(self._run, decoding)]

    def scored(self) -> Scored:
        """Wait for what the network says, and give it back."""
        found = _joined([part.result() for part in self.parts])
        sha256, model_id = self.session.sha256, self.session.card.model_id
        self.loan.close()
        self._note_useless(found, model_id)
        bad = np.array([error is not None for error in self.errors])
        if bad.any():
            for array in found.values():
                array[bad] = np.nan
        names = tuple(str(s) if isinstance(s, Path) else s[0] for s in self.sources)
        return Scored(names, tuple(self.errors), found, sha256)

    def _spans(self, step: int) -> Iterator[slice]:
        n = len(self.sources)
        return (slice(start, min(start + step, n)) for start in range(0, n, step))

    def _decoded_and_run(self, rows: slice) -> dict[str, NDArray[Any]]:
        self._decode(rows)
        return self.session.run(self.images[rows], self.outputs, threads=1)

    def _run(self, decoding: Sequence[Future[None]]) -> dict[str, NDArray[Any]]:
        for task in decoding:
            task.result()
        return self.session.run(self.images, self.outputs)

    def _decode(self, rows: slice) -> None:
        for place in range(rows.start, rows.stop):
            source = self.sources[place]
            try:
                content = source if isinstance(source, Path) else source[1]
                self.images[place] = read_stamp(content, self.session.card.input)
            except PictureRefused as refusal:
                self.errors[place] = str(refusal)
            except MemoryError:
                self.errors[place] = (
                    "The picture needs more memory than there is: make a smaller cutout."
                )

    def _note_useless(self, found: dict[str, NDArray[Any]], model_id: str) -> None:
        """Note pictures to which the network answers with no numbers: some overflow 16 bits."""
        if ALPHA not in found:
            return
        for place in np.flatnonzero(~np.isfinite(found[ALPHA]).all(axis=1)):
            self.errors[place] = self.errors[place] or (
                f"The network {model_id} answers to this picture with no finite number: look at "
                f"the picture, and use the network in float32."
            )


def _joined(parts: Sequence[dict[str, NDArray[Any]]]) -> dict[str, NDArray[Any]]:
    if len(parts) == 1:
        return parts[0]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _cores() -> int:
    return len(os.sched_getaffinity(0))


def _lent(network: Session | Slot) -> AbstractContextManager[Session]:
    return network.current() if isinstance(network, Slot) else nullcontext(network)
