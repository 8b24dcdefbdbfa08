"""The post texts (captions) of each account, from the table `posts` or from a folder with one file per user."""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pyarrow as pa

from instagram_assets.age.labels import read_csv_rows
from instagram_assets.age.predictions_csv import is_predictions_file
from instagram_assets.errors import FileError, RecordError
from instagram_assets.ingest import field_values
from instagram_assets.ingest.archive_layout import is_posts_file
from instagram_assets.ingest.archive_pictures import archive_owner
from instagram_assets.ingest.field_values import is_account_name, replace_surrogates
from instagram_assets.ingest.folder_scan import FolderContents
from instagram_assets.ingest.formats import graphql
from instagram_assets.ingest.formats.field_mapping import Part, PostMapping
from instagram_assets.ingest.normalize import format_of
from instagram_assets.ingest.reader.byte_streams import utf8_chunks
from instagram_assets.ingest.reader.json_values import BadRecord, Record
from instagram_assets.ingest.reader.record_reader import bare_text, read_records
from instagram_assets.ingest.record_source import RecordSource
from instagram_assets.schemas import TEXTS
from instagram_assets.settings import IngestSettings

USER_TEXTS = pa.schema([("username", pa.string()), ("texts", TEXTS), ("left_out", pa.int64()), ("reason", pa.string())])
"""One row per account: its texts, how many posts had none, and what is wrong; `reason` is null when nothing is."""

# Letters and digits that are part of an emoji: keycaps such as 1 + VS16 + U+20E3, and ℹ with VS16.
_EMOJI_PARTS = re.compile("[0-9#*]\ufe0f?\u20e3|.\ufe0f")
_BATCH = 10_000_000


class UserTexts(NamedTuple):
    """An account with its texts, the number of posts without text, and the reason for missing texts or read errors."""

    username: str
    texts: list[str]
    left_out: int = 0
    reason: str | None = None


def normalised_text(value: object) -> str | None:
    """A post's text in NFC without surrounding white space; None if it has no letter or digit, such as only emojis."""
    try:
        text = (field_values.parse_text(value, "text", []) or "").strip()
    except RecordError:
        return None
    if any(map(str.isalnum, text if text.isascii() else _EMOJI_PARTS.sub("", text))):
        return text
    return None


def user_texts(
    username: str, captions: Iterable[object], *, by_others: int = 0, reason: str | None = None
) -> UserTexts:
    """An account with its usable captions; `by_others` counts posts in its timeline by other authors."""
    received = list(captions)
    texts = [text for caption in received if (text := normalised_text(caption))]
    left_out = len(received) - len(texts) + by_others
    return UserTexts(username, texts, left_out, reason or (None if texts else _why_none(len(received), by_others)))


def texts_of_posts(posts: pa.Table | pa.RecordBatchReader) -> pa.Table:
    """The texts of each account's own posts (a table of `posts`), in the order in which accounts first appear.

    Posts by another owner in an account's timeline, such as collaborations, are ignored; posts of unknown owner are
    used. Returns the columns of `USER_TEXTS`.
    """
    captions: dict[str, list[str | None]] = defaultdict(list)
    by_others: Counter[str] = Counter()
    for batch in posts.to_batches() if isinstance(posts, pa.Table) else posts:
        for account, owner, caption in zip(
            *(batch.column(name).to_pylist() for name in ("account", "owner", "caption")), strict=True
        ):
            own = captions[account]
            if owner is None or owner == account:
                own.append(caption)
            else:
                by_others[account] += 1
    return texts_table(user_texts(name, own, by_others=by_others[name]) for name, own in captions.items())


def texts_table(users: Iterable[UserTexts]) -> pa.Table:
    """Converts accounts to a table with the columns of `USER_TEXTS`."""
    return pa.Table.from_batches(_batches(users), USER_TEXTS)


