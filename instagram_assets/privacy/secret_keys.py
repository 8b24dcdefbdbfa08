"""The secret keys of pseudonyms and tombstones: created on first use, stored outside the lake.

Without the key nobody can map a pseudonym back to a name, not even by testing guessed names. Deleting the pseudonym key
makes all pseudonyms unresolvable at once (crypto-erasure).
"""

import hashlib
import hmac
import os
import re
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Literal

from instagram_assets.errors import StorageError
from instagram_assets.storage.atomic import make_folder, refusal, sync_folders, temporary_beside
from instagram_assets.storage.locks import folder_lock

KeyName = Literal["pseudonyms", "tombstones"]

KEY_FILES = ("pseudonyms.key", "tombstones.key")
"""The files of the keys."""

_BYTES = 32
_WRITTEN = re.compile(rb"[0-9a-f]{64}\n?")


def load_key(folder: Path, name: KeyName) -> bytes:
    """Returns the 32-byte key in `<folder>/<name>.key`; generates it if missing.

    Concurrent callers get the same key. Raises StorageError when the key cannot be read, is damaged, or cannot be
    written.
    """
    return find_key(folder, name) or _make(folder, name)


def find_key(folder: Path, name: KeyName) -> bytes | None:
    """Returns the 32-byte key `name`, or None if there is none yet. Raises StorageError as `load_key` does."""
    file = _file(folder, name)
    try:
        found = file.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StorageError(f"{file}: cannot be read ({error.strerror}). Give this user the right to.") from error
    if not _WRITTEN.fullmatch(found):
        raise StorageError(
            f"{file}: damaged, a key is 64 hexadecimal digits. Put back the copy that you kept of it; what was "
            "pseudonymised or forgotten by it is known by that key alone."
        )
    return bytes.fromhex(found.decode())


def rotate_key(folder: Path) -> None:
    """Replaces the key of the pseudonyms: existing pseudonyms can no longer be resolved.

    Raises StorageError when the new key cannot be written; the old key is kept then.
    """
    _make(folder, "pseudonyms", replace=True)


def key_id(key: bytes) -> str:
    """Returns a fingerprint of a key: 16 hexadecimal digits."""
    return hmac.new(key, b"the id of this key", hashlib.sha256).hexdigest()[:16]


def _file(folder: Path, name: KeyName) -> Path:
    return folder / f"{name}.key"


def _make(folder: Path, name: KeyName, *, replace: bool = False) -> bytes:
    """Writes a new key, readable by its owner only, and returns it; returns an existing one unless `replace`."""
    file, key = _file(folder, name), secrets.token_bytes(_BYTES)
    try:
        make_folder(folder)
        folder.chmod(0o700)
        with folder_lock(folder, "Put INSTAGRAM_ASSETS_PRIVACY__FOLDER on a local disk"):
            if not replace and (found := find_key(folder, name)) is not None:
                return found
            temporary = temporary_beside(file)
            try:
                descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with open(descriptor, "wb") as stream:
                    stream.write(key.hex().encode() + b"\n")
                    stream.flush()
                    os.fsync(descriptor)
                os.replace(temporary, file)
            finally:
                with suppress(FileNotFoundError):
                    temporary.unlink()
            sync_folders([folder])
    except OSError as error:
        raise refusal(file, error) from error
    return key
