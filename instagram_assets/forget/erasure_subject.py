"""The target of an erasure (account, hashtag, post or image), parsed from text, and its identifiers in the lake.

The identifiers of an account are its numeric id, its current and former names, its posts in any partition, and the
images and videos that only its rows reference. Posts of other accounts in the target's own partitions are deleted too,
but without a tombstone: they can be collected again for another account or hashtag.
"""

import hashlib
import re
import sqlite3
from collections.abc import Callable, Collection, Iterable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, NamedTuple

from instagram_assets.age.user_texts import normalised_text
from instagram_assets.errors import ForgetError
from instagram_assets.forget.lake_ownership import LakeOwnership, OwnershipRow
from instagram_assets.ingest.hashtags import HASHTAG_SIGNS
from instagram_assets.ingest.post_ids import post_id_of, shortcode_from_url, shortcode_of
from instagram_assets.media.url_index import LOCK_TIMEOUT
from instagram_assets.privacy.forgotten_identifiers import Identifiers, is_search_of
from instagram_assets.sources import account_and_hashtag_names
from instagram_assets.storage.fingerprints import url_identity

_TargetKind = Literal["account", "hashtag", "post", "image"]

_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".heic", ".mp4", ".mov")
_POST_ID = re.compile(r"\d{15,20}(_\d+)?")
_SHORTCODE = re.compile(r"(?=[A-Za-z0-9_-]*[A-Z-])[A-Za-z0-9_-]{5,64}")


class ErasureTarget(NamedTuple):
    """What is to be erased; `value` is an account name, a `#tag`, a post's id or shortcode, or an image's SHA-256."""

    kind: _TargetKind
    value: str

    def __str__(self) -> str:
        return f"@{self.value}" if self.kind == "account" else f"{self.kind} {self.value}".removeprefix("hashtag ")


def parse_target(
    text: str, media: Path, is_account: Callable[[str], bool], is_post: Callable[[str], bool]
) -> ErasureTarget:
    """Returns the target that a user names: `@name`, a name, `#tag`, a URL, an id, a shortcode, a SHA-256 or a file.

    `is_account` and `is_post` tell whether the lake has an account or post of that name, for words that could be
    either. `media` is the folder of image files. Raises ForgetError, with what to write instead, for any other text.
    """
    text = text.strip()
    if not text:
        raise ForgetError("nothing is named. Give an account, a #tag, the address of a post or the file of a picture.")
    if _SHA256.fullmatch(text):
        return ErasureTarget("image", text.lower())
    if code := shortcode_from_url(text):
        return ErasureTarget("post", code)
    if "explore/tags/" in text.lower() or text[0] in HASHTAG_SIGNS:
        return ErasureTarget("hashtag", f"#{_named(account_and_hashtag_names.parse_hashtag, text)}")
    if text.startswith("@") or "instagram.com" in text.lower():
        return ErasureTarget("account", _named(account_and_hashtag_names.parse_account_name, text))
    if is_account(text.casefold()):
        return ErasureTarget("account", text.casefold())
    if picture := _image_of_path(text, media):
        return ErasureTarget("image", picture)
    if is_post(text) or _POST_ID.fullmatch(text) or _SHORTCODE.fullmatch(text):
        return ErasureTarget("post", text.partition("_")[0] if _POST_ID.fullmatch(text) else text)
    return ErasureTarget("account", _named(account_and_hashtag_names.parse_account_name, text))


def _named(read: Callable[[str], str], text: str) -> str:
    try:
        return read(text)
    except ValueError as error:
        raise ForgetError(f"{text}: {error}.") from error


def _image_of_path(text: str, media: Path) -> str | None:
    """Returns the SHA-256 of an image given by its path; None if the text is not a path.

    The path is relative to the current folder or to the media folder. Raises ForgetError for a file that is missing or
    outside the media folder.
    """
    is_path = "/" in text or Path(text).suffix.lower() in _ENDINGS
    if not is_path:
        return None
    for path in (Path(text), media / text):
        if _SHA256.fullmatch(path.stem) and (path.parent == media / path.stem[:2] or not path.is_file()):
            return path.stem
        if path.is_file():
            with path.open("rb") as stream:
                found = hashlib.file_digest(stream, "sha256").hexdigest()
            if not path.resolve().is_relative_to(media.resolve()):
                raise ForgetError(
                    f"{text}: lies outside the media folder {media}. For its picture there, give {found}."
                )
            return found
    raise ForgetError(f"{text}: no such file, here or below {media}. An account of such a name is written with an @.")


