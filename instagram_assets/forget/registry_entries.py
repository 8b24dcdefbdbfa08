"""The registry of accounts loses the subject's entry; all else of the person's file stays byte for byte."""

import re
import tomllib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from instagram_assets.errors import InstagramAssetsError, StorageError
from instagram_assets.forget.steps import Step
from instagram_assets.privacy.forgotten import Forgotten
from instagram_assets.sources.names import account, hashtag, is_hashtag
from instagram_assets.storage.atomic import write_atomic

PLACE = "registry"
_HEADER = re.compile(r"^[ \t]*\[.*$", re.MULTILINE)
_ENTRY = re.compile(r"[ \t]*\[\[[ \t]*accounts[ \t]*\]\]")
_ROTATION = re.compile(r"[ \t]*\[[ \t]*rotation[ \t]*\.")
# Comments and empty lines before a header belong to what comes after them.
_TAIL = re.compile(r"(?:^[ \t]*(?:#.*)?\r?\n)*\Z", re.MULTILINE)


def steps(file: Path, forgotten: Forgotten) -> Iterator[Step]:
    """What is to be done to the registry; nothing where it cannot be read, which its own commands tell."""
    text = _read(file)
    if text is not None and (new := without_entries(text, forgotten)) != text:
        entries = max(1, text.count("[[accounts") - new.count("[[accounts"))
        yield Step(PLACE, file.name, "rewrite", entries, partial(_forget, file, forgotten))


def without_entries(text: str, forgotten: Forgotten) -> str:
    """The text of a registry without entries of what is forgotten, rotations of nobody, and names in comments."""
    parts = _parts(text)
    kept = [_TAIL.search(part)[0] if _is_gone(part, forgotten) else part for part in parts]  # pyright: ignore[reportOptionalSubscript]  it may be empty
    groups = {entry.get("group") for part in kept if (entry := _entry(part))}
    before = {entry.get("group") for part in parts if (entry := _entry(part))}
    kept = [
        _TAIL.search(part)[0] if (group := _rotation(part)) and group in before - groups else part  # pyright: ignore[reportOptionalSubscript]
        for part in kept
    ]
    return forgotten.scrub("".join(kept))


def _parts(text: str) -> list[str]:
    """The text in parts, each from a header to the next; what stands before the first is one, too."""
    starts = [found.start() for found in _HEADER.finditer(text)]
    ends = [*starts, len(text)]
    first = text[: ends[0]]
    return [first, *(text[start:end] for start, end in zip(starts, ends[1:], strict=True))]


def _entry(part: str) -> dict[str, Any] | None:
    if not _ENTRY.match(part):
        return None
    try:
        return tomllib.loads(part)["accounts"][0]
    except (tomllib.TOMLDecodeError, LookupError, TypeError):
        return None


def _rotation(part: str) -> str | None:
    if not _ROTATION.match(part):
        return None
    try:
        return next(iter(tomllib.loads(part)["rotation"]))
    except (tomllib.TOMLDecodeError, LookupError, TypeError, StopIteration):
        return None


def _is_gone(part: str, forgotten: Forgotten) -> bool:
    entry = _entry(part)
    name = entry.get("name") if entry else None
    if not isinstance(name, str):
        return False
    try:
        return forgotten.has("account", f"#{hashtag(name)}" if is_hashtag(name) else account(name))
    except (InstagramAssetsError, ValueError):
        return False


def _forget(file: Path, forgotten: Forgotten) -> int:
    text = _read(file)
    if text is None:
        return 0
    data = without_entries(text, forgotten).encode("utf-8", "surrogateescape")
    write_atomic(file, lambda stream: stream.write(data))
    return len(data)


def _read(file: Path) -> str | None:
    try:
        return file.read_bytes().decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StorageError(f"{file}: cannot be read ({error.strerror}). Give this user the right to.") from error
