"""JSON as these files use it: UTF-8, no key twice, no NaN, of bounded size."""

import json
from collections.abc import Mapping
from typing import Any, NoReturn

from inference.errors import InferenceError, shown


def read_object(
    data: bytes | str | Mapping[str, Any], *, refused: type[InferenceError], max_bytes: int
) -> Mapping[str, Any]:
    """Return the JSON object in data; a mapping is one already.

    Raises:
        InferenceError: data is not one; of the class `refused`.
    """
    document = data if isinstance(data, Mapping) else _decoded(data, refused, max_bytes)
    if not isinstance(document, Mapping):
        raise refused(f"The file holds {shown(document)}, not a JSON object. Start it with {{.")
    return document


def _decoded(data: bytes | str, refused: type[InferenceError], max_bytes: int) -> Any:
    text = _text(data, refused, max_bytes)

    def refuse_constant(name: str) -> NoReturn:
        raise refused(f"The number {name} is not JSON. Write a finite number.")

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in pairs:
            if key in found:
                raise refused(f"The field {shown(key)} stands twice in one object. Keep one.")
            found[key] = value
        return found

    try:
        return json.loads(text, object_pairs_hook=unique, parse_constant=refuse_constant)
    except json.JSONDecodeError as error:
        raise refused(
            f"Line {error.lineno}, column {error.colno} is not JSON: {error.msg}. Correct it there."
        ) from None
    except ValueError:
        raise refused("The file holds a number of too many digits. Write a shorter one.") from None
    except RecursionError:
        raise refused("The file is nested too deeply. Write lists and objects flat.") from None


def _text(data: bytes | str, refused: type[InferenceError], max_bytes: int) -> str:
    if len(data) > max_bytes:
        raise refused(f"The file is larger than {max_bytes:,} bytes. Shorten its texts.")
    if isinstance(data, str):
        return data.removeprefix("\ufeff")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise refused(f"Byte {error.start} of the file is not UTF-8. Save it as UTF-8.") from None
