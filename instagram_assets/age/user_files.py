"""A folder with one file of texts per user, CSV or JSON, as the collector of the age model's source wrote it."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pyarrow as pa

from instagram_assets.age.delimited import read_rows
from instagram_assets.age.texts import UserTexts, texts_table, user_texts
from instagram_assets.errors import FileError, RecordError
from instagram_assets.ingest.formats import graphql
from instagram_assets.ingest.formats.shapes import Part, PostShape
from instagram_assets.ingest.normalize import format_of
from instagram_assets.ingest.reader.json_values import BadRecord, Record
from instagram_assets.ingest.reader.records import bare_text, read_records
from instagram_assets.ingest.source import Source
from instagram_assets.ingest.values import without_surrogates
from instagram_assets.settings import IngestSettings

TEXT_COLUMNS = ("text", "caption")

_USER_FILE = re.compile(r"(?P<name>[^.].*)\.(?P<kind>csv|tsv|json|jsonl|ndjson)(\.gz|\.xz)?", re.IGNORECASE)
_LISTS = ("texts", "captions")
_REMEDY = "None of this file can be used: give texts or posts"


class _Caption(NamedTuple):
    """A post's text as received, who wrote it where the file says so, and what is wrong where it is no post."""

    text: object
    owner: object = None
    problem: str = ""


def texts_of_folder(
    folder: Path, usernames: Collection[str] | None = None, limits: IngestSettings | None = None
) -> pa.Table:
    """The texts of the users that have a file in a folder, or of `usernames`, as the columns of `USER_TEXTS`.

    Raises FileError when there is no such folder or no user file in it; a file that cannot be read is its user's
    `reason` and keeps nobody else waiting.
    """
    return texts_table(users_of_folder(folder, usernames, limits))


def users_of_folder(
    folder: Path, usernames: Collection[str] | None = None, limits: IngestSettings | None = None
) -> Iterator[UserTexts]:
    """As `texts_of_folder`, one user at a time, sorted by name or in the order of `usernames`.

    A user's files are `name.csv` with a column `text` or `caption`, and `name.json`: a list of texts or of posts of
    any format that `ingest` knows, an object with a list `texts`, or the source's `edge_owner_to_timeline_media`.
    The name may begin with @; its case does not matter. Both kinds may be packed with gzip or xz.
    """
    files = user_files(folder)
    for username in sorted(files) if usernames is None else usernames:
        yield _user(username, files.get(username, []), limits or IngestSettings())


def user_files(folder: Path) -> dict[str, list[Path]]:
    """The files of each user in a folder, by the user's name. Raises FileError when there are none."""
    if not folder.is_dir():
        raise FileError(str(folder), "is no folder", "Name a folder with a CSV or JSON file per user")
    files: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(folder.iterdir()):
        if named := _USER_FILE.fullmatch(path.name):
            files[without_surrogates(named["name"].removeprefix("@").lower())].append(path)
    if not files:
        raise FileError(
            str(folder), "there is no CSV or JSON file in it", "Put a file such as name.json per user there"
        )
    return files


def _user(username: str, files: list[Path], limits: IngestSettings) -> UserTexts:
    if not files:
        return UserTexts(username, [], reason="there is no file of this user")
    captions: list[_Caption] = []
    problems: list[str] = []
    for path in files:
        try:
            found = list(_read(path, limits))
        except FileError as error:
            problems.append(str(error))
            continue
        captions += found
        if found and all(caption.problem for caption in found):
            problems.append(f"{path}: {found[0].problem}. {_REMEDY}")
    own = [caption.text for caption in captions if not _by_another(caption.owner, username)]
    return user_texts(username, own, by_others=len(captions) - len(own), reason="; ".join(problems) or None)


def _by_another(owner: object, username: str) -> bool:
    return isinstance(owner, str) and owner.lower() != username


def _read(path: Path, limits: IngestSettings) -> Iterator[_Caption]:
    if {".csv", ".tsv"} & {suffix.lower() for suffix in path.suffixes[-2:]}:
        for row in read_rows(path, {"text": TEXT_COLUMNS}, (("text",),), limits):
            yield _Caption(row.cells.get("text"), problem=row.problem)
        return
    source = Source(path.name, "", datetime.now(UTC), ZoneInfo("UTC"))
    for index, record in read_records(path, limits):
        for caption in _captions(record, source):
            yield caption._replace(problem=f"record {index + 1}: {caption.problem}") if caption.problem else caption


def _captions(record: Record | BadRecord, source: Source) -> Iterator[_Caption]:
    """The posts in a record of any shape, or what is wrong with it."""
    if isinstance(record, BadRecord):
        text = bare_text(record)
        yield _Caption(text, problem="" if text is not None else str(record.error))
        return
    lists = [record[name] for name in _LISTS if isinstance(record.get(name), list)]
    if lists:
        for item in chain.from_iterable(lists):
            yield from _captions(item, source) if isinstance(item, dict) else [_Caption(item)]
        return
    name, opened = format_of(record)
    text = next((record[column] for column in TEXT_COLUMNS if column in record), None)
    if not name and text is not None:
        yield _Caption(text)
        return
    try:
        yield from (_caption(part) for part in opened(record, source) if isinstance(part.shape, PostShape))
    except RecordError as error:
        yield _Caption(None, problem=str(error))


def _caption(part: Part) -> _Caption:
    # The source kept so little of a node that it may not look like one.
    shape = graphql.POST if "edge_media_to_caption" in part.record else part.shape
    return _Caption(shape.value("caption", part.record), shape.value("owner", part.record))
