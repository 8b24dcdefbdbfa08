"""Named lists of images in the gallery: matches of a filter, validation of image ids, and keep/drop decisions."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from itertools import chain
from threading import Lock

import pyarrow as pa
from upath import UPath

from instagram_assets.arrow import compute
from instagram_assets.datasets.list_images import PostRange, Row, listed_images
from instagram_assets.datasets.lists import check_images, find_list, kept_in, list_name, partition_of, read_decisions
from instagram_assets.datasets.manual_overrides import TABLE
from instagram_assets.errors import NotFoundError, NothingDoneError, NotReadyError, QueryError
from instagram_assets.lake_index.filter_sql import condition_of
from instagram_assets.lake_index.filters import Filter
from instagram_assets.lake_index.index_reader import LakeIndex
from instagram_assets.lake_index.sorted_rows import NO_DECISIONS, Decisions
from instagram_assets.storage.atomic import is_local
from instagram_assets.storage.fingerprints import stamp
from instagram_assets.storage.lake import files
from instagram_assets.web.dependencies import Services
from instagram_assets.web.index_service import index_of


def filter_of_fields(given: Mapping[str, Sequence[str]]) -> Filter:
    """Returns the filter for form or query fields, by field name.

    Raises QueryError for an unknown field, and for several values of a single-value field. It is stricter than
    `Filter.of`, since decisions about all matching images are made with it.
    """
    known = [field.name for field in fields(Filter)]
    if strange := [name for name in given if name not in known]:
        raise QueryError(f"filter has no field {strange[0][:80]!a}. It has: {', '.join(known)}.")
    for name, values in given.items():
        if len(values) > 1 and not isinstance(getattr(Filter(), name), tuple):
            raise QueryError(f"{name}: {len(values)} values, and it takes one.")
    return Filter.of(given)


def found_images(lake: UPath, index: LakeIndex, filters: Filter) -> pa.Array:
    """Returns the distinct image_ids of stored images that match a filter, which can select by a list's decisions."""
    where = condition_of(filters, "images")
    sql = f"SELECT DISTINCT image_id FROM images WHERE image_id IS NOT NULL AND ({where.sql})"
    found = index.query(sql, *where.values)["image_id"].combine_chunks()
    if not filters.decided:
        return found
    # As in the gallery: without a list there are no decisions.
    decisions = read_decisions(lake, filters.list_name) if filters.list_name else {}
    if filters.decided == "undecided":
        return found.filter(compute.invert(compute.is_in(found, value_set=pa.array(decisions, pa.string()))))
    chosen_decision = "keep" if filters.decided == "kept" else "drop"
    chosen = [image_id for image_id, decision in decisions.items() if decision == chosen_decision]
    return found.filter(compute.is_in(found, value_set=pa.array(chosen, pa.string())))


def check_known(services: Services, image_ids: Sequence[str], name: str) -> None:
    """Raise NotFoundError if an image is neither in the index nor in the named list, for example because it was erased.

    While the first index is being built, all image ids are accepted.
    """
    list_name(name)
    check_images(image_ids)
    if not image_ids:
        return
    try:
        index = index_of(services)
    except NotReadyError:
        return
    requested = pa.array(image_ids, pa.string())
    sql = "SELECT DISTINCT image_id FROM images WHERE image_id IN (SELECT unnest($1::VARCHAR[]))"
    known = index.query(sql, list(image_ids))["image_id"].combine_chunks()
    strange = requested.filter(compute.invert(compute.is_in(requested, value_set=known))).to_pylist()
    if strange and (rest := set(strange) - read_decisions(services.lake, name).keys()):
        raise NotFoundError(f"There is no image {min(rest)} here. Look at the gallery again.")


def kept_rows(services: Services, name: str) -> Iterator[Row]:
    """Returns the rows of the images that a named list keeps, with their sources, read from the lake.

    Only partitions that contain such images, according to the index, are read. Raises NotFoundError for an unknown
    list, NothingDoneError if it keeps no images, and any error of reading the first image, all before it returns.
    """
    image_ids = kept_in(find_list(services.lake, name))
    if not image_ids:
        raise NothingDoneError(f"The list {list_name(name)} keeps no image, so there is nothing to export.")
    rows = listed_images(services.lake, image_ids, services.settings.folder("media"), _cells(services, image_ids))
    return chain([next(rows)], rows)


def _cells(services: Services, image_ids: Sequence[str]) -> list[PostRange] | None:
    """Returns the accounts and months whose posts have these images, from the index; None without an index."""
    try:
        index = index_of(services)
    except NotReadyError:
        return None
    sql = (
        "SELECT account, min(day) AS first, max(day) AS last FROM images "
        "WHERE account IS NOT NULL AND image_id IN (SELECT unnest($1::VARCHAR[])) "
        "GROUP BY account, date_trunc('month', day) ORDER BY account, first"
    )
    return [PostRange(row["account"], (row["first"], row["last"])) for row in index.rows(sql, list(image_ids))]


def decisions_of(services: Services, name: str) -> Decisions:
    """Returns the user's keep/drop decisions of a named list, by image_id; empty if the list does not exist.

    Cached until the list changes, since every page of the gallery needs it. Raises StorageError for a damaged file.
    """
    if not name:
        return NO_DECISIONS
    root = services.lake
    paths = files(root, TABLE, [partition_of(list_name(name))])
    if not paths or not is_local(root):
        return read_decisions(root, name) if paths else NO_DECISIONS
    seen = stamp(paths[0], TABLE)
    key = paths[0].path
    known = _decisions.get(key)
    if known is None or known[0] != seen:
        known = seen, read_decisions(root, name)
        with _decisions_lock:
            _decisions.pop(key, None)
            _decisions[key] = known
            while len(_decisions) > _MOST_CACHED:
                del _decisions[next(iter(_decisions))]
    return known[1]


_MOST_CACHED = 4
_decisions: dict[str, tuple[str, Decisions]] = {}
_decisions_lock = Lock()
