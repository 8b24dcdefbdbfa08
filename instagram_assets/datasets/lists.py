"""Named lists of images: what somebody keeps or drops by hand while looking through the gallery, taken by exports.

A list is kept in the table `overrides` beside what is decided about images of searches, in a partition `list:NAME`: no
search is called so. An image is in it by its hash, so that a list holds when the image is fetched again or its
clusters are made anew. A list about whose images nothing is decided any more is not there.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

import pyarrow as pa
from upath import UPath

from instagram_assets.arrow import compute
from instagram_assets.datasets.overrides import (
    TABLE,
    Decided,
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
"""What the partition of a list begins with; a search cannot be called so, as its name has no colon."""
LONGEST_NAME = 64
"""Characters."""
_LONGEST_FOLDER = 255
"""Bytes of a folder's name on common file systems."""
_IMAGE_ID = re.compile(r"[0-9a-f]{64}")
_SHOWN_NAMES = 20


class ListCount(NamedTuple):
    """A list, and how many images it keeps and drops; `problem` names its file where that is damaged."""

    name: str
    kept: int
    dropped: int
    problem: str = ""


class Changed(NamedTuple):
    """A list after somebody decided, and what it had said before of the images that they decided about.

    `found` counts these images, `left` those among them that stay dropped since somebody dropped them by hand;
    `earlier` are the rows that the list had of them.
    """

    now: ListCount
    before: dict[str, Decision | None]
    found: int
    earlier: pa.Table
    left: int = 0

    @property
    def undo(self) -> dict[str, Override | None]:
        """What `decide_about` takes to undo it: of each image all that was said of it, when and why as well."""
        said = overrides_of(self.earlier)
        return {image_id: said.get(image_id) for image_id in self.before}


def list_name(text: str) -> str:
    """The name as lists are called: NFC, without spaces around it. Raises ListError for what no list can be called."""
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
    """Whether the partition of a list, `list:NAME`, has a name that is not too long."""
    return len(partition) <= len(PREFIX) + LONGEST_NAME and _size(partition) <= _LONGEST_FOLDER


def partition_of(name: str) -> str:
    """The partition of `overrides` in which a list is kept."""
    return PREFIX + name


def is_list(partition: str) -> bool:
    """Whether a partition of `overrides` is a list's, and not a search's."""
    return partition.startswith(PREFIX)


def list_names(root: UPath) -> list[ListCount]:
    """All lists that there are, by name; one that is damaged says so and hides no other."""
    names = sorted(value.removeprefix(PREFIX) for value in values_in(root, TABLE) if is_list(value))
    return [count for count in (_count(root, name) for name in names) if count.kept or count.dropped or count.problem]


def read_list(root: UPath, name: str) -> dict[str, Override]:
    """What a list says of each image, by image_id; nothing of a list that is not there. Raises StorageError."""
    return overrides_of(read_table(root, TABLE, [partition_of(list_name(name))]))


def read_decisions(root: UPath, name: str) -> dict[str, Decision]:
    """As `read_list`, without when and why: a million images in a second."""
    rows = read_table(root, TABLE, [partition_of(list_name(name))], columns=["image_id", "decision"])
    return dict(zip(rows["image_id"].to_pylist(), rows["decision"].to_pylist(), strict=True))


def find_list(root: UPath, name: str) -> dict[str, Override]:
    """As `read_list`. Raises NotFoundError, which tells the lists that there are, for one that is not there."""
    found = read_list(root, name)
    if not found:
        raise NotFoundError(f"There is no list {list_name(name)!r}. {_told(list_names(root))}")
    return found


def kept_in(overrides: Mapping[str, Override]) -> list[str]:
    """The images that a list keeps, in the order in which somebody decided so."""
    kept = [(override.decided_at, image_id) for image_id, override in overrides.items() if override.decision == "keep"]
    return [image_id for _, image_id in sorted(kept)]


def decide(
    root: UPath, name: str, image_ids: Iterable[str], decision: Decision | None, why: str, at: datetime
) -> Changed:
    """Keep or drop images, or take back what was decided about them; the list is made when it is not there.

    `at` is when they decided, an aware time. Of two who decide at once about different images both are heard. Raises
    ListError for a name that no list has and what is no image_id, SearchRequestError for an unknown decision.
    """
    return decide_about(root, name, dict.fromkeys(image_ids, decision), why, at)


def decide_about(
    root: UPath, name: str, decisions: Mapping[str, Decision | Override | None], why: str, at: datetime
) -> Changed:
    """As `decide`, with a decision of its own for each image; one that is whole is taken as it is, with when and why.

    What `undo` of an earlier change says undoes that.
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
    """Decide about all images that something found; to keep them leaves those alone that the list drops by hand.

    Images about which the list says the same already stay as they are, with their reason; `before` is of those alone
    that changed.
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
    """Take a list away, and say what it was; images stay. Raises NotFoundError where there is none.

    One that is damaged goes as well, without anybody knowing what it was.
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
    """Raise ListError for what is not the SHA-256 of an image."""
    for image_id in image_ids:
        if not _IMAGE_ID.fullmatch(image_id):
            raise ListError(f"{image_id[:80]!a}: no image_id. It is the SHA-256 of the image: 64 digits 0-9 and a-f.")


def count_of(name: str, rows: pa.Table) -> ListCount:
    """How many images the rows of a list keep and drop."""
    kept = compute.sum(compute.equal(rows["decision"], "keep"), min_count=0).as_py() or 0
    return ListCount(name, kept, rows.num_rows - kept)


def count_said(name: str, said: Mapping[str, Override]) -> ListCount:
    """How many images a list that was read keeps and drops."""
    kept = sum(override.decision == "keep" for override in said.values())
    return ListCount(name, kept, len(said) - kept)


def _count(root: UPath, name: str) -> ListCount:
    try:
        return count_of(name, read_table(root, TABLE, [partition_of(name)], columns=["decision"]))
    except DamagedError as error:
        return ListCount(name, 0, 0, str(error))


def _size(partition: str) -> int:
    """Bytes of the folder's name."""
    return len(folder_name(partition).encode())


def _not_in(image_ids: pa.Array, rows: pa.Table) -> pa.Array:
    return image_ids.filter(compute.invert(compute.is_in(image_ids, value_set=rows["image_id"].combine_chunks())))


def _changed(name: str, done: Decided, image_ids: pa.Array, found: int, left: int = 0) -> Changed:
    place = compute.index_in(image_ids, value_set=done.before["image_id"].combine_chunks())
    said = done.before["decision"].combine_chunks().take(place)
    before = dict(zip(image_ids.to_pylist(), said.to_pylist(), strict=True))
    return Changed(count_of(name, done.now), before, found, done.before.take(place.drop_null()), left)


def _told(lists: list[ListCount]) -> str:
    if not lists:
        return "No list was made yet: keep an image in the gallery, and it is in one."
    more = f", and {len(lists) - _SHOWN_NAMES} more" if len(lists) > _SHOWN_NAMES else ""
    return f"There are: {', '.join(each.name for each in lists[:_SHOWN_NAMES])}{more}."
