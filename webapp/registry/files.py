"""Where model files lie: in one private folder, under their own hash, written once.

On several machines it is a folder that they share, or a copy of an object store's.
"""

import hashlib
import os
import re
from pathlib import Path

from django.conf import settings

from inference.formats.atomic import file_sha256, whole_file
from webapp.common import shared

PLACE = "models"
READ_ONLY = 0o440
SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)


def path_of(sha256: str) -> Path:
    """Return where the file of this hash lies, or would.

    Raises:
        ValueError: it is no hash, so no name of ours.
    """
    if not SHA256.fullmatch(sha256):
        raise ValueError(f"{sha256!r} is no SHA-256 in lower-case hexadecimal digits.")
    return Path(settings.MODELS_ROOT) / f"{sha256}.onnx"


def here(sha256: str) -> Path:
    """Return where the file of this hash lies, having fetched it from the object store if need be.

    Raises:
        OSError: the object store does not give it, or the disk is full.
    """
    path = path_of(sha256)
    shared.fetch(PLACE, path.name, path)
    return path


def is_whole(sha256: str) -> bool:
    """Say whether the file is there, byte for byte."""
    try:
        here(sha256)
        return file_sha256(path_of(sha256)) == sha256
    except OSError:
        return False


def store(content: bytes) -> bool:
    """Write a model file unless it is there, byte for byte; say whether it was written.

    One at a time for the same content.

    Raises:
        OSError: the disk is full or read-only; nothing is left of the file.
    """
    sha256 = hashlib.sha256(content).hexdigest()
    if is_whole(sha256):
        return False
    path = path_of(sha256)
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f".{path.name}.*"):  # by a process that was killed meanwhile
        left.unlink(missing_ok=True)
    with whole_file(path) as file:
        file.write(content)
        os.fchmod(file.fileno(), READ_ONLY)
    try:
        shared.share(PLACE, path.name, path)
    except OSError:
        path.unlink()  # what no other machine sees is not kept
        raise
    return True


def remove(sha256: str) -> None:
    """Remove the file of a model that could not be registered."""
    path = path_of(sha256)
    shared.remove(PLACE, path.name, path)
