"""The merged dataset as JSON: one array with one record per line."""

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

from instagram_assets.datasets.csv_cells import utf8
from instagram_assets.settings import Mode
from instagram_assets.storage.atomic import write_atomic

WITH_CAPTIONS = "_with_captions"
"""The suffix that image_caption.py adds to the name of a file with captions."""


def json_name(mode: Mode, *, captions: bool = False) -> str:
    """Returns the file name of the merged JSON dataset, as in the earlier scripts refine.py and image_caption.py."""
    return f"merged_dataset_{mode}_with_images{WITH_CAPTIONS if captions else ''}.json"


def write_json(records: Iterable[dict[str, Any]], path: Path) -> int:
    """Write records as a JSON array in UTF-8, one record per line; returns their number.

    The file is written atomically and streamed, so memory holds one record; the output is deterministic. NaN and
    infinity, which JSON does not have, become null.
    """
    count = 0

    def write(stream: BinaryIO) -> None:
        nonlocal count
        stream.write(b"[")
        for count, record in enumerate(records, start=1):
            stream.write(b",\n" if count > 1 else b"\n")
            stream.write(utf8(_dump(record)))
        stream.write(b"\n]\n")

    write_atomic(path, write)
    return count


def _dump(record: dict[str, Any]) -> str:
    try:
        return json.dumps(record, ensure_ascii=False, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(record), ensure_ascii=False, allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}  # pyright: ignore[reportUnknownVariableType] any JSON
    if isinstance(value, list):
        return [_finite(inner) for inner in value]  # pyright: ignore[reportUnknownVariableType] any JSON
    return None if isinstance(value, float) and not math.isfinite(value) else value
