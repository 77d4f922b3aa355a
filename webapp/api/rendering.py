"""How answers are written: JSON, whatever a program says that it accepts."""

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.utils.encoders import JSONEncoder


class JsonRenderer(JSONRenderer):
    """JSON in which what is unknown is null: it has no NaN."""

    charset = None

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,  # noqa: ARG002
        renderer_context: Mapping[str, Any] | None = None,  # noqa: ARG002
    ) -> bytes:
        """Return a document as UTF-8."""
        if data is None:
            return b""
        text = json.dumps(data, cls=JSONEncoder, ensure_ascii=False, separators=(",", ":"))
        return text.encode()


class AlwaysJson(BaseContentNegotiation):
    """There is one kind of answer, so that a browser's wishes need not be refused."""

    def select_parser(self, request: Request, parsers: Iterable[Any]) -> Any:
        """Return the parser that reads what was sent, or None."""
        kind = (request.content_type or "").partition(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type == kind), None)

    def select_renderer(
        self,
        request: Request,  # noqa: ARG002
        renderers: Iterable[BaseRenderer],
        format_suffix: str | None = None,  # noqa: ARG002
    ) -> tuple[BaseRenderer, str]:
        """Return the one renderer."""
        only = next(iter(renderers))
        return only, str(only.media_type)


def plain(value: Any) -> Any:
    """Return an element of an array as JSON has it; NaN becomes null.

    A single-precision number is written with the digits that it has.
    """
    if isinstance(value, (np.float32, np.float64)):
        number = float(str(value))
        return number if math.isfinite(number) else None
    return value.item() if isinstance(value, np.generic) else value
