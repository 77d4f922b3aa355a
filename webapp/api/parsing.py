"""Reading what a program sends: one JSON object, as strictly as the files of this site are read."""

from collections.abc import Mapping
from typing import Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

from inference.errors import InferenceError
from inference.formats.strict_json import read_object

MAX_BYTES = 100_000  # nothing that is asked for is longer


class NoObject(InferenceError):
    """A body that is no JSON object that can be read in one way only."""


class JsonParser(BaseParser):
    """The framework's own takes a body of any length, and ends in an error at a deep one."""

    media_type = "application/json"

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Any = None  # noqa: ARG002
    ) -> Mapping[str, Any]:  # fmt: skip
        """Return the object.

        Raises:
            ParseError: it is none, too long, too deep, of another encoding, or ambiguous.
        """
        try:
            return read_object(stream.read(MAX_BYTES + 1), refused=NoObject, max_bytes=MAX_BYTES)
        except NoObject as error:
            raise ParseError(f"The fields cannot be read. {error}") from None
