"""A strict reader for hand-written JSON files, which rejects ambiguous content with a readable error."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from instagram_assets.errors import FileError

MOST_LEVELS = 20


def read_object(file: Path, remedy: str) -> dict[str, Any]:
    """Returns the single JSON object in a file.

    Raises FileError, with `remedy`, for invalid JSON, duplicate keys, numbers that are not finite, lone surrogates, and
    nesting deeper than MOST_LEVELS.
    """

    def refuse(problem: str) -> FileError:
        return FileError(str(file), problem, remedy)

    def each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in pairs:
            if key in found:
                raise refuse(f"{_shown(key)} stands twice in one object, and only one of the two can count")
            found[key] = value
        return found

    try:
        content = json.loads(_text(file, remedy), object_pairs_hook=each_key_once)
    except RecursionError as error:
        raise refuse(_TOO_DEEP) from error
    except ValueError as error:
        raise refuse(f"is not JSON ({error})") from error
    if not isinstance(content, dict):
        raise refuse("is not one JSON object")
    if problem := next(_problems(content, ()), ""):
        raise refuse(problem)
    return content


_TOO_DEEP = f"is nested deeper than {MOST_LEVELS} levels"


def _text(file: Path, remedy: str) -> str:
    try:
        content = file.read_bytes()
        return content.decode(json.detect_encoding(content))
    except OSError as error:
        raise FileError(str(file), f"cannot be read ({error.strerror})", "Check that you may read it") from error
    except UnicodeDecodeError as error:
        raise FileError(str(file), f"is no UTF-8 (byte {error.start + 1})", "Save it as UTF-8") from error


def _problems(value: Any, place: tuple[str, ...]) -> Iterator[str]:
    """Yields a message for each value that cannot be sent as JSON, with its field."""
    field = ".".join(map(_shown, place))
    if len(place) > MOST_LEVELS:
        yield _TOO_DEEP
    elif isinstance(value, float) and not math.isfinite(value):
        yield f"{field} is no finite number"
    elif isinstance(value, str) and not _is_whole(value):
        yield f"{field} holds half a character ({_shown(value)})"
    elif isinstance(value, list):
        for number, part in enumerate(value, 1):  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
            yield from _problems(part, (*place, str(number)))
    elif isinstance(value, dict):
        for key, part in value.items():  # pyright: ignore[reportUnknownVariableType]
            yield from _problems(part, (*place, str(key)))  # pyright: ignore[reportUnknownArgumentType]
            if not _is_whole(str(key)):  # pyright: ignore[reportUnknownArgumentType]
                yield f"{_shown(str(key))} is the name of a field and holds half a character"  # pyright: ignore[reportUnknownArgumentType]


def _is_whole(text: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def _shown(text: str) -> str:
    return ascii(text)[1:-1] if not text.isprintable() else text
