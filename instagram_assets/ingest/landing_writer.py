"""Writes one file's records as Parquet rows to temporary files, with a summary for its manifest."""

import gc
from collections import Counter
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from instagram_assets.arrow import compute
from instagram_assets.errors import FileError, RecordError
from instagram_assets.ingest.comment_rows import mask_people
from instagram_assets.ingest.field_statistics import FieldStatistics
from instagram_assets.ingest.field_values import SOURCE_ERROR, replace_surrogates
from instagram_assets.ingest.formats.ads import MERGED
from instagram_assets.ingest.formats.comments import holds_any
from instagram_assets.ingest.formats.field_mapping import Problem
from instagram_assets.ingest.manifests import LANDING_CONTRACTS, PARSER_VERSION, LandedFile
from instagram_assets.ingest.normalize import NormalizedRecords, normalize_records, quarantined_content
from instagram_assets.ingest.reader.json_values import BadRecord, PlacedRecord, Record
from instagram_assets.ingest.reader.record_reader import Batch
from instagram_assets.ingest.record_source import LandingRow, RecordSource
from instagram_assets.ingest.redact.redactor import RecordRedactor, scrubbed_record
from instagram_assets.ingest.row_counts import count_rows
from instagram_assets.ingest.zips import read_zip_batches
from instagram_assets.schemas import POSTS_RAW, QUARANTINE
from instagram_assets.settings import IngestSettings
from instagram_assets.storage.atomic import temporary_beside
from instagram_assets.storage.parquet_files import crc_of

ROW_GROUP = 5_000
RECORD_LIMIT = 10_000
UNKNOWN_LIMIT, NAME_LIMIT = 1_000, 100
PASSED_LIMIT = 100
UNEXPECTED_ERROR = "our rules did not foresee this record"
# One or two records without a field are bad records, not a changed format.
LEAST_DRIFT = 3

# Columns with many repeated values; for the others dictionary encoding costs time for nothing.
_REPEATED = (
    *(*POSTS_RAW.partitions, "kind", "owner", "owner_id", "owner_full_name", "type", "product_type", "observed_at"),
    *("width", "height", "location", "source_file", "source_sha256", "file", "sha256", "field", "reason"),
)


@dataclass
class _Findings:
    """Statistics collected while reading a file, for its manifest."""

    records: int = 0
    candidates: int = 0
    lacking: Counter[str] = field(default_factory=Counter[str])
    formats: Counter[str] = field(default_factory=Counter[str])
    unknown: set[str] = field(default_factory=set[str])
    fields: dict[str, FieldStatistics] = field(default_factory=dict[str, FieldStatistics])
    has_tables: bool = False
    passed_over: list[str] = field(default_factory=list[str])
    forgotten: int = 0


