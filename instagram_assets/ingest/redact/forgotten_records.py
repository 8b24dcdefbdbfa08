"""Tests whether a record, or an object in one, is about an account or post that was erased on request.

The subject of a record is found by the format parsers themselves, so that exactly the rows that `ingest` would create
are removed.
"""

import re
from typing import Any

from instagram_assets.errors import InstagramAssetsError
from instagram_assets.ingest.formats import ads, comment_detection, nested_posts
from instagram_assets.ingest.formats.field_mapping import AdMapping, FieldMapping, Part, PostMapping, value_at
from instagram_assets.ingest.formats.registry import format_of
from instagram_assets.ingest.post_ids import account_from_url, post_id_from_url, post_id_of, shortcode_from_url
from instagram_assets.ingest.reader.json_values import Record
from instagram_assets.ingest.reader.unflatten import nested
from instagram_assets.ingest.record_source import RecordSource
from instagram_assets.privacy.forgotten_identifiers import Forgotten, IdentifierKind

NAME_KEYS = frozenset(("username", "userName", "user_name", "ownerUsername", "account", "author"))
"""Fields that contain an account name, in its own records and where other records mention it."""

_IDS: tuple[IdentifierKind, ...] = ("post_id", "profile_id", "shortcode", "image")
_FRACTION = re.compile(r"\.0+\Z")
_TAG_PAGE = re.compile(r"/explore/(?:tags/|search/keyword/\?q=%23)([^/?&#]+)")
# Paths at which records of any format, including comments, stories and errors, name their subject.
_NAMES = (
    *("username", "userName", "ownerUsername", "owner_username", "account", "source_account", "author"),
    *("owner.username", "user.username", "author.username", "from.username", "node.username", "node.owner.username"),
)
_ADDRESSES = ("inputUrl", "profileUrl", "ownerUrl")
_OWNER_IDS = (
    *("ownerId", "owner_id", "profile_id", "profileId", "user_id", "owner.id", "owner.pk", "user.id", "user.pk"),
    *("from.id", "author.id", "node.owner.id"),
)
_POSTS = ("postUrl", "permalink", "post_url", "url", "commentUrl")


