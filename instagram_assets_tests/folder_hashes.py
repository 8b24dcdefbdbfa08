"""What folders hold, to be compared between runs."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from deltalake import DeltaTable

_LOG = "_delta_log"


def digests(*folders: Path) -> dict[str, str]:
    """Each file's hash, and each Delta table's: a table's by its rows, since its files have names of their own."""
    return {str(path): value for folder in folders for path, value in _of(folder)}


def _of(folder: Path) -> Iterator[tuple[Path, str]]:
    tables = [log.parent for log in sorted(folder.rglob(_LOG))]
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not any(path.is_relative_to(table) for table in tables):
            yield path, hashlib.sha256(path.read_bytes()).hexdigest()
    for table in tables:
        rows = sorted(map(repr, DeltaTable(table).to_pyarrow_table().to_pylist()))
        yield table, hashlib.sha256("\n".join(rows).encode()).hexdigest()
