"""The journal of a running erasure: its identifiers in clear text, so that an interrupted erasure can be completed.

The file is `<privacy>/forgetting/<keyed hash>.json`, readable by its owner only, and removed when the erasure is
verified. It is needed because identifiers cannot be found again once the rows that contain them are erased.
"""

import json
import os
from contextlib import suppress
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from instagram_assets.errors import StorageError
from instagram_assets.forget.erasure_subject import ErasureSubject, ErasureTarget
from instagram_assets.privacy.forgotten_identifiers import Identifiers
from instagram_assets.storage.atomic import make_folder, refusal, remove_durably, write_atomic

JOURNAL_FOLDER = "forgetting"
_PARTS = tuple(part.name for part in fields(Identifiers) if part.name != "accounts")


def start_journal(privacy: Path, name: str, subject: ErasureSubject) -> ErasureSubject:
    """Writes the subject to the journal `name`, merged with that of an interrupted erasure; returns the merged one."""
    file = _file(privacy, name)
    whole = _merge(_read(file), subject) if file.exists() else subject
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


def with_journaled(privacy: Path, name: str, subject: ErasureSubject) -> ErasureSubject:
    """Returns the subject merged with the journal of an interrupted erasure, if there is one; nothing is written."""
    file = _file(privacy, name)
    return _merge(_read(file), subject) if file.exists() else subject


def unfinished_targets(privacy: Path) -> list[ErasureTarget]:
    """Returns the targets of interrupted and running erasures; unreadable journals are skipped."""
    found: list[ErasureTarget] = []
    for file in sorted((privacy / JOURNAL_FOLDER).glob("*.json")):
        with suppress(StorageError):
            found.append(_read(file).target)
    return found


def append_outcome(privacy: Path, name: str, step: dict[str, Any]) -> None:
    """Appends the result of a step to the journal, so that a repeated erasure can report it too.

    Not synced to disk: after a power failure the last lines can be missing, and the counts are then lower bounds.
    """
    file = _outcomes_file(privacy, name)
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as stream:
        stream.write(json.dumps(step).encode() + b"\n")


def read_outcomes(privacy: Path, name: str) -> list[dict[str, Any]]:
    """Returns the journaled results of steps that are not in a report yet; a truncated last line is skipped."""
    try:
        lines = _outcomes_file(privacy, name).read_bytes().splitlines()
    except FileNotFoundError:
        return []
    found: list[dict[str, Any]] = []
    for line in lines:
        with suppress(ValueError):
            found.append(json.loads(line))
    return found


def clear_outcomes(privacy: Path, name: str) -> None:
    """Removes the journaled results of steps, once a report contains them."""
    remove_durably(_outcomes_file(privacy, name))


def finish_journal(privacy: Path, name: str) -> None:
    """Removes the journal of an erasure, once it is verified."""
    remove_durably(_file(privacy, name))


def _merge(old: ErasureSubject, new: ErasureSubject) -> ErasureSubject:
    """Returns the union of the identifiers that two attempts at the same erasure found."""
    return replace(
        new,
        identifiers=_union(old.identifiers, new.identifiers),
        tombstoned=_union(old.tombstoned, new.tombstoned),
        text_hashes=old.text_hashes | new.text_hashes,
        is_known=old.is_known or new.is_known,
        other_names=tuple(sorted({*old.other_names, *new.other_names})),
    )


def _union(old: Identifiers, new: Identifiers) -> Identifiers:
    parts: dict[str, Any] = {name: getattr(old, name) | getattr(new, name) for name in _PARTS}
    return Identifiers(accounts={**old.accounts, **new.accounts}, **parts)


def _outcomes_file(privacy: Path, name: str) -> Path:
    return privacy / JOURNAL_FOLDER / f"{name}.done.jsonl"


def _file(privacy: Path, name: str) -> Path:
    return privacy / JOURNAL_FOLDER / f"{name}.json"


def _to_bytes(subject: ErasureSubject) -> bytes:
    content = {
        "target": list(subject.target),
        "identifiers": _identifiers(subject.identifiers),
        "lasting": _identifiers(subject.tombstoned),
        "texts": sorted(subject.text_hashes),
        "is_known": subject.is_known,
        "also": list(subject.other_names),
    }
    return json.dumps(content, ensure_ascii=False, indent=1).encode()


def _identifiers(known: Identifiers) -> dict[str, Any]:
    return {"accounts": dict(known.accounts), **{name: sorted(getattr(known, name)) for name in _PARTS}}


def _read(file: Path) -> ErasureSubject:
    try:
        known: dict[str, Any] = json.loads(file.read_bytes())
        kind, value = known["target"]
        whole, tombstoned = (
            Identifiers(known[part]["accounts"], **{name: frozenset(known[part].get(name, ())) for name in _PARTS})
            for part in ("identifiers", "lasting")
        )
        return ErasureSubject(
            ErasureTarget(kind, value),
            whole,
            tombstoned,
            frozenset(known["texts"]),
            known["is_known"],
            tuple(known["also"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StorageError(
            f"{file}: cannot be read ({type(error).__name__}). It says what was being forgotten when that was stopped; "
            "delete it and repeat the command, which finds what is left."
        ) from error
