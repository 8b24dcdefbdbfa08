"""The directory layout of the lake, and the file `_layout.json` with the layout version and the lake's earliest year.

<asset>/<account>/<yyyy-mm>.parquet     tables by account and day; rows sorted by day
<asset>/<account>/part.parquet          tables by account, or by search
<asset>/part.parquet                    unpartitioned tables
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from urllib.parse import quote, unquote

from upath import UPath

from instagram_assets.errors import StorageError
from instagram_assets.storage import atomic, object_store
from instagram_assets.storage.locks import folder_lock

VERSION = 2
LAYOUT_FILE = "_layout.json"

_PLAIN = "_.-"


@dataclass(frozen=True)
class Layout:
    """The layout version of the lake's files, and the earliest year of its daily partitions (0: none yet)."""

    version: int = VERSION
    first_year: int = 0


def read_layout(root: UPath) -> Layout | None:
    """Returns the layout in the lake's layout file; None if the lake is empty or has the first layout, without a file.

    Raises StorageError if the layout is newer than this program supports, or the layout file is damaged.
    """
    path = root / LAYOUT_FILE
    try:
        found = json.loads(path.read_bytes() if atomic.is_local(root) else object_store.read_object(path))
        layout = Layout(int(found["version"]), int(found["first_year"]))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise StorageError(
            f"{path}: cannot be read ({error.strerror or error}). Fix access, then run again."
        ) from error
    except (ValueError, TypeError, KeyError) as error:
        remedy = f'Write {{"version": {VERSION}, "first_year": 0}} into it, then ingest any file again'
        raise StorageError(f"{path}: damaged ({error}). {remedy}.") from error
    if layout.version > VERSION:
        raise StorageError(
            f"{root}: its layout has version {layout.version}, and this program knows {VERSION}. "
            "Use the version of instagram_assets that wrote it, or a later one."
        )
    return layout


def set_up(root: UPath) -> None:
    """Write the layout file if it is missing; on an object store, first test that conditional writes are supported."""
    if not atomic.is_local(root):
        object_store.check_conditions(root)
    if read_layout(root) is None:
        _change(root, lambda layout: layout)


def lower_first_year(root: UPath, year: int) -> bool:
    """Set the earliest year of the lake's daily partitions to `year`, unless it is earlier; returns if it changed."""
    before = read_layout(root)
    if before and before.first_year and before.first_year <= year:
        return False
    _change(root, lambda layout: replace(layout, first_year=min(layout.first_year or year, year)))
    return True


def folder_name(value: str) -> str:
    """Returns the folder name of an account or a search: percent-encoded where needed.

    Letters and digits of any script, `_`, `-` and `.` are unchanged; all other characters are percent-encoded, and so
    is a leading `_` or `.`, since readers skip such names.

    >>> folder_name("_jane"), folder_name("#육아일기"), folder_name("007")
    ('%5Fjane', '%23육아일기', '007')
    """
    encoded = "".join(character if _is_plain(character) else quote(character, safe="") for character in value)
    return f"%{ord(encoded[0]):02X}{encoded[1:]}" if encoded[:1] in ("_", ".") else encoded


def value_of(folder: str) -> str:
    """Returns the account or search that a folder name encodes; the inverse of `folder_name`."""
    return unquote(folder)


def _is_plain(character: str) -> bool:
    return character.isalnum() or character in _PLAIN


def write_layout(root: UPath, layout: Layout) -> None:
    """Write the layout file; the caller holds the lock on the lake's root folder."""
    atomic.write_atomic(root / LAYOUT_FILE, lambda stream: stream.write(_to_bytes(layout)))


def _change(root: UPath, change: Callable[[Layout], Layout]) -> None:
    if atomic.is_local(root):
        with folder_lock(Path(root.path)):
            before = read_layout(root)
            after = change(before or Layout())
            if before != after:
                write_layout(root, after)
        return
    object_store.change_object(root / LAYOUT_FILE, lambda _: _to_bytes(change(read_layout(root) or Layout())))


def _to_bytes(layout: Layout) -> bytes:
    return json.dumps(asdict(layout)).encode() + b"\n"
