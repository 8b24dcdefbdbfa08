"""Erases from the landing zone: rows of each ingested file, and the mentions in the file's manifest.

The tables of a file are replaced one by one, each atomically, and its manifest last. If the process is killed in
between, a repeated erasure finds tables with fewer rows than the manifest says, and writes a manifest that matches.
"""

import shutil
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pyarrow as pa
from upath import UPath

from instagram_assets.forget.erasure_steps import Step, StepResult, scrub_with_counts, sha256_of_stored
from instagram_assets.ingest.landing_writer import RowWriter
from instagram_assets.ingest.manifests import (
    LANDING_CONTRACTS,
    LANDING_TABLES,
    LandedFile,
    manifest_path,
    read_manifest,
    table_path,
    write_manifest,
)
from instagram_assets.ingest.redact.redactor import scrubbed_name
from instagram_assets.ingest.row_counts import count_rows
from instagram_assets.privacy.forgotten_identifiers import Forgotten
from instagram_assets.privacy.table_scrub import may_hold, scrub_table
from instagram_assets.settings import Settings
from instagram_assets.storage.atomic import is_local, remove_durably, write_atomic
from instagram_assets.storage.lake import lake_root, names_in
from instagram_assets.storage.locks import folder_lock
from instagram_assets.storage.parquet_files import crc_of, damaged

_AREA = "landing"


def landing_steps(settings: Settings, forgotten: Forgotten) -> Iterator[Step]:
    """Yields the steps for the landing zone. Raises StorageError when a table or manifest is damaged."""
    lake = lake_root(settings)
    manifests = {name.removesuffix(".json") for name in names_in(lake / "landing" / "files") if name.endswith(".json")}
    tables = {table: _names(lake / "landing" / table) for table in LANDING_TABLES}
    for name in sorted(manifests):
        landed = read_manifest(lake, name)
        if landed is None:
            continue
        own = [table for table in LANDING_TABLES if name in tables[table]]
        rows = sum(_touched(table_path(lake, table, name), forgotten) for table in own)
        if rows or _is_stale(lake, landed, own, forgotten):
            path = f"lake/landing/files/{name}.json"
            yield Step(_AREA, path, "rewrite", rows, partial(_rewrite, lake, name, forgotten, rows))
    for table, names in tables.items():
        # Tables of files whose ingestion was interrupted; no manifest counts them.
        for name in sorted(names - manifests):
            path = table_path(lake, table, name)
            if rows := _touched(path, forgotten):
                yield Step(_AREA, f"lake/landing/{table}/{path.name}", "remove", rows, partial(_remove, path))


def _scrubbed_manifest(landed: LandedFile, forgotten: Forgotten) -> LandedFile:
    """Returns a manifest without the erased names; its counts are unchanged."""
    return replace(
        landed,
        file=scrubbed_name(landed.file, forgotten),
        accounts=tuple(name for name in landed.accounts if not forgotten.has("account", name)),
        profile_accounts=tuple(name for name in landed.profile_accounts if not forgotten.has("account", name)),
        stated_account=landed.stated_account and forgotten.named(landed.stated_account),
        unknown_fields=tuple(forgotten.scrub(field) for field in landed.unknown_fields),
        passed_over=tuple(forgotten.scrub(reason) for reason in landed.passed_over),
        fields={
            forgotten.scrub(kind): {forgotten.scrub(field): noted for field, noted in fields.items()}
            for kind, fields in landed.fields.items()
        },
    )


def read_row_groups(path: UPath, columns: list[str] | None = None) -> Iterator[pa.Table]:
    """Yields the rows of a Parquet file, one row group at a time. Raises StorageError when it is damaged."""
    import pyarrow.parquet as pq

    try:
        with path.open("rb") as stream, pq.ParquetFile(stream, page_checksum_verification=True) as file:
            names = [name for name in columns or file.schema_arrow.names if name in file.schema_arrow.names]
            for group in range(file.num_row_groups):
                yield file.read_row_group(group, columns=names, use_threads=False)
    except (pa.ArrowException, OSError) as error:
        raise damaged(path, "landed_files", error) from error


def _touched(path: UPath, forgotten: Forgotten) -> int:
    """Returns the number of rows of a Parquet file that mention an erased identifier."""
    return sum(scrub_with_counts(rows, forgotten).rows for rows in read_row_groups(path) if may_hold(rows, forgotten))


def _is_stale(lake: UPath, landed: LandedFile, own: list[str], forgotten: Forgotten) -> bool:
    """Whether a manifest contains an erased name, or does not match tables that an interrupted erasure rewrote."""
    if _scrubbed_manifest(landed, forgotten) != landed:
        return True
    return any(_rows_of(table_path(lake, table, landed.name)) < landed.rows(table) for table in own) or any(
        landed.rows(table) and table not in own and landed.sizes.get(table) for table in LANDING_TABLES
    )


