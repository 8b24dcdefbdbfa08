"""Tombstones: keyed hashes of erased identifiers, which prevent the erased data from being collected again.

`<folder>/tombstones.jsonl` has a line for each identifier; hashes can only be computed with the key beside it, so the
file alone reveals how much was erased and when, but not what.
"""

import hashlib
import hmac
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path

from instagram_assets.errors import StorageError
from instagram_assets.privacy.forgotten_identifiers import IdentifierKind, Identifiers, replacement_of_name
from instagram_assets.privacy.names_in_text import WordContext, replace_words
from instagram_assets.privacy.pseudonyms import FORGOTTEN_PREFIX, pseudonym
from instagram_assets.privacy.secret_keys import find_key, load_key
from instagram_assets.schemas.account_names import counts_alone, is_meant
from instagram_assets.storage.atomic import remedy, write_atomic
from instagram_assets.storage.locks import folder_lock

TOMBSTONES_FILE = "tombstones.jsonl"
_LONGEST = 30
"""Maximum number of characters of an Instagram account name."""
_KINDS: tuple[IdentifierKind, ...] = ("account", "profile_id", "post_id", "shortcode", "image", "url")


@dataclass(frozen=True)
class Tombstones:
    """Set of erased identifiers, stored as hashes computed with `key`; empty without a key."""

    key: bytes = b""
    hashes: frozenset[str] = frozenset()

    @property
    def patterns(self) -> None:
        """None: identifiers known only as hashes can be looked up word by word, but not searched by patterns."""

    def __bool__(self) -> bool:
        return bool(self.hashes)

    def __len__(self) -> int:
        return len(self.hashes)

    def has(self, kind: IdentifierKind, value: str | None) -> bool:
        """Whether an identifier is erased; account names are compared ignoring case."""
        if not value or not self.hashes:
            return False
        known = self._cache.get((kind, value))
        if known is None:
            if len(self._cache) > 1_000_000:
                self._cache.clear()
            known = self._cache[kind, value] = _hash(self.key, kind, value) in self.hashes
        return known

    def scrub(self, text: str) -> str:
        """Returns the text with erased account names replaced by pseudonyms, where an account is meant."""
        return replace_words(text, self._is_account, self._where_meant) if self.hashes else text

    def named(self, text: str) -> str:
        """Returns a text of account names with the erased ones replaced: every whole word in it counts as a name."""
        return self.scrub(replace_words(text, self._is_account, self._of_a_name)) if self.hashes else text

    def is_bare(self, name: str) -> bool:
        """Whether an account name that is an ordinary word was erased wherever it is a whole word."""
        return _bare_mark(self.key, name) in self.hashes

    def _is_account(self, name: str) -> bool:
        return len(name) <= _LONGEST and self.has("account", name)

    def _where_meant(self, name: str, around: WordContext) -> str | None:
        is_it = counts_alone(name) or is_meant(name, around.before, around.after) or self.is_bare(name)
        return self.pseudonym(name) if is_it else None

    def _of_a_name(self, name: str, around: WordContext) -> str | None:
        return replacement_of_name(self.pseudonym(name), around)

    def mark(self, kind: IdentifierKind, value: str) -> str:
        """Returns the keyed hash of an identifier, as in the file of tombstones."""
        return _hash(self.key, kind, value)

    def pseudonym(self, name: str) -> str:
        """Returns the pseudonym that replaces an erased account name; for a hashtag it begins with # too."""
        return f"#{self.pseudonym(name[1:])}" if name.startswith("#") else pseudonym(self.key, name, FORGOTTEN_PREFIX)

    @cached_property
    def _cache(self) -> dict[tuple[IdentifierKind, str], bool]:
        return {}


