"""Erases from the feature store (cached model outputs): rows computed from the subject's media and captions.

Rows that mention the subject are removed too. Files of the feature store are immutable: the remaining rows are
published as a new file, then the old one is removed. A kill in between leaves duplicate rows in two files, which
readers deduplicate, and a repeated erasure removes the old file.
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
from instagram_assets.forget.erasure_steps import Step, StepResult
from instagram_assets.privacy.forgotten_identifiers import Forgotten
from instagram_assets.privacy.table_scrub import may_hold, scrub_table
from instagram_assets.settings import Settings
from instagram_assets.storage.atomic import is_local, remove_durably
from instagram_assets.storage.feature_files import File, list_files, remove_feature_files, write_feature_file
from instagram_assets.storage.lake import lake_root, names_in
from instagram_assets.storage.locks import folder_lock

_AREA = "features"
_KEYS = ("text_sha256",)
"""Key columns that are hashes of texts."""
_DAMAGED = "damaged"


def feature_steps(settings: Settings, forgotten: Forgotten, text_hashes: Collection[str] = ()) -> Iterator[Step]:
    """Yields the steps for the feature store; `text_hashes` are the SHA-256 of the subject's captions.

    A row whose text mentions the subject is removed; it is recomputed from the remaining data. Raises StorageError,
    with what to do first, when a file is damaged.
    """
    root = lake_root(settings) / "features"
    for kind in sorted(names_in(root, hidden=False)):
        for fingerprint in sorted(names_in(root / kind, hidden=False)):
            folder = root / kind / fingerprint
            for file in list_files(folder):
                if gone := _count_removed(folder, file, forgotten, text_hashes):
                    verb = "remove" if gone == file.rows else "rewrite"
                    apply = partial(_rewrite, folder, file, forgotten, text_hashes)
                    yield Step(_AREA, f"lake/features/{kind}/{fingerprint}/{file.name}", verb, gone, apply)
            for name in sorted(names_in(folder / _DAMAGED)):
                path = folder / _DAMAGED / name
                if not _is_clean(path, forgotten, text_hashes):
                    shown = f"lake/features/{kind}/{fingerprint}/{_DAMAGED}/{name}"
                    yield Step(_AREA, shown, "remove", 1, partial(_remove, path))


def _count_removed(folder: UPath, file: File, forgotten: Forgotten, text_hashes: Collection[str]) -> int:
    """Returns the number of rows to remove from a file; reads only its text columns, as embeddings take most space."""
    rows = _read(folder / file.name, only_texts=True)
    return rows.num_rows - _kept(rows, forgotten, text_hashes).num_rows


def _kept(rows: pa.Table, forgotten: Forgotten, text_hashes: Collection[str]) -> pa.Table:
    for name in _KEYS:
        if text_hashes and name in rows.column_names:
            rows = rows.filter(
                compute.invert(compute.is_in(rows[name], value_set=pa.array(list(text_hashes), pa.string())))
            )
    if not may_hold(rows, forgotten):
        return rows
    row_index = "__row"
    numbered = rows.append_column(row_index, pa.array(range(rows.num_rows), pa.int64()))
    after = scrub_table(numbered, forgotten)
    if after is numbered:
        return rows
    before = numbered.take(after[row_index])
    changed = [
        [old != new for old, new in zip(before[name].to_pylist(), after[name].to_pylist(), strict=True)]
        for name in rows.column_names
        if before[name] is not after[name] and not before[name].equals(after[name])
    ]
    stays = pa.array([not any(row) for row in zip(*changed, strict=True)] or [True] * after.num_rows, pa.bool_())
    return rows.take(after[row_index].filter(stays))


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


def _rewrite(folder: UPath, file: File, forgotten: Forgotten, text_hashes: Collection[str]) -> StepResult:
    with folder_lock(Path(folder.path)) if is_local(folder) else nullcontext():
        if file not in list_files(folder):
            return StepResult(removed=0, rewritten=[], rows=0, bytes_written=0)
        kept = _kept(_read(folder / file.name), forgotten, text_hashes)
        before = {each.name for each in list_files(folder)}
        if kept.num_rows:
            write_feature_file(folder, kept, file.written)
        new = [each for each in list_files(folder) if each.name not in before]
        remove_feature_files(folder, [file])
        # The remaining rows have a file of another name.
        written = [(folder / each.name).read_bytes() for each in new]
        return StepResult(
            removed=0 if new else 1,
            rewritten=[hashlib.sha256(content).hexdigest() for content in written],
            rows=file.rows - kept.num_rows,
            bytes_written=sum(map(len, written)),
        )


def _is_clean(path: UPath, forgotten: Forgotten, text_hashes: Collection[str]) -> bool:
    """Whether a file that was set aside as damaged is readable after all, and contains nothing to erase."""
    try:
        rows = _read(path)
    except StorageError:
        return False
    return _kept(rows, forgotten, text_hashes).num_rows == rows.num_rows


def _remove(path: UPath) -> int:
    remove_durably(path)
    return 0
