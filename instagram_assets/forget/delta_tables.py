"""Erases the data subject's rows from the exported Delta tables, with all older versions, which still contain them."""

import hashlib
from collections.abc import Iterator
from functools import partial

from upath import UPath

from instagram_assets.datasets.delta import TABLES, delta_target, table_location
from instagram_assets.datasets.delta.erasure import rewrite_rows, rows_of_file
from instagram_assets.datasets.delta.files import TableSpec
from instagram_assets.datasets.delta.locations import TableLocation
from instagram_assets.datasets.delta.log import LOG
from instagram_assets.forget.erasure_steps import Step, StepResult, scrub_with_counts
from instagram_assets.forget.text_files import MentionFilter
from instagram_assets.ingest.redact.redactor import RecordRedactor
from instagram_assets.privacy.forgotten_identifiers import Forgotten
from instagram_assets.privacy.table_scrub import scrub_table
from instagram_assets.settings import Settings

_AREA = "datasets"


def delta_steps(settings: Settings, root: UPath, forgotten: Forgotten) -> Iterator[Step]:
    """Yields a step per Delta table that mentions the subject in data files (any version), log or set-aside files."""
    for target in delta_locations(settings):
        for spec in TABLES:
            location = table_location(target, spec.name, settings.delta.options, root.storage_options)
            if rows := _rows_in(location, forgotten):
                yield Step(_AREA, location.uri, "rewrite", rows, partial(_forget, location, spec, forgotten, rows))


def delta_locations(settings: Settings) -> list[str]:
    """The locations of Delta tables: the configured one, the default one, and that of pseudonymous exports."""
    usual, pseudonymous = (settings.folder("datasets") / name for name in ("delta", "pseudonymous/delta"))
    return list(dict.fromkeys((delta_target(settings), str(usual), str(pseudonymous))))


def _rows_in(location: TableLocation, forgotten: Forgotten) -> int:
    """Returns the number of rows and Delta log entries, of all versions of a table, that mention the data subject."""
    may_mention, redactor = MentionFilter(forgotten), RecordRedactor(forgotten)
    found = 0
    for name in location.names():
        if name.endswith(".parquet"):
            rows = rows_of_file(location, name)
            found += 1 if rows is None else scrub_with_counts(rows, forgotten).rows
        elif may_mention(text := location.read(name).decode("utf-8", "replace")):
            found += redactor.text(text) != text
    return found


def _forget(location: TableLocation, spec: TableSpec, forgotten: Forgotten, rows: int) -> StepResult:
    before = {name: _hash_in_log(location, name) for name in location.names()}
    written = rewrite_rows(location, spec, lambda table: scrub_table(table, forgotten))
    after = {name: _hash_in_log(location, name) for name in location.names()}
    new = [name for name in sorted(after) if name not in before or after[name] != before[name]]
    gone = before.keys() - after.keys()
    rewritten = [after[name] or hashlib.sha256(location.read(name)).hexdigest() for name in new]
    return StepResult(max(len(gone) - len(new), 0), rewritten, rows, written)


def _hash_in_log(location: TableLocation, name: str) -> str:
    """Returns the SHA-256 of a Delta log file, which keeps its name when rewritten; empty for a data file."""
    return hashlib.sha256(location.read(name)).hexdigest() if name.startswith(f"{LOG}/") else ""
