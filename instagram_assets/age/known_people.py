"""Salted hashes of the usernames that an age model was trained with, by which these people are left out of audiences.

A model is surer, and more often right, about people that it was trained, selected or calibrated with, and a share is
corrected by its errors on the test users: none of them may count in an audience. The hashes keep the names from being
read, not from being tried: whoever has the file can test any name.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from instagram_assets.errors import ModelError
from instagram_assets.storage.atomic import write_atomic

PEOPLE = "training_people.json"
"""The file of a model with the hashes."""

_HASH = re.compile(r"[0-9a-f]{64}")
_MANY_IDS = 0.1
# Pseudonyms of this program and of others, UUIDs, and Instagram's numbers of accounts.
_ID = re.compile(r"([a-z]+_)?[0-9a-f]{16,}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9]+")


@dataclass(frozen=True)
class KnownPeople:
    """The people of a model's training as hashes with its `salt`; `ids` counts those that had an id as their name."""

    salt: str
    hashes: frozenset[str]
    ids: int = 0

    def has(self, username: str) -> bool:
        """Whether the model was trained, selected, calibrated or tested with this user; case and @ do not matter."""
        return _hash(self.salt, username) in self.hashes

    @property
    def warning(self) -> str:
        """A warning that many people had ids in place of usernames; else empty."""
        if self.ids <= _MANY_IDS * len(self.hashes):
            return ""
        return (
            f"{self.ids} of the {len(self.hashes)} people of the model's training have ids or pseudonyms instead of "
            "usernames: they are left out of the share only where the audience has the same."
        )

    def without(self, usernames: Iterable[str]) -> "KnownPeople":
        """The same without these users."""
        names = [name for name in usernames if self.has(name)]
        left = self.hashes - {_hash(self.salt, name) for name in names}
        return KnownPeople(self.salt, left, self.ids - sum(map(_is_id, names)))

    @property
    def content(self) -> bytes:
        """The content of the file `PEOPLE`; sorted, so that the order tells nothing."""
        return json.dumps({"salt": self.salt, "ids": self.ids, "hashes": sorted(self.hashes)}, indent=0).encode()


def known_people(usernames: Collection[str], salt: str) -> KnownPeople:
    """The people with these usernames; `salt` is a string that no other model has.

    >>> known_people(["sun_diary"], "f00").has("@Sun_Diary")
    True
    """
    return KnownPeople(salt, frozenset(_hash(salt, name) for name in usernames), sum(map(_is_id, usernames)))


def read_known_people(folder: Path) -> KnownPeople | None:
    """The people of the training of the model in a folder; None if an earlier version saved it, or it was converted.

    Raises ModelError if the file is damaged.
    """
    path = folder / PEOPLE
    try:
        return _parsed(json.loads(path.read_bytes()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ModelError(
            f"{path}: damaged or not ours ({type(error).__name__}); without it people of the training cannot be left "
            "out of an audience. Copy the whole folder again from where it came, or train the age model again."
        ) from error


def _parsed(content: Any) -> KnownPeople:
    """The people in the content of a file `PEOPLE`; raises ValueError, TypeError or KeyError unless we wrote it."""
    salt, hashes, ids = content["salt"], content["hashes"], content["ids"]
    if not isinstance(salt, str) or not salt:
        raise ValueError(f"salt is {salt!r}")
    if not isinstance(hashes, list) or not all(isinstance(one, str) and _HASH.fullmatch(one) for one in hashes):
        raise ValueError("hashes are no list of SHA-256 digests")
    if not isinstance(ids, int) or isinstance(ids, bool) or ids < 0:
        raise ValueError(f"ids is {ids!r}")
    return KnownPeople(salt, frozenset(hashes), ids)


def forget_people(path: Path, usernames: Collection[str]) -> int:
    """Remove users' hashes from a file `PEOPLE`, atomically; returns the bytes written. Raises ModelError."""
    people = read_known_people(path.parent)
    if people is None or not any(map(people.has, usernames)):
        return 0
    content = people.without(usernames).content
    write_atomic(path, lambda stream: stream.write(content))
    return len(content)


def _hash(salt: str, username: str) -> str:
    name = username.strip().removeprefix("@").casefold()
    return hmac.digest(salt.encode(), name.encode("utf-8", "surrogatepass"), hashlib.sha256).hex()


def _is_id(username: str) -> bool:
    return _ID.fullmatch(username.strip().removeprefix("@").casefold()) is not None
