"""Where pictures lie and how they are served: named by their content, so they never change.

The proxy serves them in server mode, with the same headers.
"""

import hashlib
import os
import re
from collections.abc import Callable
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, Storage, storages
from django.http import FileResponse, HttpRequest, HttpResponseBase, HttpResponseNotFound

from webapp.common.errors import DomainError

KINDS = {"display": "jpg", "thumbnail": "jpg", "stamp": "jpg", "fits": "fits", "heat": "png"}
TYPES = {"jpg": "image/jpeg", "png": "image/png", "fits": "application/fits"}
ADDRESS = re.compile(
    r"(display|thumbnail|fits|heat)/[0-9a-f]{2}/[0-9a-f]{64}\.(jpg|png|fits)", re.ASCII
)
# Whatever a picture may turn out to contain, a browser runs nothing of it.
HEADERS = {
    "Cache-Control": "public, max-age=31536000, immutable",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}

Handler = Callable[[HttpRequest], HttpResponseBase]


def name(kind: str, sha256: str) -> str:
    """Return the name of a public file in its storage."""
    return f"{kind}/{sha256[:2]}/{sha256}.{KINDS[kind]}"


def url(kind: str, sha256: str) -> str:
    """Return the address of a public file."""
    return f"{settings.MEDIA_URL}{name(kind, sha256)}"


def source(kind: str, sha256: str) -> Path | tuple[str, bytes]:
    """Return a picture as `inference.vision` reads it: where it lies, or its name and content."""
    storage, where = storages["default"], name(kind, sha256)
    if isinstance(storage, FileSystemStorage):
        return Path(storage.path(where))
    with storage.open(where) as file:
        return where, file.read()


def check_folder(kind: str, lost: type[DomainError]) -> None:
    """Raise `lost` if no picture of this kind can be there: a disk that is not mounted."""
    storage = storages["default"]
    if isinstance(storage, FileSystemStorage) and not Path(storage.path(kind)).is_dir():
        raise lost(f"The folder {storage.path(kind)} is not there: mount it, then press Retry.")


def store_public(kind: str, content: bytes) -> str:
    """Store a picture that we made, once, and return its SHA-256."""
    sha256 = hashlib.sha256(content).hexdigest()
    _store(storages["default"], name(kind, sha256), content)
    return sha256


def store_original(content: bytes, suffix: str) -> str:
    """Store a file as it came in, once, where nothing serves it; return its SHA-256."""
    sha256 = hashlib.sha256(content).hexdigest()
    _store(storages["originals"], f"{sha256[:2]}/{sha256}.{suffix}", content)
    return sha256


def _store(storage: Storage, where: str, content: bytes) -> None:
    """Write a file under a name that says its content; a half-written one never bears it.

    Raises:
        OSError: the disk is full or read-only; nothing is left of the file.
    """
    if storage.exists(where):
        return
    if not isinstance(storage, FileSystemStorage):
        storage.save(where, ContentFile(content))
        return
    path = Path(storage.path(where))
    path.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=path.parent, delete=False) as file:
        try:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).chmod(0o644)
            Path(file.name).replace(path)
        except OSError:
            Path(file.name).unlink(missing_ok=True)
            raise


def serve(get_response: Handler) -> Handler:
    """Answer the addresses of public files before anything else has to run.

    On a server the proxy does it, unless they are in an object store, which only we can read.
    """
    if not settings.LOCAL_MODE and isinstance(storages["default"], FileSystemStorage):
        return get_response

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if not request.path_info.startswith(settings.MEDIA_URL):
            return get_response(request)
        return _file(request.path_info.removeprefix(settings.MEDIA_URL))

    return middleware


def _file(where: str) -> HttpResponseBase:
    if not ADDRESS.fullmatch(where):
        return HttpResponseNotFound()
    try:
        file = _opened(where)
    except OSError:
        return HttpResponseNotFound()
    response = FileResponse(file, content_type=TYPES[where.rpartition(".")[2]])
    for header, value in HEADERS.items():
        response.headers[header] = value
    if where.startswith("fits/"):
        response.headers["Content-Disposition"] = "attachment"
    return response


def _opened(where: str) -> IO[bytes]:
    storage = storages["default"]
    if isinstance(storage, FileSystemStorage):
        return Path(storage.path(where)).open("rb")
    return storage.open(where).open("rb")
