"""Decode strangers' pictures in one limited child process, many pictures a child.

`with Decoder() as decoder: decoder.decode(content)`. What runs in the child is decoding.py.
"""

import tempfile
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Self

from inference.vision.child import Child, ChildEnded, ChildTooSlow
from inference.vision.picture import MAX_FILE_BYTES, PictureRefused, SkyFrame, too_large
from inference.vision.renditions import Rendition, Renditions

# What may wait at the child: one picture that it decodes, one that it reads next.
_AHEAD = 2
_ATTEMPTS = 2


@dataclass(frozen=True)
class Decoded:
    """What is stored of a picture.

    Attributes:
        format: "jpeg", "png" or "fits".
        width_px, height_px: of the original.
        sky: of the display rendition, whose pixel scale differs from the original's.
        filled_share, notes: see `Picture`.
    """

    format: str
    width_px: int
    height_px: int
    sky: SkyFrame | None
    filled_share: float
    notes: tuple[str, ...]
    renditions: Renditions


@dataclass
class _Waiting:
    """A picture that has been handed to the child, or was refused without it."""

    content: bytes
    refusal: PictureRefused | None = None
    n_crashes: int = 0


class Decoder:
    """A decoding child and the two pipes to it. Not for two threads at once."""

    def __init__(self, *, timeout_s: float = 20.0, memory_mb: int = 2000) -> None:
        """Prepare a decoder; the child starts with the `with` statement.

        Args:
            timeout_s: wall time that one picture may take, seconds.
            memory_mb: address space of the child, of which Python itself takes 300.
        """
        self.timeout_s = timeout_s
        self.memory_mb = memory_mb
        self._child: Child | None = None

    def __enter__(self) -> Self:
        # Its working folder: empty, and gone with it.
        self._folder = tempfile.TemporaryDirectory(prefix="decoder-")
        try:
            self._restart()
        except BaseException:
            self._folder.cleanup()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the child and remove its folder; twice is once."""
        if self._child is not None:
            self._child.kill()
            self._child = None
            self._folder.cleanup()

    def decode(self, content: bytes) -> Decoded:
        """Return what is to be stored of one picture.

        Raises:
            PictureRefused: by its content, or because decoding it took too much time or memory.
        """
        (outcome,) = self.decode_all([content])
        if isinstance(outcome, PictureRefused):
            raise outcome
        return outcome

    def decode_all(self, contents: Iterable[bytes]) -> Iterator[Decoded | PictureRefused]:
        """Yield one outcome per picture, in order; a refusal is yielded, not raised.

        Reads one picture ahead, so the child decodes while the caller stores.
        """
        source = iter(contents)
        queue: deque[_Waiting] = deque()
        if not self._running.is_alive:  # it ended between two pictures, which is nobody's fault
            self._restart()
        try:
            while self._fill(queue, source):
                outcome = self._outcome(queue)
                queue.popleft()
                self._fill(queue, source)
                yield outcome
        finally:
            # The caller has left early: what the child still answers is for nobody.
            if queue and self._child is not None:
                self._child.kill()

    def _fill(self, queue: deque[_Waiting], source: Iterator[bytes]) -> bool:
        """Hand the child the next pictures; return whether any picture waits."""
        while len(queue) < _AHEAD and (content := next(source, None)) is not None:
            if len(content) > MAX_FILE_BYTES:
                queue.append(_Waiting(b"", PictureRefused(too_large(len(content)))))
            else:
                queue.append(_Waiting(content))
                self._running.send(content)
        return bool(queue)

    def _outcome(self, queue: deque[_Waiting]) -> Decoded | PictureRefused:
        first = queue[0]
        while first.refusal is None:
            try:
                return _unpacked(*self._running.reply(self.timeout_s))
            except ChildTooSlow:
                first.refusal = PictureRefused(
                    f"The picture took more than {self.timeout_s:g} s to decode and was stopped: "
                    f"make a smaller cutout, or save it as a plain JPEG or PNG."
                )
            except ChildEnded as ended:
                # Once may be the machine's fault (memory, a signal); twice is the picture's.
                first.n_crashes += 1
                if first.n_crashes == _ATTEMPTS:
                    first.refusal = self._crash(ended)
            self._restart(queue)
        return first.refusal

    def _crash(self, ended: ChildEnded) -> PictureRefused:
        return PictureRefused(
            f"The picture ended the decoder {_ATTEMPTS} times ({ended}; it may use "
            f"{self.memory_mb:,} MB and {self.timeout_s:g} s): make a smaller cutout, or save it "
            f"as a plain JPEG or PNG."
        )

    @property
    def _running(self) -> Child:
        if self._child is None:
            raise RuntimeError("The decoder is closed: use it inside its with statement.")
        return self._child

    def _restart(self, queue: Iterable[_Waiting] = ()) -> None:
        """Start a fresh child and hand it again what still has no outcome."""
        if self._child is not None:
            self._child.kill()
        arguments = (str(self.memory_mb), str(self.timeout_s))
        self._child = Child("inference.vision.decoding", arguments, folder=self._folder.name)
        for waiting in queue:
            if waiting.refusal is None:
                self._child.send(waiting.content)


def _unpacked(fields: dict[str, Any], blobs: list[bytes]) -> Decoded | PictureRefused:
    """Return what a reply of decoding.py says."""
    if "refused" in fields:
        return PictureRefused(fields["refused"])
    renditions = [
        Rendition(content=blob, **described)
        for blob, described in zip(blobs, fields["renditions"], strict=True)
    ]
    facts = fields["facts"]
    sky = SkyFrame(**facts.pop("sky")) if facts["sky"] else facts.pop("sky")
    notes = tuple(facts.pop("notes"))
    bands = tuple(zip(fields["bands"], renditions[3:], strict=True))
    display, thumbnail, stamp = renditions[:3]
    made = Renditions(display, thumbnail, stamp, bands)
    return Decoded(**facts, sky=sky, notes=notes, renditions=made)
