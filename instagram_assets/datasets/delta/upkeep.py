"""What keeps Delta tables quick and small: few large files, and no files of versions that are long gone."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from upath import UPath

from instagram_assets.datasets.delta import log
from instagram_assets.datasets.delta.files import Asked
from instagram_assets.datasets.delta.places import Place, place_of
from instagram_assets.datasets.delta.write import TABLES, Made, merge_files
from instagram_assets.privacy.pseudonyms import Pseudonymizer


class Vacuumed(NamedTuple):
    """How many files of older versions, and of stopped runs, went from a table."""

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
    """Have the tables below `target` consist of few large files, but for the newest month, which changes every day.

    The rows come from the lake, so the tables are up to date afterwards; arguments are those of `write_delta`. A file
    whose rows change later is parted again by the run that sees it. `pseudonyms` are those that the tables are written
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
    """Take files that no version of the last `keep_hours` needs, and sum the log up; readers of older versions fail.

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
            # On disk before older files go, so that no power cut leaves an old version whose files are gone.
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
