"""Maintenance of Delta tables: compaction into large files, and removal of files of old versions."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from upath import UPath

from instagram_assets.datasets.delta import log
from instagram_assets.datasets.delta.files import Asked
from instagram_assets.datasets.delta.places import Place, place_of
from instagram_assets.datasets.delta.write import TABLES, Made, merge_files
from instagram_assets.privacy.pseudonyms import Pseudonymizer


class Vacuumed(NamedTuple):
    """The number of files of older versions and of stopped runs that were removed from a table."""

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
) -> list[Made]:
    """Compact the tables below `target` into few large files, except the newest month, which changes every day.

    The rows come from the lake, so the tables are up to date afterwards; arguments are those of `write_delta`. A file
    whose rows change later is split again by the run that sees it. `pseudonyms` are those that the tables are written
    with. Raises StorageError.
    """
    found = (
        merge_files(root, place, asked._replace(pseudonyms=pseudonyms), warn)
        for asked, place in _there(root, target, options)
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
    """Delete files that no version of the last `keep_hours` needs, which ends access to older ones; write checkpoints.

    On an object store no run may write meanwhile when `keep_hours` is shorter than a run. Raises StorageError.
    """
    done: list[Vacuumed] = []
    for asked, place in _there(root, target, options):
        with place.alone():
            for told in log.mend(place):
                warn(told)
            table = log.open_table(place)
            if table is None:
                continue
            # Durable before older files go, so that a power cut leaves no old version without its files.
            log.checkpoint(place, table, after=0)
            with log.clearly(place):
                gone = table.vacuum(keep_hours, dry_run=False, enforce_retention_duration=False, full=True)
                log.sync_log(place)
                table.cleanup_metadata()
                log.sync_log(place)
            done.append(Vacuumed(asked.name, place.uri, len(gone)))
    return done


def _there(root: UPath, target: str, options: Mapping[str, str] | None) -> list[tuple[Asked, Place]]:
    places = [(asked, place_of(target, asked.name, options or {}, root.storage_options)) for asked in TABLES]
    return [(asked, place) for asked, place in places if place.sizes(log.LOG)]
