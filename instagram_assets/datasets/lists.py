"""Named lists of images that users keep or drop by hand in the gallery, and that exports use.

The decisions of a list are stored in the table `overrides`, like those about search results, in the partition
`list:NAME`; no search can have such a name. Images are identified by their SHA-256, so that a list is still valid after
an image was downloaded again or clusters were recomputed. A list without a decision does not exist.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

import pyarrow as pa
from upath import UPath

from instagram_assets.arrow import compute
from instagram_assets.datasets.manual_overrides import (
    TABLE,
    OverrideChange,
    change_overrides,
    check_decision,
    decide_each,
    overrides_of,
    without,
)
from instagram_assets.errors import DamagedError, ListError, NotFoundError
from instagram_assets.schemas import OVERRIDES
from instagram_assets.schemas.search import Decision, Override
from instagram_assets.storage.lake import read_table, values_in
from instagram_assets.storage.lake_writer import replace_cells
from instagram_assets.storage.layout import folder_name

PREFIX = "list:"
"""Prefix of the partition key of a list; no search has it, since names of searches contain no colon."""
LONGEST_NAME = 64
"""Maximum characters of a list's name."""
_LONGEST_FOLDER = 255
"""Maximum bytes of a folder's name on common file systems."""
_IMAGE_ID = re.compile(r"[0-9a-f]{64}")
_SHOWN_NAMES = 20


class ListCount(NamedTuple):
    """A list with the numbers of images kept and dropped; `problem` is the error message if its file is damaged."""

    name: str
    kept: int
    dropped: int
    problem: str = ""


class Changed(NamedTuple):
    """The result of a change to a list: its new counts, and the previous decisions about the changed images.

    `before` are the previous decisions by image_id, None if there was none, and `earlier` their rows. `found` is the
    number of images to which the decision was to apply; `left` is the number of those that stay dropped since a user
    had dropped them by hand.
    """

    now: ListCount
    before: dict[str, Decision | None]
    found: int
    earlier: pa.Table
    left: int = 0

    @property
    def undo(self) -> dict[str, Override | None]:
        """The argument of `decide_about` that undoes the change: the previous decisions with time and reason."""
        said = overrides_of(self.earlier)
        return {image_id: said.get(image_id) for image_id in self.before}


def list_name(text: str) -> str:
    """Returns a list's normalized name: NFC, without leading and trailing spaces. Raises ListError if it is invalid."""
    name = unicodedata.normalize("NFC", text).strip(" ")
    is_plain = all(sign in "-_ " or unicodedata.category(sign)[0] in "LMN" for sign in name)
    if not name or not is_plain or unicodedata.category(name[0])[0] not in "LN" or len(name) > LONGEST_NAME:
        raise ListError(
            f"{text[:80]!a}: no list is called so. A name begins with a letter or digit of any script, has only "
            f"these, -, _ and spaces, and at most {LONGEST_NAME} of them."
        )
    if (size := _size(partition_of(name))) > _LONGEST_FOLDER:
        raise ListError(
            f"{name}: too long for a list, whose name is that of a folder of the lake: {size} bytes, of which "
            f"{_LONGEST_FOLDER} are allowed. Choose a shorter one; letters of some scripts take up to four bytes each."
        )
    return name


def fits(partition: str) -> bool:
    """Whether NAME in a partition `list:NAME` is short enough for a list name, and the partition for a folder name."""
    return len(partition) <= len(PREFIX) + LONGEST_NAME and _size(partition) <= _LONGEST_FOLDER


def partition_of(name: str) -> str:
    """Returns the partition of `overrides` for the list of this name."""
    return PREFIX + name


def is_list(partition: str) -> bool:
    """Whether a partition of `overrides` belongs to a list rather than to a search."""
    return partition.startswith(PREFIX)


def list_names(root: UPath) -> list[ListCount]:
    """Returns all lists with their counts, sorted by name; in a damaged list `problem` is set."""
    names = sorted(value.removeprefix(PREFIX) for value in values_in(root, TABLE) if is_list(value))
    return [count for count in (_count(root, name) for name in names) if count.kept or count.dropped or count.problem]


def read_list(root: UPath, name: str) -> dict[str, Override]:
    """Returns a list's decisions by image_id; empty if it does not exist. Raises StorageError for a damaged file."""
    return overrides_of(read_table(root, TABLE, [partition_of(list_name(name))]))


def read_decisions(root: UPath, name: str) -> dict[str, Decision]:
    """Returns image_id → decision of a list, without time and reason; reads a million images per second."""
    rows = read_table(root, TABLE, [partition_of(list_name(name))], columns=["image_id", "decision"])
    return dict(zip(rows["image_id"].to_pylist(), rows["decision"].to_pylist(), strict=True))


def find_list(root: UPath, name: str) -> dict[str, Override]:
    """Returns a list's decisions by image_id. Raises NotFoundError, with the names of all lists, if there is none."""
    found = read_list(root, name)
    if not found:
        raise NotFoundError(f"There is no list {list_name(name)!r}. {_told(list_names(root))}")
    return found


def kept_in(overrides: Mapping[str, Override]) -> list[str]:
    """Returns the image_ids with a keep decision, in the order in which they were decided."""
    kept = [(override.decided_at, image_id) for image_id, override in overrides.items() if override.decision == "keep"]
    return [image_id for _, image_id in sorted(kept)]


def decide(
    root: UPath, name: str, image_ids: Iterable[str], decision: Decision | None, why: str, at: datetime
) -> Changed:
    """Keep or drop images in a list, or revoke earlier decisions (`decision` None); creates the list if needed.

    `at` is the timestamp of the decision (timezone-aware). Concurrent decisions about different images are both stored.
    Raises ListError for an invalid list name or image_id, SearchRequestError for an unknown decision.
    """
    return decide_about(root, name, dict.fromkeys(image_ids, decision), why, at)


