"""Retention in the lake's tables: deletes observations by observation time; data derived from them is kept."""

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from typing import Any

import pyarrow as pa
from upath import UPath

from instagram_assets.arrow import compute
from instagram_assets.ingest.manifests import manifest_versions, read_manifest
from instagram_assets.ingest.observations import landed_files
from instagram_assets.retention.expired_items import TABLES_PLACE, ExpiredItem
from instagram_assets.retention.landing_rows import expired_files
from instagram_assets.storage.lake import Days, contract_of, files, read_rows, read_table
from instagram_assets.storage.lake_writer import alone, replace_file, write_asset

RowsChange = Callable[[pa.Table], pa.Table]


def replace_rows(path: UPath, name: str, change: RowsChange) -> None:
    """Replaces the rows of one file of an asset by the result of `change`; a missing file is not created.

    On an object store `change` can be called several times. Raises StorageError for a damaged file and on an I/O error.
    """
    nothing = contract_of(name).empty()
    with alone(path.parent):
        if path.exists():
            replace_file(path, name, lambda old: change(nothing if (rows := old()) is None else rows))


OBSERVATION_TABLES = ("raw_posts", "raw_reels", "raw_profiles", "raw_ads", "raw_comments")
_MOMENT = "observed_at"


def expired_observations(lake: UPath, before: datetime, days: Days) -> Iterator[ExpiredItem]:
    """Yields the expired rows of the observation tables, of `quarantine` and of `landed_files`.

    Rows of `quarantine` and `landed_files` expire together with the landing zone's rows of the same file, whether those
    are deleted already or by this run. `days` are the first and last day of the lake's partitions.
    """
    for name in OBSERVATION_TABLES:
        for path in files(lake, name):
            moments: Any = read_rows(path, name, columns=[_MOMENT])[_MOMENT]
            past = moments.filter(compute.less(moments, pa.scalar(before, moments.type)))
            if not len(past):
                continue
            share = path.stat().st_size * len(past) // len(moments)
            span = compute.min(past).as_py(), compute.max(past).as_py()
            act = partial(replace_rows, path, name, partial(_since, before))
            yield ExpiredItem(TABLES_PLACE, name, str(path.relative_to(lake)), len(past), share, *span, act)
    yield from _of_files(lake, before, days)


def _since(before: datetime, rows: pa.Table) -> pa.Table:
    return rows.filter(compute.greater_equal(rows[_MOMENT], pa.scalar(before, rows[_MOMENT].type)))


def _of_files(lake: UPath, before: datetime, days: Days) -> Iterator[ExpiredItem]:
    """Yields the rows of `quarantine` and `landed_files` about files whose rows in the landing zone expire."""
    newest = (read_manifest(lake, names[-1]) for names in manifest_versions(lake).values())
    shortened = [file for file in newest if file and file.past_before]
    due = list(expired_files(lake, before))
    no_bad = {file.sha256 for file in shortened if not file.quarantined}
    no_bad |= {look.file.sha256 for look in due if any(part.table == "quarantine" for part in look.parts)}
    whole = {file.sha256 for file in shortened if file.is_past} | {look.file.sha256 for look in due if look.is_whole}
    if not (shortened or due):
        return
    gone = pa.array(no_bad, pa.string())
    for path in files(lake, "quarantine"):
        named = read_rows(path, "quarantine", columns=["sha256"])["sha256"]
        if number := compute.sum(compute.is_in(named, value_set=gone)).as_py():
            act = partial(replace_rows, path, "quarantine", partial(_not_of, gone))
            yield ExpiredItem(TABLES_PLACE, "quarantine", str(path.relative_to(lake)), number, 0, None, None, act)
    for path in files(lake, "landed_files"):
        earlier = read_table(lake, "landed_files")
        number = compute.sum(compute.is_in(earlier["sha256"], value_set=pa.array(whole, pa.string()))).as_py() or 0
        if number or not landed_files(lake, *days).equals(earlier):
            act = partial(_write_files, lake, days)
            yield ExpiredItem(TABLES_PLACE, "landed_files", str(path.relative_to(lake)), number, 0, None, None, act)


def _write_files(lake: UPath, days: Days) -> None:
    write_asset(lake, "landed_files", landed_files(lake, *days))


def _not_of(files: pa.Array, rows: pa.Table) -> pa.Table:
    return rows.filter(compute.invert(compute.is_in(rows["sha256"], value_set=files)))
