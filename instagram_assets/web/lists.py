"""Lists of images as the gallery works with them: which images a filter finds, and whether an image is known at all."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from itertools import chain

import pyarrow as pa
from upath import UPath

from instagram_assets.arrow import compute
from instagram_assets.datasets.list_images import Cell, Row, listed_images
from instagram_assets.datasets.lists import check_images, find_list, kept_in, list_name, read_decisions
from instagram_assets.errors import NotFoundError, NothingDoneError, NotReadyError, QueryError
from instagram_assets.lake_index.filters import Filter
from instagram_assets.lake_index.reading import LakeIndex
from instagram_assets.lake_index.selecting import where_of
from instagram_assets.web.index_service import index_of
from instagram_assets.web.services import Services


def filter_of(given: Mapping[str, Sequence[str]]) -> Filter:
    """The filter of fields that somebody wrote. Raises QueryError also for a field that there is not, and for several
    values of one that takes one: something else than was meant would be found.
    """
    known = [field.name for field in fields(Filter)]
    if strange := [name for name in given if name not in known]:
        raise QueryError(f"filter has no field {strange[0][:80]!a}. It has: {', '.join(known)}.")
    for name, said in given.items():
        if len(said) > 1 and not isinstance(getattr(Filter(), name), tuple):
            raise QueryError(f"{name}: {len(said)} values, and it takes one.")
    return Filter.of(given)


def found_images(lake: UPath, index: LakeIndex, wanted: Filter) -> pa.Array:
    """The image_id of every stored image that a filter finds, each once; `list_name` and `decided` count as well."""
    where = where_of(wanted, "images")
    sql = f"SELECT DISTINCT image_id FROM images WHERE image_id IS NOT NULL AND ({where.sql})"
    found = index.ask(sql, *where.values)["image_id"].combine_chunks()
    if not wanted.decided:
        return found
    # As in the gallery: where no list is named, nothing is kept or dropped.
    decisions = read_decisions(lake, wanted.list_name) if wanted.list_name else {}
    if wanted.decided == "undecided":
        return found.filter(compute.invert(compute.is_in(found, value_set=pa.array(decisions, pa.string()))))
    said = "keep" if wanted.decided == "kept" else "drop"
    chosen = [image_id for image_id, decision in decisions.items() if decision == said]
    return found.filter(compute.is_in(found, value_set=pa.array(chosen, pa.string())))


def check_known(services: Services, image_ids: Sequence[str], name: str) -> None:
    """Raise NotFoundError for an image that neither the index nor the list knows, such as one that was forgotten.

    While the first index is being made nobody can tell, and nothing is refused.
    """
    list_name(name)
    check_images(image_ids)
    if not image_ids:
        return
    try:
        index = index_of(services)
    except NotReadyError:
        return
    asked = pa.array(image_ids, pa.string())
    sql = "SELECT DISTINCT image_id FROM images WHERE image_id IN (SELECT unnest($1::VARCHAR[]))"
    known = index.ask(sql, list(image_ids))["image_id"].combine_chunks()
    strange = asked.filter(compute.invert(compute.is_in(asked, value_set=known))).to_pylist()
    if strange and (rest := set(strange) - read_decisions(services.lake, name).keys()):
        raise NotFoundError(f"There is no image {min(rest)} here. Look at the gallery again.")


def rows_of(services: Services, name: str) -> Iterator[Row]:
    """The images that a list keeps with where each came from, from the lake, at those places that the index names.

    Raises NotFoundError for a list that is not there, NothingDoneError for one that keeps nothing, and at once what
    reading the first image raises.
    """
    image_ids = kept_in(find_list(services.lake, name))
    if not image_ids:
        raise NothingDoneError(f"The list {list_name(name)} keeps no image, so there is nothing to export.")
    rows = listed_images(services.lake, image_ids, services.settings.folder("media"), _cells(services, image_ids))
    return chain([next(rows)], rows)


def _cells(services: Services, image_ids: Sequence[str]) -> list[Cell] | None:
    """The accounts and months of these images; null while nobody knows."""
    try:
        index = index_of(services)
    except NotReadyError:
        return None
    sql = (
        "SELECT account, min(day) AS first, max(day) AS last FROM images "
        "WHERE account IS NOT NULL AND image_id IN (SELECT unnest($1::VARCHAR[])) "
        "GROUP BY account, date_trunc('month', day) ORDER BY account, first"
    )
    return [Cell(row["account"], (row["first"], row["last"])) for row in index.rows(sql, list(image_ids))]
