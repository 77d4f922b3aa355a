"""Who works on a run: numbered files, of which each is made once and none is ever changed.

The highest number counts. Taking a run, giving it back and breaking a dead worker's claim all mean
to make the next number, which the file system lets one process do and no other. So of two that
lost patience at once only one goes on, and nobody can break a claim that he has not seen.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from inference.errors import InferenceError
from inference.formats.atomic import read_plain
from inference.formats.strict_json import read_object

UNKNOWN = "somebody unknown"
_NOBODY = ""
_MAX_BYTES = 10_000


@dataclass(frozen=True)
class Claims:
    """The claims on one run, in a folder of their own."""

    folder: Path

    def holder(self) -> str | None:
        """Return who works on the run, None if nobody does."""
        return self._holder(self._last())

    def take(self, worker: str, at: str) -> bool:
        """Take the run if nobody has it; False if somebody does, or was faster."""
        last = self._last()
        return self._holder(last) is None and self._make(last + 1, worker, at)

    def free(self, holder: str, at: str) -> bool:
        """Free the run from its holder; False if another has it by now."""
        last = self._last()
        return self._holder(last) == holder and self._make(last + 1, _NOBODY, at)

    def _last(self) -> int:
        try:
            names = [path.name for path in self.folder.iterdir()]
        except FileNotFoundError:
            return 0
        return max((int(name) for name in names if _is_number(name)), default=0)

    def _holder(self, number: int) -> str | None:
        if number == 0:
            return None
        try:
            data = read_plain(self.folder / str(number), max_bytes=_MAX_BYTES)
            worker = read_object(data, refused=InferenceError, max_bytes=_MAX_BYTES).get("worker")
        except (OSError, InferenceError):  # being written, or whoever did it died
            return UNKNOWN
        if not isinstance(worker, str):
            return UNKNOWN
        return None if worker == _NOBODY else worker

    def _make(self, number: int, worker: str, at: str) -> bool:
        self.folder.mkdir(exist_ok=True)
        try:
            with (self.folder / str(number)).open("x", encoding="utf-8") as file:
                file.write(json.dumps({"worker": worker, "at": at}) + "\n")
        except FileExistsError:
            return False
        return True


def _is_number(name: str) -> bool:
    return name.isascii() and name.isdecimal() and len(name) <= 9 and not name.startswith("0")