_Pseudonym = Callable[[str], str]
_Aliases = Callable[[Identifiers], Identifiers]


@dataclass(frozen=True)
class ErasureSubject:
    """The data to erase: all its `identifiers`, those that get tombstones, and the SHA-256 of its captions.

    `is_known` tells whether the lake has data of the erasure target, `other_names` are further names of the same
    account, `was_erased_before` tells whether the target has a tombstone already.
    """

    target: ErasureTarget
    identifiers: Identifiers
    tombstoned: Identifiers
    text_hashes: frozenset[str] = frozenset()
    is_known: bool = True
    other_names: tuple[str, ...] = ()
    was_erased_before: bool = False


def collect_identifiers(
    target: ErasureTarget, ownership: LakeOwnership, media: Path, pseudonym: _Pseudonym, aliases: _Aliases
) -> ErasureSubject:
    """Returns all identifiers of a target in a lake and in the media folder.

    `pseudonym` maps a name to its replacement, `aliases` adds the pseudonyms under which an account's comments are
    stored. Raises StorageError when a table is damaged.
    """
    if target.kind == "image":
        return _image(target, ownership, media)
    if target.kind == "post":
        return _post(target, ownership, media)
    if target.kind == "hashtag":
        return _collection(target, ownership, media, pseudonym)
    return _account(target, ownership, media, pseudonym, aliases)


def _account(
    target: ErasureTarget, ownership: LakeOwnership, media: Path, pseudonym: _Pseudonym, aliases: _Aliases
) -> ErasureSubject:
    rows: list[OwnershipRow] = ownership.posts.to_pylist()
    names, numbers = _same_account(target.value, rows, ownership.profiles)
    own = [row for row in rows if _is_owned(row, names, numbers)]
    posts = {row["post_id"] for row in own if row["post_id"]}
    ads = {ad["ad_id"] for ad in ownership.ads if (ad["account"] or "") in names and ad["ad_id"]}
    said = list(
        ownership.posts_collected_by({row["account"] for row in own}, ("post_id", "account", "caption", "media"))
    )
    of_own = [row for row in said if row["post_id"] in posts]
    texts = {text for row in of_own if (text := normalised_text(row["caption"]))}
    addresses = {entry["url"] for row in of_own for entry in row["media"] or () if entry["url"]}
    tombstoned = Identifiers(
        accounts={name: pseudonym(name) for name in names},
        profile_ids=frozenset(numbers),
        post_ids=frozenset(posts | ads),
        shortcodes=frozenset(row["shortcode"] for row in own if row["shortcode"]),
        urls=frozenset(map(_identity, addresses)),
    )
    tombstoned = aliases(tombstoned)
    return _with_pictures(
        ErasureSubject(
            target,
            tombstoned,
            tombstoned,
            frozenset(hashlib.sha256(text.encode()).hexdigest() for text in texts),
            is_known=not ownership.account_names.isdisjoint(names) or bool(numbers),
            other_names=tuple(sorted(names - {target.value})),
        ),
        ownership,
        media,
    )


def _same_account(
    name: str, rows: Iterable[OwnershipRow], profiles: Iterable[OwnershipRow]
) -> tuple[set[str], set[str]]:
    """Returns all names of an account, in lower case, and its numeric ids, which do not change on renaming."""
    pairs = {((row["owner"] or "").casefold(), row["owner_id"]) for row in rows if row["owner_id"] and row["owner"]}
    pairs |= {(row["account"], row["profile_id"]) for row in profiles if row["profile_id"]}
    names, numbers = {name}, set[str]()
    while True:
        more = {number for each, number in pairs if each in names} - numbers
        numbers |= more
        if not more:
            return names, numbers
        names |= {each for each, number in pairs if number in more}


def _is_owned(row: OwnershipRow, names: set[str], numbers: set[str]) -> bool:
    """Whether the account with these names and ids owns a post; one without owner counts for the collected account."""
    if row["owner_id"] in numbers:
        return True
    return (row["owner"] or ("" if row["owner_id"] else row["account"]) or "").casefold() in names