def decide_about(
    root: UPath, name: str, decisions: Mapping[str, Decision | Override | None], why: str, at: datetime
) -> Changed:
    """Store one decision per image in a list, or revoke the earlier one (None); creates the list if needed.

    `decisions` maps each image_id to its decision: `keep` or `drop` is stored with the reason `why` and the time `at`,
    an `Override` unchanged, with its own. To undo an earlier change, pass its `Changed.undo`. Raises ListError and
    SearchRequestError like `decide`.
    """
    name = list_name(name)
    check_images(decisions)
    for said in {*decisions.values()} or {None}:
        decision, reason = (said.decision, said.why) if isinstance(said, Override) else (said, why)
        check_decision(decision, reason)
    made = {said: Override(said, why.strip(), at) for said in decisions.values() if isinstance(said, str)}
    whole = {each: made[said] if isinstance(said, str) else said for each, said in decisions.items()}
    done = decide_each(root, partition_of(name), whole)
    return _changed(name, done, pa.array(decisions, pa.string()), len(decisions))


def decide_found(
    root: UPath, name: str, image_ids: pa.Array, decision: Decision | None, why: str, at: datetime
) -> Changed:
    """Apply one decision to all images of a query result; `keep` does not apply to images that were dropped by hand.

    Images that already have the decision keep their row and reason; `before` of the result has only the changed images.
    """
    name = list_name(name)
    check_decision(decision, why)
    partition, wanted = partition_of(name), image_ids.cast(pa.string()).drop_null().unique()
    tried: list[tuple[pa.Array, int]] = []

    def change(old: pa.Table) -> pa.Table:
        same = compute.equal(old["decision"], decision or "")
        dropped = compute.equal(old["decision"], "drop" if decision == "keep" else "")
        new = _not_in(wanted, old.filter(compute.or_(same, dropped)))
        if decision is None:
            new = new.filter(compute.is_in(new, value_set=old["image_id"].combine_chunks()))
        tried.append((new, len(wanted) - len(_not_in(wanted, old.filter(dropped)))))
        if decision is None:
            return without(old, new)
        said = {"search": partition, "decision": decision, "why": why.strip(), "decided_at": at}
        columns = {
            name: pa.repeat(pa.scalar(value, OVERRIDES.schema.field(name).type), len(new))
            for name, value in said.items()
        }
        rows = pa.table(columns | {"image_id": new}).select(OVERRIDES.schema.names).cast(OVERRIDES.schema)
        return pa.concat_tables([without(old, new), rows])

    done = change_overrides(root, partition, change)
    new, left = tried[-1]
    return _changed(name, done, new, len(wanted), left)


def delete_list(root: UPath, name: str) -> ListCount:
    """Delete a list's decisions and return its previous counts; image files are not deleted.

    Raises NotFoundError if the list does not exist. A damaged list is deleted too; its counts are then unknown.
    """
    name = list_name(name)
    if (count := _count(root, name)).problem:
        replace_cells(root, TABLE, [partition_of(name)], None, OVERRIDES.empty())
        return count
    done = change_overrides(root, partition_of(name), lambda old: old.slice(0, 0))
    if not done.before.num_rows:
        raise NotFoundError(f"There is no list {name!r}. {_told(list_names(root))}")
    return count_of(name, done.before)


def check_images(image_ids: Iterable[str]) -> None:
    """Raise ListError if one of these strings is not an image_id: 64 lower-case hexadecimal digits."""
    for image_id in image_ids:
        if not _IMAGE_ID.fullmatch(image_id):
            raise ListError(f"{image_id[:80]!a}: no image_id. It is the SHA-256 of the image: 64 digits 0-9 and a-f.")


def count_of(name: str, rows: pa.Table) -> ListCount:
    """Returns a list's numbers of kept and dropped images, from its rows in `overrides`."""
    kept = compute.sum(compute.equal(rows["decision"], "keep"), min_count=0).as_py() or 0
    return ListCount(name, kept, rows.num_rows - kept)


def count_said(name: str, said: Mapping[str, Override]) -> ListCount:
    """Returns a list's numbers of kept and dropped images, from its decisions by image_id."""
    kept = sum(override.decision == "keep" for override in said.values())
    return ListCount(name, kept, len(said) - kept)


def _count(root: UPath, name: str) -> ListCount:
    try:
        return count_of(name, read_table(root, TABLE, [partition_of(name)], columns=["decision"]))
    except DamagedError as error:
        return ListCount(name, 0, 0, str(error))


def _size(partition: str) -> int:
    """Returns the length in bytes of the folder name in which a partition is stored."""
    return len(folder_name(partition).encode())


def _not_in(image_ids: pa.Array, rows: pa.Table) -> pa.Array:
    return image_ids.filter(compute.invert(compute.is_in(image_ids, value_set=rows["image_id"].combine_chunks())))


def _changed(name: str, done: OverrideChange, image_ids: pa.Array, found: int, left: int = 0) -> Changed:
    place = compute.index_in(image_ids, value_set=done.before["image_id"].combine_chunks())
    said = done.before["decision"].combine_chunks().take(place)
    before = dict(zip(image_ids.to_pylist(), said.to_pylist(), strict=True))
    return Changed(count_of(name, done.now), before, found, done.before.take(place.drop_null()), left)


def _told(lists: list[ListCount]) -> str:
    if not lists:
        return "No list was made yet: keep an image in the gallery, and it is in one."
    more = f", and {len(lists) - _SHOWN_NAMES} more" if len(lists) > _SHOWN_NAMES else ""
    return f"There are: {', '.join(each.name for each in lists[:_SHOWN_NAMES])}{more}."
