"""What models computed forgets: rows of pictures, videos and texts of the subject, and answers that name it.

The files of the feature store never change: what stays of one is published as a new file, then the old one goes. A kill
in between leaves its rows in both, which no reader notices, and a repeat takes the old one away.
"""

import hashlib
from collections.abc import Collection, Iterator
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import pyarrow as pa
from upath import UPath

from instagram_assets.arrow import compute
from instagram_assets.errors import StorageError
from instagram_assets.forget.steps import Applied, Step
from instagram_assets.privacy.forgotten import Forgotten
from instagram_assets.privacy.tables import may_hold, scrub_table
from instagram_assets.settings import Settings
from instagram_assets.storage.atomic import is_local, remove_durably
from instagram_assets.storage.feature_files import File, list_files, publish, remove
from instagram_assets.storage.lake import lake_root, names_in
from instagram_assets.storage.locks import alone_in

PLACE = "features"
_KEYS = ("text_sha256",)
"""Keys that are hashes of texts."""
_DAMAGED = "damaged"


def steps(settings: Settings, forgotten: Forgotten, texts: Collection[str] = ()) -> Iterator[Step]:
    """What is to be done to what is kept per picture, video and text; `texts` are the SHA-256 of the subject's.

    A row of which a text names what is forgotten goes whole: it is computed again from what is left. Raises
    StorageError when a file is damaged, with what to do first.
    """
    root = lake_root(settings) / "features"
    for kind in sorted(names_in(root, hidden=False)):
        for fingerprint in sorted(names_in(root / kind, hidden=False)):
            folder = root / kind / fingerprint
            for file in list_files(folder):
                if gone := _gone(folder, file, forgotten, texts):
                    verb = "remove" if gone == file.rows else "rewrite"
                    apply = partial(_rewrite, folder, file, forgotten, texts)
                    yield Step(PLACE, f"lake/features/{kind}/{fingerprint}/{file.name}", verb, gone, apply)
            for name in sorted(names_in(folder / _DAMAGED)):
                path = folder / _DAMAGED / name
                if not _is_clean(path, forgotten, texts):
                    shown = f"lake/features/{kind}/{fingerprint}/{_DAMAGED}/{name}"
                    yield Step(PLACE, shown, "remove", 1, partial(_remove, path))


def _gone(folder: UPath, file: File, forgotten: Forgotten, texts: Collection[str]) -> int:
    """How many rows of a file go: asked of its texts alone, for vectors are most of it."""
    rows = _read(folder / file.name, only_texts=True)
    return rows.num_rows - _kept(rows, forgotten, texts).num_rows


def _kept(rows: pa.Table, forgotten: Forgotten, texts: Collection[str]) -> pa.Table:
    for name in _KEYS:
        if texts and name in rows.column_names:
            rows = rows.filter(compute.invert(compute.is_in(rows[name], value_set=pa.array(list(texts), pa.string()))))
    if not may_hold(rows, forgotten):
        return rows
    place = "__row"
    numbered = rows.append_column(place, pa.array(range(rows.num_rows), pa.int64()))
    after = scrub_table(numbered, forgotten)
    if after is numbered:
        return rows
    before = numbered.take(after[place])
    changed = [
        [old != new for old, new in zip(before[name].to_pylist(), after[name].to_pylist(), strict=True)]
        for name in rows.column_names
        if before[name] is not after[name] and not before[name].equals(after[name])
    ]
    stays = pa.array([not any(row) for row in zip(*changed, strict=True)] or [True] * after.num_rows, pa.bool_())
    return rows.take(after[place].filter(stays))


def _read(path: UPath, *, only_texts: bool = False) -> pa.Table:
    import pyarrow.parquet as pq

    try:
        with path.open("rb") as stream, pq.ParquetFile(stream, page_checksum_verification=True) as file:
            schema = file.schema_arrow
            names = [field.name for field in schema if not only_texts or not _is_vector(field.type)]
            return file.read(columns=names, use_threads=False)
    except (pa.ArrowException, OSError) as error:
        raise StorageError(
            f"{path}: damaged or unreadable ({error}). Take it away: what was computed in it is computed again."
        ) from error


def _is_vector(kind: pa.DataType) -> bool:
    return pa.types.is_list(kind) and pa.types.is_floating(kind.value_type)


def _rewrite(folder: UPath, file: File, forgotten: Forgotten, texts: Collection[str]) -> Applied:
    with alone_in(Path(folder.path)) if is_local(folder) else nullcontext():
        if file not in list_files(folder):
            return Applied(removed=0, rewritten=[], rows=0, bytes_written=0)
        kept = _kept(_read(folder / file.name), forgotten, texts)
        before = {each.name for each in list_files(folder)}
        if kept.num_rows:
            publish(folder, kept, file.written)
        new = [each for each in list_files(folder) if each.name not in before]
        remove(folder, [file])
        # A rewritten one has another name.
        written = [(folder / each.name).read_bytes() for each in new]
        return Applied(
            removed=0 if new else 1,
            rewritten=[hashlib.sha256(content).hexdigest() for content in written],
            rows=file.rows - kept.num_rows,
            bytes_written=sum(map(len, written)),
        )


def _is_clean(path: UPath, forgotten: Forgotten, texts: Collection[str]) -> bool:
    """Whether a damaged file can be read all the same, and holds nothing."""
    try:
        rows = _read(path)
    except StorageError:
        return False
    return _kept(rows, forgotten, texts).num_rows == rows.num_rows


def _remove(path: UPath) -> int:
    remove_durably(path)
    return 0