def _rows_of(path: UPath) -> int:
    import pyarrow.parquet as pq

    try:
        with path.open("rb") as stream:
            return pq.read_metadata(stream).num_rows
    except (pa.ArrowException, OSError) as error:
        raise damaged(path, "landed_files", error) from error


def _rewrite(lake: UPath, name: str, forgotten: Forgotten, found: int) -> StepResult:
    with _spool(lake) as spool:
        landed = read_manifest(lake, name)
        if landed is None:
            return StepResult(removed=0, rewritten=[], rows=0, bytes_written=0)
        files: dict[str, Path] = {}
        written, removed, hashes = 0, 0, list[str]()
        for table in LANDING_TABLES:
            path = table_path(lake, table, name)
            if f"{name}.parquet" not in names_in(path.parent):
                continue
            fresh = spool / f"{table}.parquet"
            rows, touched = _write(path, table, fresh, forgotten)
            if not rows:
                continue
            files[table] = fresh if touched else _local_copy(path, spool)
        after = _recounted(landed, files, forgotten)
        for table in LANDING_TABLES:
            path = table_path(lake, table, name)
            if table in files and files[table].parent == spool and not files[table].name.startswith("same-"):
                written += _publish(files[table], path)
                hashes.append(sha256_of_stored(path))
            elif table not in files:
                removed += f"{name}.parquet" in names_in(path.parent)
                remove_durably(path)
        write_manifest(lake, after)
        manifest = manifest_path(lake, name)
        return StepResult(removed, [*hashes, sha256_of_stored(manifest)], found, written + manifest.stat().st_size)


def _write(path: UPath, table: str, fresh: Path, forgotten: Forgotten) -> tuple[int, bool]:
    """Writes the remaining rows to the file `fresh`; returns their number, and whether a row was changed or removed."""
    writer, touched = RowWriter(fresh, LANDING_CONTRACTS[table].schema), False
    try:
        for rows in read_row_groups(path):
            kept = scrub_table(rows, forgotten)
            touched = touched or kept is not rows
            writer.add(LANDING_CONTRACTS[table].conform(kept, str(path)))
    finally:
        writer.close()
    return writer.rows, touched


def _local_copy(path: UPath, spool: Path) -> Path:
    """Returns the local path of a table of the landing zone; copied to `spool` if it is in an object store."""
    if is_local(path):
        return Path(path.path)
    copy = spool / f"same-{path.parent.name}.parquet"
    copy.write_bytes(path.read_bytes())
    return copy


def _recounted(landed: LandedFile, files: dict[str, Path], forgotten: Forgotten) -> LandedFile:
    """Returns the manifest with counts, sizes and checksums recomputed from `files` (table name → file)."""
    rows = {table: _rows_of(UPath(files[table])) if table in files else 0 for table in LANDING_TABLES}
    posts, profiles, ads, comments = (
        count_rows([files[table] for table in tables if table in files])
        for tables in (("posts", "reels"), ("profiles",), ("ads",), ("comments",))
    )
    gone = sum(landed.rows(table) - rows[table] for table in LANDING_TABLES)
    return replace(
        _scrubbed_manifest(landed, forgotten),
        records=max(landed.records - gone, 0),
        forgotten=landed.forgotten + gone,
        posts=rows["posts"],
        reels=rows["reels"],
        profiles=rows["profiles"],
        ads=rows["ads"],
        comments=None if landed.comments is None else rows["comments"],
        quarantined=rows["quarantine"],
        duplicates=posts.doubled,
        warnings=sum(of.warned for of in (posts, profiles, ads, comments)) + posts.doubled,
        accounts=tuple(sorted(posts.accounts | profiles.accounts)),
        profile_accounts=tuple(sorted(profiles.accounts)),
        days={day.isoformat(): number for day, number in sorted(posts.days.items())},
        sizes={table: file.stat().st_size for table, file in files.items()},
        checksums={table: _crc(file) for table, file in files.items()},
    )


def _publish(file: Path, final: UPath) -> int:
    with file.open("rb") as stream:
        write_atomic(final, lambda target: shutil.copyfileobj(stream, target), sweep_folder=False)
    return file.stat().st_size


def _remove(path: UPath) -> int:
    remove_durably(path)
    return 0


@contextmanager
def _spool(lake: UPath) -> Generator[Path]:
    """Context manager: a temporary folder; until it is left, no ingestion can write to a landing zone on disk."""
    with tempfile.TemporaryDirectory(prefix="instagram-assets-forget-") as folder:
        if not is_local(lake):
            yield Path(folder)
            return
        with folder_lock(Path(lake.path) / "landing"):
            yield Path(folder)


def _names(folder: UPath) -> set[str]:
    return {name.removesuffix(".parquet") for name in names_in(folder, hidden=False) if name.endswith(".parquet")}


def _crc(file: Path) -> int:
    with file.open("rb") as stream:
        return crc_of(stream)