class LatestTombstones:
    """Tombstones that are reloaded when their file changes, for long-running work during which data can be erased.

    All methods raise StorageError, as `load_tombstones` does.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stamp, self._loaded = self._stamp_now(), load_tombstones(folder)

    @property
    def patterns(self) -> None:
        """None: identifiers known only as hashes can be looked up word by word, but not searched by patterns."""

    def __bool__(self) -> bool:
        return bool(self._now())

    def has(self, kind: IdentifierKind, value: str | None) -> bool:
        """Whether an identifier is erased; account names are compared ignoring case."""
        return self._now().has(kind, value)

    def scrub(self, text: str) -> str:
        """Returns the text with erased account names replaced by pseudonyms, where an account is meant."""
        return self._now().scrub(text)

    def named(self, text: str) -> str:
        """Returns a text of account names with the erased ones replaced: every whole word in it counts as a name."""
        return self._now().named(text)

    def _now(self) -> Tombstones:
        stamp = self._stamp_now()  # taken before reading, so that a concurrent change is noticed the next time
        if stamp != self._stamp:
            if not stamp and self._loaded:
                raise StorageError(
                    f"{self._folder / TOMBSTONES_FILE}: was there and is gone. Put it back, then run again."
                )
            self._loaded, self._stamp = load_tombstones(self._folder), stamp
        return self._loaded

    def _stamp_now(self) -> tuple[int, ...]:
        try:
            found = (self._folder / TOMBSTONES_FILE).stat()
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise StorageError(
                f"{self._folder / TOMBSTONES_FILE}: cannot be read ({error}). Mend that first."
            ) from error
        return found.st_ino, found.st_mtime_ns, found.st_size


def load_tombstones(folder: Path) -> Tombstones:
    """Returns the tombstones of a privacy folder; an empty set if there is no such file.

    Raises StorageError when they cannot be read, are damaged, or their key is missing: erased data could then be
    collected again.
    """
    file = folder / TOMBSTONES_FILE
    hashes = _read(file)
    if not hashes:
        return Tombstones()
    key = find_key(folder, "tombstones")
    if key is None:
        raise StorageError(
            f"{folder}: it has tombstones and not the key that they were made by, so what was forgotten could come "
            "back. Put the copy that you kept of tombstones.key there."
        )
    return Tombstones(key, frozenset(hashes))


def tombstone_key(folder: Path) -> Tombstones:
    """Returns the tombstones with their key, which is created if missing; used for pseudonyms before an erasure."""
    return Tombstones(load_key(folder, "tombstones"), frozenset(_read(folder / TOMBSTONES_FILE)))


def add_tombstones(folder: Path, identifiers: Identifiers, day: date) -> int:
    """Stores tombstones of identifiers with the day of the erasure; returns how many are new.

    Durable when it returns. Raises StorageError when the file cannot be written or is damaged.
    """
    key = load_key(folder, "tombstones")
    file = folder / TOMBSTONES_FILE
    with folder_lock(folder, "Put INSTAGRAM_ASSETS_PRIVACY__FOLDER on a local disk"):
        known = _read(file)
        new = dict.fromkeys(_hashes(key, identifiers, known), day.isoformat())
        if new:
            lines = [json.dumps({"hash": mark, "day": when}) for mark, when in (known | new).items()]
            write_atomic(file, lambda stream: stream.write("\n".join([*lines, ""]).encode()), private=True)
    return len(new)


def _hashes(key: bytes, identifiers: Identifiers, known: dict[str, str]) -> Iterable[str]:
    for kind in _KINDS:
        for value in identifiers.of(kind):
            if (mark := _hash(key, kind, value)) not in known:
                yield mark
    for name in identifiers.bare:
        if (mark := _bare_mark(key, name)) not in known:
            yield mark


def _bare_mark(key: bytes, name: str) -> str:
    return hmac.new(key, f"bare:{name.casefold()}".encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def _hash(key: bytes, kind: IdentifierKind, value: str) -> str:
    text = value.casefold() if kind == "account" else value
    return hmac.new(key, f"{kind}:{text}".encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def _read(file: Path) -> dict[str, str]:
    """Returns the erasure day of each hash in the file."""
    try:
        lines = file.read_text("utf-8").splitlines()
    except FileNotFoundError:
        return {}
    except UnicodeDecodeError as error:
        raise StorageError(f"{file}: cannot be read ({error}). Put back the copy that you kept of it.") from error
    except OSError as error:
        raise StorageError(f"{file}: cannot be read ({error.strerror}). {remedy(error)}, then run again.") from error
    found: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        try:
            entry = json.loads(line)
            found[str(entry["hash"])] = str(entry["day"])
        except (ValueError, KeyError, TypeError) as error:
            raise StorageError(
                f"{file}, line {number}: damaged ({type(error).__name__}), and without it what was forgotten could "
                "come back. Put back the copy that you kept of it."
            ) from error
    return found