def _batches(users: Iterable[UserTexts]) -> Iterator[pa.RecordBatch]:
    """Yields batches of limited text size: an Arrow list<string> array holds at most 2 GiB."""
    held, size = list[UserTexts](), 0
    for user in users:
        held.append(user)
        size += sum(map(len, user.texts))
        if size >= _BATCH:
            yield _batch(held)
            held, size = [], 0
    if held:
        yield _batch(held)


def _batch(users: list[UserTexts]) -> pa.RecordBatch:
    columns = [pa.array(column, field.type) for column, field in zip(zip(*users, strict=True), USER_TEXTS, strict=True)]
    return pa.RecordBatch.from_arrays(columns, schema=USER_TEXTS)


def _why_none(total: int, by_others: int) -> str:
    if not total:
        return f"all of its {by_others} posts are by others" if by_others else "there are no posts"
    others = f", {by_others} more are by others" if by_others else ""
    return f"none of its {total} posts has words{others}"


TEXT_COLUMNS = ("text", "caption")

_USER_FILE = re.compile(r"(?P<name>[^.].*)\.(?P<kind>csv|tsv|json|jsonl|ndjson|xlsx)(\.gz|\.xz)?", re.IGNORECASE)
# Files that Instaloader and gallery-dl write for each post, in all their variants.
_OF_ONE_POST = re.compile(rb'"instaloader"\s*:\s*\{|"category"\s*:\s*"instagram"')
_LISTS = ("texts", "captions")
_REMEDY = "None of this file can be used: give texts or posts"


class _Caption(NamedTuple):
    """A post's text as received, its owner if known, and an error message if the record is not a post."""

    text: object
    owner: object = None
    problem: str = ""


@dataclass
class UserTextFolder:
    """The contents of a folder: the files of each user, and the post texts of each owner named in other files.

    `passed` counts ignored entries by type, such as `.txt` or `folder`.
    """

    limits: IngestSettings
    files: dict[str, list[Path]] = field(default_factory=lambda: defaultdict[str, list[Path]](list))
    posts: dict[str, list[object]] = field(default_factory=lambda: defaultdict[str, list[object]](list))
    passed: Counter[str] = field(default_factory=Counter[str])

    @property
    def names(self) -> list[str]:
        """The usernames, sorted."""
        return sorted({*self.files, *self.posts})

    def users(self, usernames: Collection[str] | None = None) -> Iterator[UserTexts]:
        """Yields the texts of each user, sorted by name, or of `usernames` in their order."""
        for username in self.names if usernames is None else usernames:
            yield _user(username, self.files.get(username, []), self.posts.get(username, []), self.limits)


def texts_of_folder(
    folder: Path, usernames: Collection[str] | None = None, limits: IngestSettings | None = None
) -> pa.Table:
    """The texts of the users that have a file in a folder, or of `usernames`, as the columns of `USER_TEXTS`.

    Raises FileError when the folder does not exist or has no user file; for an unreadable file, the user's
    `reason` is the error, and other users are not affected.
    """
    return texts_table(users_of_folder(folder, usernames, limits))


def users_of_folder(
    folder: Path, usernames: Collection[str] | None = None, limits: IngestSettings | None = None
) -> Iterator[UserTexts]:
    """Yields the texts of each user that has a file in a folder, sorted by name, or of `usernames` in their order.

    Errors as in `texts_of_folder`.
    """
    yield from scan_user_folder(folder, limits).users(usernames)


