"""The retention horizon: the timestamps before which retention has deleted data, in the lake's `_retention.json`.

They never decrease. Derived assets read them, so that their tables keep rows whose observations were deleted. The field
`past_before` in the manifest of a landed file is another timestamp: the limit that was applied to that file. A file
that arrives later is loaded completely, however old its records are, until retention runs again.
"""

import json
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from upath import UPath

from instagram_assets.errors import StorageError
from instagram_assets.storage import atomic, object_store
from instagram_assets.storage.locks import folder_lock

HORIZON_FILE = "_retention.json"


@dataclass(frozen=True)
class Horizon:
    """The timestamps before which retention has deleted raw observations (`raw`) and media (`media`); None: never.

    For media the time of the last observation counts. `changed` is when retention last deleted rows or files.
    """

    raw: datetime | None = None
    media: datetime | None = None
    changed: datetime | None = None


def read_horizon(lake: UPath) -> Horizon:
    """Returns the retention horizon of a lake, with None in all fields if retention never deleted anything.

    Raises StorageError if its file is damaged or cannot be read.
    """
    path = lake / HORIZON_FILE
    try:
        found = json.loads(path.read_bytes() if atomic.is_local(lake) else object_store.read_object(path))
        moments = {name: datetime.fromisoformat(text) for name, text in found.items() if text}
        if any(moment.tzinfo is None for moment in moments.values()):
            raise ValueError("a moment without its zone")
        return Horizon(**moments)
    except (FileNotFoundError, NotADirectoryError):
        return Horizon()
    except OSError as error:
        raise StorageError(
            f"{path}: cannot be read ({error.strerror or error}). Fix access, then run again."
        ) from error
    except (ValueError, TypeError, AttributeError) as error:
        raise StorageError(
            f"{path}: damaged ({error}). It says up to when observations are gone; put back a copy of it, or delete it "
            "and run `instagram-assets retention`, before any table is made again."
        ) from error


def move_horizon(lake: UPath, raw: datetime | None, media: datetime | None, now: datetime) -> Horizon:
    """Raise the lake's retention horizon to these timestamps, but never lower it; returns the new horizon.

    Raises StorageError if its file is damaged or on an I/O error.
    """

    def moved(before: Horizon) -> Horizon:
        return replace(before, raw=_later(before.raw, raw), media=_later(before.media, media), changed=now)

    if atomic.is_local(lake):
        with folder_lock(Path(lake.path)):
            after = moved(read_horizon(lake))
            data = _to_bytes(after)
            atomic.write_atomic(lake / HORIZON_FILE, lambda stream: stream.write(data))
        return after
    object_store.change_object(lake / HORIZON_FILE, lambda _: _to_bytes(moved(read_horizon(lake))))
    return read_horizon(lake)


def _later(before: datetime | None, after: datetime | None) -> datetime | None:
    return max((moment for moment in (before, after) if moment), default=None)


def _to_bytes(horizon: Horizon) -> bytes:
    moments = {name: moment.isoformat() if moment else None for name, moment in vars(horizon).items()}
    return json.dumps(moments).encode() + b"\n"
