"""What is being forgotten right now, in clear: so that who was stopped in the middle still knows all of it.

`<privacy>/forgetting/<keyed hash>.json`, readable by its owner alone, gone when the proof is written. What was found at
the first try is not found again once its rows are gone.
"""

import json
import os
from contextlib import suppress
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from instagram_assets.errors import StorageError
from instagram_assets.forget.subject import Subject
from instagram_assets.forget.targets import Target
from instagram_assets.privacy.forgotten import Identifiers
from instagram_assets.storage.atomic import make_folder, refusal, remove_durably, write_atomic

FOLDER = "forgetting"
_PARTS = tuple(part.name for part in fields(Identifiers) if part.name != "accounts")


def begin(privacy: Path, name: str, subject: Subject) -> Subject:
    """Keep the subject under a name that tells nothing; with all that an earlier, stopped try had found."""
    file = _file(privacy, name)
    whole = merged(_read(file), subject) if file.exists() else subject
    try:
        make_folder(file.parent)
        file.parent.chmod(0o700)
        before = os.umask(0o077)
        try:
            write_atomic(file, lambda stream: stream.write(_to_bytes(whole)), private=True)
        finally:
            os.umask(before)
    except OSError as error:
        raise refusal(file, error) from error
    return whole


def with_journal(privacy: Path, name: str, subject: Subject) -> Subject:
    """The subject with what an earlier, stopped try had found; nothing is written."""
    file = _file(privacy, name)
    return merged(_read(file), subject) if file.exists() else subject


def unfinished(privacy: Path) -> list[Target]:
    """What was being forgotten when that was stopped, or is just now; what cannot be read is passed over."""
    found: list[Target] = []
    for file in sorted((privacy / FOLDER).glob("*.json")):
        with suppress(StorageError):
            found.append(_read(file).target)
    return found


def note(privacy: Path, name: str, step: dict[str, Any]) -> None:
    """Note what a step did, for the proof: where it is killed the repeat tells of all of it.

    It goes to the disk when the system likes: after a power cut the last ones may be missing, which only counts less.
    """
    file = _done(privacy, name)
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as stream:
        stream.write(json.dumps(step).encode() + b"\n")


def noted(privacy: Path, name: str) -> list[dict[str, Any]]:
    """What steps did of which no proof was written yet; a line that was cut off in the middle is none."""
    try:
        lines = _done(privacy, name).read_bytes().splitlines()
    except FileNotFoundError:
        return []
    found: list[dict[str, Any]] = []
    for line in lines:
        with suppress(ValueError):
            found.append(json.loads(line))
    return found


def proved(privacy: Path, name: str) -> None:
    """Take away what steps did: the proof tells it."""
    remove_durably(_done(privacy, name))


def end(privacy: Path, name: str) -> None:
    """Take the journal away: everything is done."""
    remove_durably(_file(privacy, name))


def merged(old: Subject, new: Subject) -> Subject:
    """What either knows."""
    return replace(
        new,
        identifiers=_either(old.identifiers, new.identifiers),
        lasting=_either(old.lasting, new.lasting),
        texts=old.texts | new.texts,
        is_known=old.is_known or new.is_known,
        also=tuple(sorted({*old.also, *new.also})),
    )


def _either(old: Identifiers, new: Identifiers) -> Identifiers:
    parts: dict[str, Any] = {name: getattr(old, name) | getattr(new, name) for name in _PARTS}
    return Identifiers(accounts={**old.accounts, **new.accounts}, **parts)


def _done(privacy: Path, name: str) -> Path:
    return privacy / FOLDER / f"{name}.done.jsonl"


def _file(privacy: Path, name: str) -> Path:
    return privacy / FOLDER / f"{name}.json"


def _to_bytes(subject: Subject) -> bytes:
    content = {
        "target": list(subject.target),
        "identifiers": _identifiers(subject.identifiers),
        "lasting": _identifiers(subject.lasting),
        "texts": sorted(subject.texts),
        "is_known": subject.is_known,
        "also": list(subject.also),
    }
    return json.dumps(content, ensure_ascii=False, indent=1).encode()


def _identifiers(known: Identifiers) -> dict[str, Any]:
    return {"accounts": dict(known.accounts), **{name: sorted(getattr(known, name)) for name in _PARTS}}


def _read(file: Path) -> Subject:
    try:
        known: dict[str, Any] = json.loads(file.read_bytes())
        kind, value = known["target"]
        whole, lasting = (
            Identifiers(known[part]["accounts"], **{name: frozenset(known[part].get(name, ())) for name in _PARTS})
            for part in ("identifiers", "lasting")
        )
        return Subject(
            Target(kind, value), whole, lasting, frozenset(known["texts"]), known["is_known"], tuple(known["also"])
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StorageError(
            f"{file}: cannot be read ({type(error).__name__}). It says what was being forgotten when that was stopped; "
            "delete it and repeat the command, which finds what is left."
        ) from error