def scan_user_folder(folder: Path, limits: IngestSettings | None = None) -> UserTextFolder:
    """List the user files of a folder. Raises FileError if it contains no readable user file.

    A user's files are `name.csv` with a column `text` or `caption`, and `name.json`: a list of texts or of posts of any
    format that `ingest` knows, an object with a list `texts`, or Instagram's `edge_owner_to_timeline_media`. The name
    can begin with @ and is case-insensitive. Both formats can be compressed with gzip or xz. Posts are assigned to the
    owner stated in them, not to the file name, if the name is no valid username, if Instaloader or gallery-dl wrote the
    file for a single post, or if it is part of a data archive that a user downloaded from Instagram. Predictions and
    shares that were written into the folder are passed over.
    """
    if not folder.is_dir():
        raise FileError(str(folder), "is no folder", "Name a folder with a CSV or JSON file per user")
    found = UserTextFolder(limits or IngestSettings())
    for path in sorted(folder.iterdir()):
        if named := _USER_FILE.fullmatch(path.name):
            name = replace_surrogates(named["name"].removeprefix("@").lower())
            is_users = is_account_name(name) and not _is_of_archive(path) and not _is_of_one_post(path, found.limits)
            if named["kind"].lower() == "csv" and is_predictions_file(path):
                found.passed["of predictions"] += 1
            elif is_users or not _is_gathered(path, found):
                found.files[name].append(path)
        elif not path.name.startswith("."):
            found.passed["folder" if path.is_dir() else path.suffix.lower() or "without ending"] += 1
    if not found.names:
        problem = "; ".join(
            filter(None, ("there is no CSV or JSON file in it", FolderContents(passed=found.passed).others))
        )
        raise FileError(str(folder), problem, "Put a file such as name.json per user there, or the files of posts")
    return found


def _is_of_archive(path: Path) -> bool:
    """Whether a file name is one of the post files in a data archive that a user downloaded from Instagram."""
    return is_posts_file(f"media/{path.name}") and archive_owner(path) is not None


def _is_of_one_post(path: Path, limits: IngestSettings) -> bool:
    if {".csv", ".tsv", ".xlsx"} & {suffix.lower() for suffix in path.suffixes}:
        return False
    try:
        return bool(_OF_ONE_POST.search(next(utf8_chunks(path, limits), b"")))
    except FileError:
        return False


def _is_gathered(path: Path, found: UserTextFolder) -> bool:
    """Assign the posts of a file to their owners; False if none states an owner, so the file name is the username."""
    source = RecordSource(path.name, "", datetime.now(UTC), ZoneInfo("UTC"), path=path, find_owner=archive_owner)
    posts: dict[str, list[object]] = defaultdict(list)
    others = 0
    try:
        for _, record in read_records(path, found.limits):
            captions = list(_captions(record, source))
            for caption in captions:
                if isinstance(caption.owner, str):
                    posts[caption.owner.lower()].append(caption.text)
            others += any(not isinstance(caption.owner, str) for caption in captions)
    except FileError:
        return False
    for owner, texts in posts.items():
        found.posts[owner] += texts
    return bool(posts) or not others  # a profile alone is not a user's file, nor is an empty one


def _user(username: str, files: list[Path], posts: list[object], limits: IngestSettings) -> UserTexts:
    if not files and not posts:
        return UserTexts(username, [], reason="there is no file of this user")
    captions = [_Caption(text) for text in posts]
    problems: list[str] = []
    for path in files:
        try:
            found = list(_read(path, limits, username))
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


def _read(path: Path, limits: IngestSettings, username: str) -> Iterator[_Caption]:
    if {".csv", ".tsv"} & {suffix.lower() for suffix in path.suffixes[-2:]}:
        for row in read_csv_rows(path, {"text": TEXT_COLUMNS}, (("text",),), limits):
            yield _Caption(row.cells.get("text"), problem=row.problem)
        return
    source = RecordSource(path.name, "", datetime.now(UTC), ZoneInfo("UTC"), account=username)
    for index, record in read_records(path, limits):
        for caption in _captions(record, source):
            yield caption._replace(problem=f"record {index + 1}: {caption.problem}") if caption.problem else caption


def _captions(record: Record | BadRecord, source: RecordSource) -> Iterator[_Caption]:
    """Yields the posts in a record of any supported format, or the record's error."""
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
        yield from (_caption(part) for part in opened(record, source) if isinstance(part.mapping, PostMapping))
    except RecordError as error:
        yield _Caption(None, problem=str(error))


def _caption(part: Part) -> _Caption:
    # The original project stored so little of a node that it may not be recognised as one.
    mapping = graphql.POST if "edge_media_to_caption" in part.record else part.mapping
    return _Caption(mapping.value("caption", part.record), mapping.value("owner", part.record))
