"""Maintenance of Delta tables: compaction into large files, and removal of files of old versions."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from upath import UPath

from instagram_assets.datasets.delta import log
from instagram_assets.datasets.delta.files import TableSpec
from instagram_assets.datasets.delta.locations import TableLocation, table_location
from instagram_assets.datasets.delta.write import TABLES, ExportedTable, merge_files
from instagram_assets.privacy.pseudonyms import Pseudonymizer


class Vacuumed(NamedTuple):
    """The number of files that a vacuum removed from a table: those of older versions and of killed runs."""

    table: str
    uri: str
    files: int


def optimize(
    root: UPath,
    target: str,
    options: Mapping[str, str] | None = None,
    *,
    pseudonyms: Pseudonymizer | None = None,
    warn: Callable[[str], object] = print,
) -> list[ExportedTable]:
    """Compact the tables below `target` into few large files, except for the newest month, which changes every day.

    The rows are read from the lake at `root`, so the tables are up to date afterwards. When rows of a large file change
    later, the export replaces it by small ones. `options` are delta-rs's storage options for `target`; `pseudonyms`
    must be those with which the tables were written; `warn` gets messages about damaged logs. Raises StorageError.
    """
    found = (
        merge_files(root, location, spec._replace(pseudonyms=pseudonyms), warn)
        for spec, location in _there(root, target, options)
    )
    return [made for made in found if made]


def vacuum(
    root: UPath,
    target: str,
    options: Mapping[str, str] | None = None,
    *,
    keep_hours: int,
    warn: Callable[[str], object] = print,
) -> list[Vacuumed]:
    """Delete the files that no version of the last `keep_hours` hours needs; older versions become unreadable.

    Writes checkpoints of the logs first. On an object store no export may run at the same time if `keep_hours` is
    shorter than an export takes. Raises StorageError.
    """
    done: list[Vacuumed] = []
    for spec, location in _there(root, target, options):
        with location.locked():
            for told in log.repair(location):
                warn(told)
            table = log.open_table(location)
            if table is None:
                continue
            # Durable before older files go, so that a power cut leaves no old version without its files.
            log.checkpoint(location, table, after=0)
            with log.storage_errors(location):
                gone = table.vacuum(keep_hours, dry_run=False, enforce_retention_duration=False, full=True)
                log.sync_log(location)
                table.cleanup_metadata()
                log.sync_log(location)
            done.append(Vacuumed(spec.name, location.uri, len(gone)))
    return done


def _there(root: UPath, target: str, options: Mapping[str, str] | None) -> list[tuple[TableSpec, TableLocation]]:
    locations = [(spec, table_location(target, spec.name, options or {}, root.storage_options)) for spec in TABLES]
    return [(spec, location) for spec, location in locations if location.sizes(log.LOG)]
