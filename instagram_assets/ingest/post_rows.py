"""Conversion of posts and reels of any format to rows of POSTS_RAW, in batches whose rows do not depend on each other.

Each column is parsed as a whole: if a fast check shows that it is clean, it is used unchanged, else value by value.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import chain, repeat
from typing import Any, NamedTuple

import pyarrow as pa

from instagram_assets.calendar import day_of
from instagram_assets.errors import RecordError
from instagram_assets.ingest import clean_columns, field_values, post_ids
from instagram_assets.ingest.formats.comment_detection import public
from instagram_assets.ingest.formats.field_mapping import Part, Picture, PostMapping
from instagram_assets.ingest.post_ids import account_from_url, shortcode_from_url
from instagram_assets.ingest.record_source import OBSERVED_FIELDS, RecordSource, observed_at_of
from instagram_assets.ingest.timestamps import parse_timestamp
from instagram_assets.privacy.forgotten_identifiers import ERASED_URL
from instagram_assets.privacy.table_scrub import caption_hash
from instagram_assets.schemas import MEDIA, POSTS_RAW
from instagram_assets.schemas.posts import are_likes_hidden, visible_likes

FieldRule = Callable[[Any, str, list[str]], Any]
ColumnCheck = Callable[[Sequence[Any], set[type]], bool]

# Position, kind, URL, width, height.
MediaTuple = tuple[int, str, str, int | None, int | None]

MAX_MEDIA = 2 * field_values.LIST_LIMIT


class PostRows(NamedTuple):
    """Rows of valid posts in order, errors of rejected posts by index in the batch, names of fields without a column.

    `kinds` has the kind (`post` or `reel`) of each post, including rejected ones.
    """

    rows: pa.Table
    errors: dict[int, RecordError]
    unknown: set[str]
    kinds: list[str]


def to_post_rows(parts: Sequence[Part], indexes: Sequence[int], mapping: PostMapping, source: RecordSource) -> PostRows:
    """Convert posts of one format to rows of POSTS_RAW; `indexes` are the positions of their records in the file."""
    rows = _Rows(parts, mapping)
    taken_at = rows.column("taken_at", _moment(source))
    # Bad rows get a dummy day until they are dropped below.
    days = [when and day_of(when, source.zone) for when in taken_at]
    owner = rows.column("owner", _optional_account, by_value=True)
    likes, likes_hidden = rows.likes()
    types = rows.column("type", _type(mapping), by_value=True)
    shortcodes = rows.column("shortcode", _identifier, clean_columns.are_identifiers)
    columns: dict[str, Any] = {
        "account": rows.accounts(owner),
        "day": days,
        "owner": owner,
        "taken_at": taken_at,
        "post_id": rows.post_ids(shortcodes),
        "shortcode": shortcodes,
        "owner_id": rows.column("owner_id", _identifier, clean_columns.are_identifiers),
        "owner_full_name": rows.column("owner_full_name", field_values.parse_label, clean_columns.are_texts),
        "type": types,
        "kind": ["reel" if mapping.is_reel(part.record, source.file) else "post" for part in parts],
        "product_type": rows.column("product_type", field_values.parse_label, clean_columns.are_texts),
        **rows.captions(),
        "likes": likes,
        "likes_hidden": likes_hidden,
        "comments": rows.column("comments", field_values.parse_count, clean_columns.are_counts),
        "views": rows.column("views", field_values.parse_count, clean_columns.are_counts),
        "plays": rows.column("plays", field_values.parse_count, clean_columns.are_counts),
        "shares": rows.column("shares", field_values.parse_count, clean_columns.are_counts),
        "duration": rows.column("duration", field_values.parse_seconds, clean_columns.are_seconds),
        "width": rows.column("width", field_values.parse_size, clean_columns.are_sizes),
        "height": rows.column("height", field_values.parse_size, clean_columns.are_sizes),
        "url": rows.column("url", field_values.parse_url, clean_columns.are_urls),
        "location": rows.column("location", field_values.parse_label, clean_columns.are_texts),
        "alt": rows.column("alt", field_values.parse_label, clean_columns.are_texts),
        "pinned": [bool(flag) for flag in rows.column("pinned", field_values.parse_flag, clean_columns.are_flags)],
        "sponsored": rows.column("sponsored", field_values.parse_flag, clean_columns.are_flags),
        "comments_disabled": rows.column("comments_disabled", field_values.parse_flag, clean_columns.are_flags),
        "coauthors": rows.people("coauthors"),
        "tagged": rows.people("tagged"),
        "media": rows.media(types),
        **rows.rest(source, taken_at),
        "warnings": rows.warnings,
        "source_file": pa.repeat(source.file, len(parts)),
        "source_sha256": pa.repeat(source.sha256, len(parts)),
        "source_index": indexes,
    }
    arrays = [_array(columns[field.name], field.type) for field in POSTS_RAW.schema]
    table = pa.Table.from_arrays(arrays, schema=POSTS_RAW.schema)
    if rows.errors:
        table = table.filter(pa.array([row not in rows.errors for row in range(len(parts))]))
    return PostRows(table, rows.errors, rows.unknown, columns["kind"])


class _Rows:
    """A batch of posts of one format during conversion to columns, with the warnings and the error of each post."""

    def __init__(self, parts: Sequence[Part], mapping: PostMapping) -> None:
        self.parts = parts
        self.mapping = mapping
        self.records = [part.record for part in parts]
        self.warnings: list[list[str]] = [[] for _ in parts]
        self.errors: dict[int, RecordError] = {}
        self.keys = set[str]().union(*self.records)
        self.unknown = self.keys - mapping.known

    def column(
        self, name: str, rule: FieldRule, is_clean: ColumnCheck | None = None, *, by_value: bool = False
    ) -> list[Any]:
        """Return one column, each value parsed by `rule`; null in rows with an error.

        A column that `is_clean` accepts is returned unchanged. With `by_value`, for columns with few distinct strings,
        the rule is applied only once to each distinct string.
        """
        column = self._received(name)
        kinds = set(map(type, column))
        if is_clean and is_clean(column, kinds):
            return column
        if by_value and kinds == {str}:
            answers = self._answers(name, set(column), rule)
            if answers:
                return [answers[value] for value in column]
        place = self.mapping.only_path(name)
        if place is None:
            return [self._ask(row, name, value, rule) for row, value in enumerate(column)]
        answered: list[Any] = []
        for value, said in zip(column, self.warnings, strict=True):
            try:
                answered.append(rule(value, place, said))
            except RecordError as error:
                self._fail(len(answered), error)
                answered.append(None)
        return answered

    def post_ids(self, shortcodes: Sequence[str | None]) -> list[str | None]:
        """Return the posts' ids; ids that a program rounded are computed from their shortcodes."""
        ids: list[str | None] = self.column("post_id", _post_id, clean_columns.are_numeric_ids)
        codes = shortcodes
        if None in codes:
            codes = [code or shortcode_from_url(url) for code, url in zip(codes, self._received("url"), strict=True)]
        others, untold = post_ids.restore_ids(ids, codes)
        for row, number in others.items():
            name = self.mapping.name("post_id", self.records[row])
            self.warnings[row].append(f"{name}: {ids[row]} is not the post of {codes[row]}, which is {number}")
            ids[row] = number
        if untold:
            self._say_rounded(untold)
        return ids

    def accounts(self, owners: Sequence[str | None]) -> list[str | None]:
        """Return each post's account: the one collected, from its context or the request's URL, else its owner."""
        requested = self._received("account")
        found = [
            part.account or account_from_url(address) or owner
            for part, address, owner in zip(self.parts, requested, owners, strict=True)
        ]
        for row, account in enumerate(found):
            if account is None:
                self._fail(row, RecordError(self.mapping.name("owner", self.records[row]), field_values.MISSING))
        return found

    def likes(self) -> tuple[list[int | None], list[bool]]:
        """Return two columns: the number of likes (null if hidden), and whether they are hidden.

        Likes are hidden if the record has -1 for them, or if Instagram flags them as hidden.
        """
        likes = self.column("likes", field_values.parse_likes, clean_columns.are_counts)
        flags = self._received("likes_hidden")
        hidden = [are_likes_hidden(number, flag) for number, flag in zip(likes, flags, strict=True)]
        if any(hidden):
            likes = [visible_likes(number, is_hidden) for number, is_hidden in zip(likes, hidden, strict=True)]
        return likes, hidden

    def captions(self) -> dict[str, list[Any]]:
        """Return the column `caption` and the columns derived from it."""
        received = self._received("caption")
        texts = self.column("caption", field_values.parse_text, clean_columns.are_texts)
        tags, names = self._received("hashtags"), self._received("mentions")
        kept = [text and text[: field_values.CAPTION_LIMIT] for text in texts]
        return {
            "caption": kept,
            "caption_sha256": [caption_hash(value) for value in received],
            "caption_truncated": [text is not None and len(text) > field_values.CAPTION_LIMIT for text in texts],
            "hashtags": list(map(field_values.parse_hashtags, kept, tags, repeat("hashtags"), self.warnings)),
            "mentions": list(map(field_values.parse_mentions, kept, names, repeat("mentions"), self.warnings)),
        }

    def people(self, name: str) -> list[list[str]]:
        """Return a column of lists of account names, such as `coauthors`."""
        column = self._received(name)
        if not any(column):
            return [[] for _ in column]
        return [self._ask(row, name, value, field_values.parse_usernames) for row, value in enumerate(column)]

    def media(self, types: Sequence[str | None]) -> pa.Array:
        """Return the images and videos of each post in order, as the column `media`."""
        offsets, media = [0], list[MediaTuple]()
        for row, record in enumerate(self.records):
            pictures = self.mapping.pictures(record)
            said, before = self.warnings[row], len(media)
            for position, picture in enumerate(pictures):
                self._add_media(media, position, picture, said)
            if len(media) == before and ERASED_URL in map(str, chain.from_iterable(pictures)):
                said.append("media: a picture of it was forgotten")
            elif len(media) == before:
                self._cover(media, row, types[row], pictures)
            found = len(media) - before
            if found > MAX_MEDIA:
                said.append(f"media: more than {MAX_MEDIA}, the rest left out")
                del media[before + MAX_MEDIA :]
            offsets.append(len(media))
        columns = list(zip(*media, strict=True)) or [()] * 5
        fields = [MEDIA.value_type.field(place) for place in range(5)]
        arrays = [pa.array(column, field.type) for column, field in zip(columns, fields, strict=True)]
        structs = pa.StructArray.from_arrays(arrays, fields=fields)
        return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), structs, type=MEDIA)

    def rest(self, source: RecordSource, taken_at: Sequence[datetime | None]) -> dict[str, Any]:
        """Return the columns `observed_at` and `extra`, which holds the fields that have no column, as JSON."""
        said = [part.observed_at for part in self.parts]
        if not self.unknown.isdisjoint(OBSERVED_FIELDS):
            said = [
                observed_at_of(record, source, warnings) or moment
                for record, warnings, moment in zip(self.records, self.warnings, said, strict=True)
            ]
        self.unknown -= set(OBSERVED_FIELDS)
        extras = list[str | None]([None]) * len(said)
        if self.unknown and source.keep_extra:
            for row, record in enumerate(self.records):
                unknown = {key: record[key] for key in self.unknown if key in record}
                extras[row] = field_values.extra_as_json(public(unknown), self.warnings[row])
        return {"observed_at": list(map(source.observed, taken_at, said)), "extra": extras}

    def _received(self, name: str) -> list[Any]:
        places = self.mapping.fields.get(name, ())
        if any(place.partition(".")[0] in self.keys for place in places) or name in self.mapping.derived:
            return self.mapping.column(name, self.records)
        return [None] * len(self.records)

    def _say_rounded(self, rows: Sequence[int]) -> None:
        """Add a warning to posts whose id has lost digits that cannot be restored."""
        received = self._received("post_id")
        for row in rows:
            digits = post_ids.certain_digits(received[row])
            if digits is None:
                continue
            name, value = self.mapping.name("post_id", self.records[row]), repr(received[row])[:40]
            if digits < post_ids.SPREADSHEET_DIGITS:
                remedy = "export ids as text, or with the shortcode or the address of each post"
                self._fail(row, RecordError(name, f"{value} has lost all but {digits} digits: {remedy}"))
            else:
                self.warnings[row].append(f"{name}: a number as inexact as {value} may be another post's")

    def _cover(self, media: list[MediaTuple], row: int, kind: str | None, pictures: Sequence[Picture]) -> None:
        """Add the cover image to an album without usable media, with a warning; without a cover, reject the post.

        Formats in which media are optional get a warning instead.
        """
        image, _, children = self.mapping.media_fields
        without, before = RecordError(image, field_values.MISSING), len(media)
        if kind == "sidecar":
            why = "no child has an address" if pictures else "a sidecar without children or images"
            without = RecordError(children, why)
            self._add_media(media, 0, self.mapping.cover(self.records[row]), self.warnings[row])
        if len(media) > before:
            self.warnings[row].append(f"{without}, only its cover is known")
        elif self.mapping.bare:
            self.warnings[row].append(f"{image}: no picture is known, {self.mapping.bare}")
        else:
            self._fail(row, without)

    def _add_media(self, media: list[MediaTuple], position: int, picture: Picture, said: list[str]) -> None:
        image, video, width, height = picture
        image_field, video_field, _ = self.mapping.media_fields
        width, height = field_values.parse_size(width, "width", []), field_values.parse_size(height, "height", [])
        if image != ERASED_URL and (address := field_values.parse_url(image, image_field, said)):
            media.append((position, "image", address, width, height))
        if video and video != ERASED_URL and (address := field_values.parse_url(video, video_field, said)):
            media.append((position, "video", address, width, height))

    def _ask(self, row: int, name: str, value: object, rule: FieldRule) -> Any:
        try:
            return rule(value, self.mapping.name(name, self.records[row]), self.warnings[row])
        except RecordError as error:
            self._fail(row, error)
            return None

    def _answers(self, name: str, column: set[str], rule: FieldRule) -> dict[str, Any]:
        """Return the parsed value for each distinct value in `column`.

        Empty if any value causes a warning or an error, which must be added row by row.
        """
        said: list[str] = []
        try:
            answers = {value: rule(value, name, said) for value in column}
        except RecordError:
            return {}
        return {} if said else answers

    def _fail(self, row: int, error: RecordError) -> None:
        # Without its traceback, which would keep the whole batch in memory.
        self.errors.setdefault(row, error.with_traceback(None))


def _moment(source: RecordSource) -> FieldRule:
    def rule(value: object, name: str, said: list[str]) -> datetime:
        return parse_timestamp(value, name, said, source.zone, source.first_seen)

    return rule


def _type(mapping: PostMapping) -> FieldRule:
    def rule(value: object, name: str, _: list[str]) -> str | None:
        return (
            None
            if mapping.bare and field_values.is_missing(value)
            else field_values.parse_choice(value, name, mapping.types)
        )

    return rule


def _post_id(value: object, name: str, _: list[str]) -> str:
    return post_ids.normalized_id(field_values.parse_identifier(value, name))


def _identifier(value: object, name: str, said: list[str]) -> str | None:
    try:
        return field_values.parse_optional_identifier(value, name)
    except RecordError as error:
        said.append(f"{error}, taken as unknown")
        return None


def _optional_account(value: object, name: str, _: list[str]) -> str | None:
    return None if field_values.is_missing(value) else field_values.parse_account_name(value, name)


def _array(column: Any, kind: pa.DataType) -> Any:
    if isinstance(column, pa.Array):
        return column
    if column[0] is None and not any(value is not None for value in column):
        return pa.nulls(len(column), kind)
    return pa.array(column, kind)