class ErasureMatcher:
    """Tests records of one source for accounts and posts that were erased on request.

    `source` gives the owner of records that do not name their owner.
    """

    def __init__(self, forgotten: Forgotten, source: RecordSource) -> None:
        self._forgotten, self._source = forgotten, source

    def parts(self, record: Record) -> tuple[frozenset[int], bool]:
        """Return the `id()` of each object in a record that is an erased post or profile, and whether all of it is."""
        whole = nested(record)
        try:
            parts = list(format_of(whole)[1](whole, self._source))
        except (InstagramAssetsError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return frozenset(), False
        judged = [(part, self._is_forgotten(part)) for part in parts]
        gone = frozenset(id(part.record) for part, is_gone in judged if is_gone)
        return gone, id(whole) in gone or bool(judged and all(is_gone for _, is_gone in judged))

    def is_about(self, record: Record) -> bool:
        """True if a record of any kind, also a comment, story or error, names an erased account as its owner."""
        if any(self._is_account(value_at(record, path)) for path in _NAMES):
            return True
        if any(self._is_account(record.get(key)) for key in _ADDRESSES) or self._is_of_tag(record):
            return True
        if any(self._is_of("profile_id", value_at(record, path)) for path in _OWNER_IDS):
            return True
        return any(self._is_code(shortcode_from_url(record.get(key))) for key in _POSTS)

    def is_forgotten_record(self, record: Record) -> bool:
        """True if an object, anywhere in a record, is an erased post, or a comment that is about an erased account."""
        if (mapping := _post_shape(record)) is not None and self._is_forgotten_post(mapping, record):
            return True
        return comment_detection.is_comment(record) and self.is_about(record)

    def is_person(self, record: Record) -> bool:
        """True for an object, other than a post, that describes an erased account: a user with its name or id."""
        if any(self._is_account(record.get(key)) for key in NAME_KEYS):
            return not any(isinstance(record.get(key), dict | list) and record[key] for key in ("edges", "items"))
        is_user = "username" in record or "full_name" in record or record.keys() <= {"id", "pk", "pk_id"}
        return is_user and any(self._is_of("profile_id", record.get(key)) for key in ("id", "pk", "pk_id"))

    def is_id(self, text: str) -> bool:
        """True for an id, shortcode or image hash that was erased."""
        return any(self._forgotten.has(kind, text) for kind in _IDS)

    def _is_forgotten(self, part: Part) -> bool:
        has = self._forgotten.has
        if has("account", part.account):
            return True
        if isinstance(part.mapping, PostMapping):
            return self._is_forgotten_post(part.mapping, part.record)
        if isinstance(part.mapping, AdMapping):
            ad = ads.with_our_names(part.record)
            url = str(ad.get("url") or "")
            account = str(ad.get("account") or "").strip().removeprefix("@")
            first = url.partition("instagram.com/")[2].partition("/")[0]
            is_post = has("shortcode", shortcode_from_url(url)) or has("post_id", post_id_from_url(url))
            return is_post or has("account", account) or has("account", first)
        return self._says(part.mapping, part.record, "account", "account") or self._says(
            part.mapping, part.record, "profile_id", "profile_id"
        )

    def _is_forgotten_post(self, mapping: FieldMapping, record: Record) -> bool:
        pairs: tuple[tuple[str, IdentifierKind], ...] = (
            *(("owner", "account"), ("owner_id", "profile_id"), ("post_id", "post_id"), ("shortcode", "shortcode")),
            ("account", "account"),
        )
        if any(self._says(mapping, record, column, kind) for column, kind in pairs):
            return True
        # Code and id encode the same number, and the id may be rounded.
        codes = (_said(mapping, record, "shortcode"), shortcode_from_url(_said(mapping, record, "url")))
        return any(self._is_code(code) for code in codes) or self._is_of_tag(record)

    def _is_code(self, code: object) -> bool:
        if not isinstance(code, str) or not code:
            return False
        return self._forgotten.has("shortcode", code) or self._forgotten.has("post_id", _id_of(code))

    def _says(self, mapping: FieldMapping, record: Record, column: str, kind: IdentifierKind) -> bool:
        value = _said(mapping, record, column)
        if kind == "account":
            return self._is_account(value)
        text = _digits(value)
        return self._forgotten.has(kind, text) or self._forgotten.has(kind, text.partition("_")[0])

    def _is_account(self, value: object) -> bool:
        if not isinstance(value, str) or len(value) > 300:
            return False
        bare = value.strip().removeprefix("@")
        return self._forgotten.has("account", bare) or self._forgotten.has("account", account_from_url(value))

    def _is_of_tag(self, record: Record) -> bool:
        """True for a record that was collected from the page of an erased hashtag."""
        said = record.get("inputUrl")
        found = _TAG_PAGE.search(said) if isinstance(said, str) else None
        if not found:
            return False
        from urllib.parse import unquote

        return self._forgotten.has("account", f"#{unquote(found[1])}")

    def _is_of(self, kind: IdentifierKind, value: object) -> bool:
        return self._forgotten.has(kind, _digits(value))


def _post_shape(record: Record) -> PostMapping | None:
    """Return the field mapping of a post or story; None for any other object."""
    for _, recognise, mapping in nested_posts.POST_FORMATS:
        if recognise(record):
            return mapping
    return None


def _id_of(code: str) -> str | None:
    number = post_id_of(code)
    return None if number is None else str(number)


def _digits(value: object) -> str:
    """Return a numeric id as a string, even if pandas has turned it into a float; empty for an invalid id."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else ""
    return _FRACTION.sub("", str(value))


def _said(mapping: FieldMapping, record: Record, column: str) -> Any:
    try:
        return mapping.value(column, record)
    except (ValueError, LookupError, TypeError, AttributeError):
        return None