def _collection(target: ErasureTarget, ownership: LakeOwnership, media: Path, pseudonym: _Pseudonym) -> ErasureSubject:
    tombstoned = Identifiers(accounts={target.value: pseudonym(target.value)})
    is_known = target.value in ownership.posts["account"].unique().to_pylist()
    return _with_pictures(ErasureSubject(target, tombstoned, tombstoned, is_known=is_known), ownership, media)


def _post(target: ErasureTarget, ownership: LakeOwnership, media: Path) -> ErasureSubject:
    number = target.value if target.value.isdecimal() else None
    code = shortcode_of(int(number)) if number else target.value
    number = number or (str(found) if (found := post_id_of(code)) else None)
    rows = [row for row in ownership.posts.to_pylist() if row["post_id"] == number or row["shortcode"] == code]
    posts = {row["post_id"] for row in rows if row["post_id"]} | ({number} if number else set[str]())
    own = ownership.posts_collected_by({row["account"] for row in rows}, ("post_id", "account", "caption", "media"))
    said = [row for row in own if row["post_id"] in posts]
    addresses = {entry["url"] for row in said for entry in row["media"] or () if entry["url"]}
    texts = {text for row in said if (text := normalised_text(row["caption"]))}
    tombstoned = Identifiers(
        post_ids=frozenset(posts),
        shortcodes=frozenset({code, *(row["shortcode"] for row in rows if row["shortcode"])}),
        urls=frozenset(map(_identity, addresses)),
    )
    hashes = frozenset(hashlib.sha256(text.encode()).hexdigest() for text in texts)
    return _with_pictures(ErasureSubject(target, tombstoned, tombstoned, hashes, is_known=bool(rows)), ownership, media)


def _image(target: ErasureTarget, ownership: LakeOwnership, media: Path) -> ErasureSubject:
    rows = [row for row in ownership.media_rows if row["image_id"] == target.value]
    addresses = {_identity(row["url"]) for row in rows if row["url"]} | _indexed(media, {target.value})
    tombstoned = Identifiers(images=frozenset({target.value}), urls=frozenset(addresses))
    return ErasureSubject(target, tombstoned, tombstoned, is_known=bool(rows or addresses))


def _with_pictures(subject: ErasureSubject, ownership: LakeOwnership, media: Path) -> ErasureSubject:
    """Returns the subject with the images and videos to which no other account's rows refer."""
    known = subject.identifiers
    own, others = list[OwnershipRow](), list[OwnershipRow]()
    searches = ownership.searches_of(known)
    for row in ownership.media_rows:
        (own if _goes(row, known, searches) else others).append(row)
    kept = {row["image_id"] for row in others if row["image_id"]}
    kept_addresses = {_identity(row["url"]) for row in others if row["url"]}
    images = {row["image_id"] for row in own if row["image_id"]} - kept
    # Images of its own posts only; other images of the collection belong to accounts that may be collected.
    published = {row["image_id"] for row in own if row["post_id"] in known.post_ids} & images
    addresses = {_identity(row["url"]) for row in own if row["url"] and row["image_id"] in {*images, None}}
    addresses |= {url for url in _indexed(media, images) if not url.startswith("poster:")} | known.urls
    tombstoned = replace(
        subject.tombstoned, images=frozenset(published), urls=frozenset(subject.tombstoned.urls - kept_addresses)
    )
    whole = replace(known, images=frozenset(images), urls=frozenset(addresses - kept_addresses))
    return replace(subject, identifiers=whole, tombstoned=tombstoned)


def _goes(row: OwnershipRow, known: Identifiers, searches: Collection[str]) -> bool:
    if row["search"] is not None:
        return row["search"] in searches or is_search_of(row["search"], known)
    return known.has("account", row["account"]) or known.has("post_id", row["post_id"])


def _indexed(media: Path, images: set[str]) -> set[str]:
    """Returns the URLs that the media store's index maps to these images."""
    index = media / "index.sqlite"
    if not images or not index.exists():
        return set()
    with closing(sqlite3.connect(index, timeout=LOCK_TIMEOUT)) as connection:
        rows = connection.execute("SELECT identity, image_id FROM images").fetchall()
    return {identity for identity, image_id in rows if image_id in images}


def _identity(url: str) -> str:
    try:
        return url_identity(url)
    except ValueError:  # brackets that are no IPv6 address
        return url
