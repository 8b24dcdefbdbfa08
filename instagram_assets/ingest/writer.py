"""One file's records written as Parquet rows beside the lake, with a summary of what they are."""

import json
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from instagram_assets.errors import FileError, RecordError
from instagram_assets.ingest.files import read_records
from instagram_assets.ingest.manifests import PARSER_VERSION, LandedFile
from instagram_assets.ingest.normalize import format_of, normalize
from instagram_assets.ingest.parsing import BadRecord
from instagram_assets.ingest.source import Row, Source
from instagram_assets.ingest.values import MISSING
from instagram_assets.schemas import POSTS_RAW, PROFILES_RAW, QUARANTINE, Contract
from instagram_assets.settings import IngestSettings
from instagram_assets.storage.atomic import temporary_beside

compute: Any = pc

ROW_GROUP = 5_000
RECORD_LIMIT = 10_000
# One or two records without a field are bad records, not a changed format.
LEAST_DRIFT = 3

_CONTRACTS = {"posts": POSTS_RAW, "reels": POSTS_RAW, "profiles": PROFILES_RAW, "quarantine": QUARANTINE}
_IDENTITY = ["post_id", "shortcode", "account", "url", "source_index"]
_NOT_KEPT = {"latestComments", "firstComment", "likedBy", "relatedProfiles"}


class _RowWriter:
    """A Parquet file that rows are added to, ROW_GROUP of them at a time."""

    def __init__(self, path: Path, contract: Contract) -> None:
        import pyarrow.parquet as pq

        self.path = path
        self.contract = contract
        self._rows: list[Row] = []
        self._file: Any = pq.ParquetWriter(path, contract.schema, compression="zstd", write_page_checksum=True)

    def add(self, row: Row) -> None:
        self._rows.append(row)
        if len(self._rows) >= ROW_GROUP:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._file.close()

    def _flush(self) -> None:
        if self._rows:
            self._file.write_table(self.contract.table(self._rows))
            self._rows = []


@contextmanager
def write_rows(
    path: Path, source: Source, limits: IngestSettings, folder: Path
) -> Generator[tuple[LandedFile, dict[str, Path]], None, None]:
    """Write a file's rows into temporary files in `folder`, one for each landing table; gone when the block ends.

    Raises FileError when the file cannot be read or its format has drifted.
    """
    paths = {table: temporary_beside(folder / f"{table}-{source.sha256}") for table in _CONTRACTS}
    writers: dict[str, _RowWriter] = {}
    try:
        for table, contract in _CONTRACTS.items():
            writers[table] = _RowWriter(paths[table], contract)
        records, formats = _stream(path, source, limits, writers)
        for table in ("posts", "reels", "profiles"):
            writers.pop(table).close()
        _part_shared_shortcodes(paths, source, writers["quarantine"])
        writers.pop("quarantine").close()
        yield _summary(paths, source, records, formats), paths
    finally:
        for writer in writers.values():
            with suppress(Exception):  # only reached when an error is already on its way
                writer.close()
        for spooled in paths.values():
            with suppress(FileNotFoundError):
                spooled.unlink()


def quarantine_row(error: RecordError, content: object, index: int, source: Source) -> Row:
    """A bad record as a row, without the comments and pictures of other people."""
    if isinstance(content, dict):
        content = {key: value for key, value in content.items() if key not in _NOT_KEPT}  # pyright: ignore[reportUnknownVariableType]
    try:
        record = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False, sort_keys=True)
    except RecursionError:
        record = "(nested too deeply to be shown)"
    row = {"field": error.field, "reason": error.reason, "record": record[:RECORD_LIMIT]}
    stored = {key: text.encode("utf-8", "replace").decode() for key, text in row.items()}
    return {"file": source.file, "sha256": source.sha256, "index": index, **stored}


def _stream(
    path: Path, source: Source, limits: IngestSettings, writers: dict[str, _RowWriter]
) -> tuple[int, Counter[str]]:
    """Send every record to its table; how many there were, and of which formats."""
    missing: Counter[str] = Counter()
    formats: Counter[str] = Counter()
    records = 0
    for index, record in read_records(path, limits):
        records += 1
        if isinstance(record, BadRecord):
            writers["quarantine"].add(quarantine_row(record.error, record.content, index, source))
            continue
        formats[format_of(record)] += 1
        for result in normalize(record, index, source):
            if not isinstance(result, RecordError):
                writers[result.table].add(result.row)
                continue
            writers["quarantine"].add(quarantine_row(result, record, index, source))
            if result.reason == MISSING and "." not in result.field:
                missing[result.field] += 1
    _refuse_drift(path, missing, records - formats["apify_errors"], limits)
    return records, formats