class RowWriter:
    """Parquet writer that buffers tables into row groups of at least ROW_GROUP rows; no file without rows."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._path = path
        self._schema = schema
        self._tables: list[pa.Table] = []
        self._held = 0
        self._file: Any = None
        self.rows = 0

    def add(self, table: pa.Table) -> None:
        if not table.num_rows:
            return
        self._tables.append(table)
        self._held += table.num_rows
        self.rows += table.num_rows
        if self._held >= ROW_GROUP:
            self._flush()

    def close(self) -> None:
        self._flush()
        if self._file is not None:
            self._file.close()

    def _flush(self) -> None:
        if not self._tables:
            return
        if self._file is None:
            self._file = self._opened()
        self._file.write_table(pa.concat_tables(self._tables))
        self._tables, self._held = [], 0

    def _opened(self) -> Any:
        import pyarrow.parquet as pq

        repeated: Any = [name for name in _REPEATED if name in self._schema.names]
        return pq.ParquetWriter(
            self._path, self._schema, compression="zstd", write_page_checksum=True, use_dictionary=repeated
        )


@contextmanager
def spool_rows(
    path: Path, source: RecordSource, limits: IngestSettings, folder: Path
) -> Generator[tuple[LandedFile, dict[str, Path]], None, None]:
    """Write a file's rows into temporary Parquet files in `folder`, one for each non-empty table.

    Yields the manifest and the files by table; the files are deleted when the block ends. Raises FileError when the
    file cannot be read or its schema has drifted.
    """
    paths = {table: temporary_beside(folder / f"{table}-{source.sha256}") for table in LANDING_CONTRACTS}
    writers: dict[str, RowWriter] = {}
    try:
        for table, contract in LANDING_CONTRACTS.items():
            writers[table] = RowWriter(paths[table], contract.schema)
        findings, people = _Findings(), 0
        redactor = RecordRedactor(source.forgotten, source) if source.forgotten else None
        with _rare_collection():
            for batch in read_zip_batches(path, limits, folder, findings.passed_over.append):
                _write_batch(_without_forgotten(batch, redactor, findings), source, writers, findings)
                people = people if people else len(source.people)
        _refuse_drift(path, findings, limits)
        rows: dict[str, int] = {}
        for table in LANDING_CONTRACTS:
            writer = writers.pop(table)
            writer.close()
            rows[table] = writer.rows
        if rows["comments"] and len(source.people) > people:
            _without_later_names(paths["comments"], source)
        yield _summary(paths, rows, source, findings), paths
    finally:
        for writer in writers.values():
            with suppress(Exception):  # only reached when another error is already being raised
                writer.close()
        for spooled in paths.values():
            with suppress(FileNotFoundError):
                spooled.unlink()


def _without_later_names(path: Path, source: RecordSource) -> None:
    """Rewrite the temporary comments file to mask account names that only occurred later in the source file."""
    import pyarrow.parquet as pq

    assert source.pseudonym_of is not None
    beside = temporary_beside(path)
    writer = RowWriter(beside, LANDING_CONTRACTS["comments"].schema)
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches():
                writer.add(mask_people(pa.Table.from_batches([batch]), source.people, source.pseudonym_of))
        writer.close()
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


@contextmanager
def _rare_collection() -> Generator[None]:
    """Run Python's garbage collector less often inside the block: parsed JSON is slow to scan and has no cycles."""
    before = gc.get_threshold()
    gc.set_threshold(200_000, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def to_quarantine_row(problem: Problem, source: RecordSource) -> LandingRow:
    """Convert a bad record to a row of QUARANTINE, without other people's texts and images."""
    error = problem.error
    row = {"field": error.field, "reason": error.reason, "record": quarantined_content(problem)[:RECORD_LIMIT]}
    stored = {key: text.encode("utf-8", "replace").decode() for key, text in row.items()}
    return {"file": source.file, "sha256": source.sha256, "index": problem.position, **stored}


def _without_forgotten(batch: Batch, redactor: RecordRedactor | None, findings: _Findings) -> Batch:
    """Return the batch without records that were erased on request, renumbered as in a file without them."""
    if redactor is None:
        return batch
    quarantined_content: Batch = []
    for index, record in batch:
        scrubbed = scrubbed_record(record, redactor)
        if scrubbed is None:
            findings.forgotten += 1
        else:
            quarantined_content.append((index - findings.forgotten, scrubbed))
    return quarantined_content


def _write_batch(batch: Batch, source: RecordSource, writers: Mapping[str, RowWriter], findings: _Findings) -> None:
    """Append the rows of a batch of records to their tables, and bad records to quarantine."""
    good: list[tuple[int, Record]] = []
    problems: list[Problem] = []
    for index, record in batch:
        if isinstance(record, BadRecord):
            problems.append(Problem(index, record.error, record.content))
        else:
            good.append((index, record))
    result = _normalized(good, source)
    places = {index: record.place for index, record in good if isinstance(record, PlacedRecord)}
    findings.has_tables = findings.has_tables or bool(places)
    for table, rows in result.tables.items():
        writers[table].add(_not_past(rows, source))
    findings.records += len(batch)
    findings.candidates += result.candidates + len(problems)
    findings.formats += result.formats
    if len(findings.unknown) < UNKNOWN_LIMIT * 100:
        findings.unknown |= {replace_surrogates(name[:NAME_LIMIT]) for name in result.unknown}
    for name, fields in result.fields.items():
        findings.fields[name] = findings.fields.get(name, FieldStatistics()) + fields
    findings.lacking.update(problem.lacks for problem in result.problems if problem.lacks)
    problems += [_located(problem, places) for problem in result.problems]
    if problems and not (source.past_before and source.observed_at < source.past_before):
        writers["quarantine"].add(QUARANTINE.table([to_quarantine_row(problem, source) for problem in problems]))


def _not_past(rows: pa.Table, source: RecordSource) -> pa.Table:
    """Return the rows without those past retention, so that reading a file again does not bring them back."""
    if source.past_before is None or not rows.num_rows:
        return rows
    before = pa.scalar(source.past_before, rows.schema.field("observed_at").type)
    return rows.filter(compute.greater_equal(rows["observed_at"], before))


def _located(problem: Problem, places: Mapping[int, str]) -> Problem:
    """Return the problem; if the file is a table, with the row's location added to the message.

    Errors that the collector reported are returned unchanged.
    """
    place, error = places.get(problem.position), problem.error
    if place is None or error.reason.startswith(SOURCE_ERROR):
        return problem
    return problem._replace(error=RecordError(error.field, f"{place}: {error.reason}"))


def _normalized(records: list[tuple[int, Record]], source: RecordSource) -> NormalizedRecords:
    """Normalize records; a record that raises an unexpected error becomes a problem, found by bisecting the batch."""
    try:
        return normalize_records(records, source)
    except (MemoryError, FileError):  # the latter is about the whole file
        raise
    except Exception as error:
        if len(records) == 1:
            ((index, record),) = records
            # The message may quote a person's text, and a comment's is stored nowhere.
            said = "" if holds_any(record) else f": {ascii(str(error))[:200]}"
            reason = f"{UNEXPECTED_ERROR} ({type(error).__name__}{said})"
            return NormalizedRecords(
                normalize_records([], source).tables, [Problem(index, RecordError("", reason), record)]
            )
    middle = len(records) // 2
    halves = [_normalized(half, source) for half in (records[:middle], records[middle:])]
    return halves[0] + halves[1]


def _refuse_drift(path: Path, findings: _Findings, limits: IngestSettings) -> None:
    all_of_them = findings.candidates
    for name, number in findings.lacking.most_common(1):
        if number >= LEAST_DRIFT and number > limits.max_drift_share * all_of_them:
            share = f"{number:,} of {all_of_them:,} records ({number / all_of_them:.0%})"
            merged = f", in a table also for merged cells ({MERGED})" if findings.has_tables else ""
            remedy = (
                f"Look whether the exporter renamed it{merged}; "
                "INSTAGRAM_ASSETS_INGEST__MAX_DRIFT_SHARE sets what is allowed"
            )
            raise FileError(str(path), f"schema drift: {name} is missing in {share}", remedy)


def _summary(paths: dict[str, Path], rows: dict[str, int], source: RecordSource, findings: _Findings) -> LandedFile:
    posts, profiles, ads, comments = (
        count_rows([paths[table] for table in tables if rows[table]])
        for tables in (("posts", "reels"), ("profiles",), ("ads",), ("comments",))
    )
    return LandedFile(
        file=source.file,
        sha256=source.sha256,
        parser_version=PARSER_VERSION,
        format=", ".join(sorted(name for name in findings.formats if name)) or "none",
        records=findings.records,
        posts=rows["posts"],
        reels=rows["reels"],
        profiles=rows["profiles"],
        ads=rows["ads"],
        comments=rows["comments"] if source.pseudonym_of else None,
        quarantined=rows["quarantine"],
        duplicates=posts.doubled,
        unknown_fields=tuple(sorted(findings.unknown)[:UNKNOWN_LIMIT]),
        # An empty file and duplicate observations get a warning, too.
        warnings=sum(of.warned for of in (posts, profiles, ads, comments))
        + posts.doubled
        + (findings.records + findings.forgotten == 0),
        accounts=tuple(sorted(posts.accounts | profiles.accounts)),
        profile_accounts=tuple(sorted(profiles.accounts)),
        days={day.isoformat(): number for day, number in sorted(posts.days.items())},
        first_seen=source.first_seen,
        observed_at=source.observed_at,
        stated_at=source.stated_at,
        modified_at=source.modified_at,
        stated_account=source.account and source.forgotten.named(source.account),
        forgotten=findings.forgotten,
        passed_over=tuple(
            source.forgotten.scrub(replace_surrogates(told)) for told in findings.passed_over[:PASSED_LIMIT]
        ),
        sizes={table: path.stat().st_size for table, path in paths.items() if rows[table]},
        checksums={table: _crc_of(path) for table, path in paths.items() if rows[table]},
        fields={name: found.noted() for name, found in sorted(findings.fields.items())},
        past_before=source.past_before,
    )


def _crc_of(path: Path) -> int:
    with path.open("rb") as stream:
        return crc_of(stream)
