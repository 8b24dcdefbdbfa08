"""Reading of files that users provide: small files whole, and strict JSON without duplicate keys or NaN."""

import json
import math
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from instagram_assets.errors import FileError

_BYTE_ORDERS = (b"\xff\xfe", b"\xfe\xff")


class SmallFile(NamedTuple):
    """A file that was read whole: its path, content, and file mode (`st_mode`)."""

    path: Path
    data: bytes
    mode: int

    def text(self, remedy: str) -> str:
        """Returns the file's content as a string, decoded from UTF-8, or from UTF-16 with a byte order mark.

        Some Windows programs write UTF-16. Raises FileError, with `remedy` as its advice to the user, for other
        encodings.
        """
        try:
            return self.data.decode("utf-16" if self.data[:2] in _BYTE_ORDERS else "utf-8-sig")
        except UnicodeDecodeError:
            raise FileError(str(self.path), "is no text", remedy) from None


def read_small_file(file: str | Path, most_bytes: int, remedy: str) -> SmallFile:
    """Reads a whole file of at most `most_bytes` bytes.

    Raises FileError, with `remedy` as its advice to the user, if the file is missing, not a regular file, empty, or
    larger.
    """
    path = Path(file).expanduser()
    try:
        # O_NONBLOCK: opening a pipe would wait for its writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise FileError(str(path), "does not exist", remedy) from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no possible name"
        raise FileError(str(path), f"cannot be read ({reason})", remedy) from error
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise FileError(str(path), "is no file", remedy)
        with os.fdopen(descriptor, "rb", closefd=False) as opened:
            data = opened.read(most_bytes + 1)
    finally:
        os.close(descriptor)
    if len(data) > most_bytes:
        raise FileError(str(path), "is far too large", remedy)
    if not data.strip():
        raise FileError(str(path), "is empty", remedy)
    return SmallFile(path, data, mode)


_MAX_DEPTH = 20


def read_json_object(file: Path, remedy: str) -> dict[str, Any]:
    """Returns the single JSON object in a file.

    Raises FileError, with `remedy` as its advice to the user, for invalid JSON, duplicate keys, numbers that are not
    finite, lone surrogates, and nesting deeper than MAX_DEPTH.
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


_TOO_DEEP = f"is nested deeper than {_MAX_DEPTH} levels"


def _text(file: Path, remedy: str) -> str:
    try:
        content = file.read_bytes()
        return content.decode(json.detect_encoding(content))
    except OSError as error:
        raise FileError(str(file), f"cannot be read ({error.strerror})", "Check that you may read it") from error
    except UnicodeDecodeError as error:
        raise FileError(str(file), f"is no UTF-8 (byte {error.start + 1})", "Save it as UTF-8") from error


def _problems(value: Any, path: tuple[str, ...]) -> Iterator[str]:
    """Yields an error message, with the path of the field, for each part of `value` that cannot be sent as JSON."""
    field = ".".join(map(_shown, path))
    if len(path) > _MAX_DEPTH:
        yield _TOO_DEEP
    elif isinstance(value, float) and not math.isfinite(value):
        yield f"{field} is no finite number"
    elif isinstance(value, str) and not _is_whole(value):
        yield f"{field} holds half a character ({_shown(value)})"
    elif isinstance(value, list):
        for number, part in enumerate(value, 1):  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
            yield from _problems(part, (*path, str(number)))
    elif isinstance(value, dict):
        for key, part in value.items():  # pyright: ignore[reportUnknownVariableType]
            yield from _problems(part, (*path, str(key)))  # pyright: ignore[reportUnknownArgumentType]
            if not _is_whole(str(key)):  # pyright: ignore[reportUnknownArgumentType]
                yield f"{_shown(str(key))} is the name of a field and holds half a character"  # pyright: ignore[reportUnknownArgumentType]


def _is_whole(text: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def _shown(text: str) -> str:
    return ascii(text)[1:-1] if not text.isprintable() else text