def _refuse_drift(path: Path, missing: Counter[str], records: int, limits: IngestSettings) -> None:
    for field, number in missing.most_common(1):
        if number >= LEAST_DRIFT and number > limits.max_drift_share * records:
            problem = f"schema drift: {field} is missing in {number:,} of {records:,} records ({number / records:.0%})"
            remedy = (
                "Look whether the exporter renamed it; INSTAGRAM_ASSETS_INGEST__MAX_DRIFT_SHARE sets what is allowed"
            )
            raise FileError(str(path), problem, remedy)


def _part_shared_shortcodes(paths: dict[str, Path], source: Source, quarantine: _RowWriter) -> None:
    """Move posts that share a shortcode but not an id to quarantine: one of them is wrong, and nobody knows which."""
    import pyarrow.parquet as pq

    codes = pa.concat_tables([pq.read_table(paths[t], columns=["shortcode", "post_id"]) for t in ("posts", "reels")])
    distinct: Any = codes.group_by("shortcode").aggregate([("post_id", "count_distinct")])
    shared: Any = distinct.filter(compute.field("post_id_count_distinct") > 1)["shortcode"].combine_chunks().drop_null()
    if not len(shared):
        return
    for table in ("posts", "reels"):
        kept = temporary_beside(paths[table])
        try:
            with pq.ParquetWriter(kept, POSTS_RAW.schema, compression="zstd", write_page_checksum=True) as out:
                for batch in pq.ParquetFile(paths[table]).iter_batches(ROW_GROUP):
                    rows: Any = pa.Table.from_batches([batch])
                    both: Any = compute.is_in(rows["shortcode"], value_set=shared)
                    out.write_table(rows.filter(compute.invert(both)))
                    for row in rows.filter(both).select(_IDENTITY).to_pylist():
                        index = row.pop("source_index")
                        error = RecordError("shortCode", f"{row['shortcode']} also belongs to another id in this file")
                        quarantine.add(quarantine_row(error, row, index, source))
            kept.replace(paths[table])
        finally:
            kept.unlink(missing_ok=True)


def _summary(paths: dict[str, Path], source: Source, records: int, formats: Counter[str]) -> LandedFile:
    import pyarrow.parquet as pq

    seen = ["account", "day", "post_id", "observed_at", "warnings"]
    posts, reels = (pq.read_table(paths[table], columns=seen) for table in ("posts", "reels"))
    profiles = pq.read_table(paths["profiles"], columns=["account", "observed_at", "warnings"])
    both = pa.concat_tables([posts, reels])
    distinct = both.group_by(["account", "post_id", "observed_at"]).aggregate([]).num_rows
    days: dict[date, int] = {row["values"]: row["counts"] for row in compute.value_counts(both["day"]).to_pylist()}
    profile_accounts = sorted(set[str](profiles["account"].unique().to_pylist()))
    accounts = sorted({*profile_accounts, *both["account"].unique().to_pylist()})
    return LandedFile(
        file=source.file,
        sha256=source.sha256,
        parser_version=PARSER_VERSION,
        format=", ".join(sorted(name for name in formats if name)) or "none",
        records=records,
        posts=posts.num_rows,
        reels=reels.num_rows,
        profiles=profiles.num_rows,
        quarantined=pq.read_metadata(paths["quarantine"]).num_rows,
        duplicates=both.num_rows - distinct,
        # An empty file and a doubled observation are odd, too.
        warnings=_odd(both) + _odd(profiles) + (both.num_rows - distinct) + (records == 0),
        accounts=tuple(accounts),
        profile_accounts=tuple(profile_accounts),
        days={day.isoformat(): number for day, number in sorted(days.items())},
        first_seen=source.first_seen,
        observed_at=source.default_observed_at,
    )


def _odd(table: pa.Table) -> int:
    lengths: Any = compute.list_value_length(table["warnings"])
    return int(compute.sum(compute.greater(lengths, 0)).as_py() or 0)
