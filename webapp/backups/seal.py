"""How files of a backup are written: as they are, or encrypted.

Encrypted ones are of the age format (age-encryption.org), which its own program `age` reads too.
Every 64 KiB are authenticated, and so is where the file ends.
"""

import hashlib
import hmac
import shutil
from dataclasses import dataclass, field
from functools import cache
from typing import IO, Any

import pyrage

from webapp.backups.errors import BackupRefused, NotPossible

BLOCK = 1 << 20


@dataclass(frozen=True)
class Seal:
    """A key, or none.

    Args:
        key: what `age-keygen` prints, AGE-SECRET-KEY-1...; empty to write files as they are.
    """

    key: str = field(repr=False)

    def __post_init__(self) -> None:
        if self.key:
            _identity(self.key)

    @property
    def suffix(self) -> str:
        """What the name of an encrypted file ends with."""
        return ".age" if self.key else ""

    def name(self, sha256: str) -> str:
        """Return the name under which a content is kept; a key hides what it is of."""
        if not self.key:
            return sha256
        key = str(_identity(self.key))  # without what else is in its file
        return hmac.new(key.encode(), sha256.encode(), hashlib.sha256).hexdigest() + ".age"

    def write(self, source: Any, target: Any) -> None:
        """Copy a content into a backup."""
        if self.key:
            pyrage.encrypt_io(source, target, [_identity(self.key).to_public()])
        else:
            shutil.copyfileobj(source, target, BLOCK)

    def read(self, source: IO[bytes], target: Any) -> None:
        """Copy a content out of a backup.

        Raises:
            BackupRefused: it was changed or cut off, or another key wrote it; part of it may have
                been copied by then.
        """
        if not self.key:
            shutil.copyfileobj(source, target, BLOCK)
            return
        try:
            pyrage.decrypt_io(source, target, [_identity(self.key)])
        except pyrage.DecryptError:
            raise BackupRefused(
                f"{source.name} cannot be opened with the key of BACKUP_KEY_FILE: another key "
                f"wrote it, or it is cut off. Name the file of the key that wrote it."
            ) from None
        except OSError as error:
            if str(error) != "decryption error":
                raise
            raise BackupRefused(
                f"{source.name} was changed or cut off after it was written: take another backup."
            ) from None


@cache
def _identity(key: str) -> Any:
    """Return the key that a text names; a file of age-keygen has comments above it."""
    lines = [line.strip() for line in key.splitlines() if not line.startswith("#")]
    try:
        return pyrage.x25519.Identity.from_str("".join(lines))
    except pyrage.IdentityError:
        raise NotPossible(
            "BACKUP_KEY_FILE holds no key of age: make one with `manage.py backup --new-key FILE`."
        ) from None


class Hashing:
    """Passes on what is written to it, and knows the SHA-256 of all that.

    Args:
        target: where it goes; None for nowhere.
    """

    def __init__(self, target: IO[bytes] | None = None) -> None:
        self.target, self._hash = target, hashlib.sha256()

    @property
    def sha256(self) -> str:
        """Of what has been written so far, in hexadecimal digits."""
        return self._hash.hexdigest()

    def write(self, data: bytes) -> int:
        """Take some bytes."""
        self._hash.update(data)
        return self.target.write(data) if self.target else len(data)

    def flush(self) -> None:
        """Let nothing wait here."""
        if self.target:
            self.target.flush()


class HashingSource:
    """Reads a file, and knows the SHA-256 of what has been read."""

    def __init__(self, source: IO[bytes]) -> None:
        self.source, self._hash = source, hashlib.sha256()

    @property
    def sha256(self) -> str:
        """Of what has been read so far, in hexadecimal digits."""
        return self._hash.hexdigest()

    def read(self, size: int = -1) -> bytes:
        """Give some bytes."""
        data = self.source.read(size)
        self._hash.update(data)
        return data
