"""All identifiers of what is to be forgotten, found in the lake; and what of them is remembered as tombstones.

An account is also its number and the names that number had; its posts, under whichever account they were collected;
and the pictures and videos that nobody else's rows speak of. What others published and it merely collected goes with
its collection, but may come again by others, so no tombstone is made of it.
"""

import hashlib
import sqlite3
from collections.abc import Callable, Collection, Iterable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from instagram_assets.age.user_texts import normalised_text
from instagram_assets.forget.references import References, Row
from instagram_assets.forget.targets import Target
from instagram_assets.ingest.post_ids import media_id, short_code
from instagram_assets.media.index import LOCK_TIMEOUT
from instagram_assets.privacy.forgotten import Identifiers, is_search_of
from instagram_assets.url_identity import url_identity

Pseudonym = Callable[[str], str]
Aliases = Callable[[Identifiers], Identifiers]


@dataclass(frozen=True)
class Subject:
    """What is forgotten: all its `identifiers`, those that `lasting` tombstones are made of, and hashes of its texts.

    `is_known` says whether there is anything of its own, `also` the other names of the same account, `is_remembered`
    whether it was forgotten before.
    """

    target: Target
    identifiers: Identifiers
    lasting: Identifiers
    texts: frozenset[str] = frozenset()
    is_known: bool = True
    also: tuple[str, ...] = ()
    is_remembered: bool = False


def find_subject(
    target: Target, references: References, media: Path, pseudonym: Pseudonym, aliases: Aliases
) -> Subject:
    """Everything by which the target is known in a lake and in the media folder.

    `pseudonym` gives what stands in the place of a name, `aliases` adds the pseudonyms under which an
    account's comments were kept. Raises StorageError when a table is damaged.
    """
    if target.kind == "image":
        return _picture(target, references, media)
    if target.kind == "post":
        return _post(target, references, media)
    if target.kind == "hashtag":
        return _collection(target, references, media, pseudonym)
    return _account(target, references, media, pseudonym, aliases)


def _account(target: Target, references: References, media: Path, pseudonym: Pseudonym, aliases: Aliases) -> Subject:
    rows: list[Row] = references.posts.to_pylist()
    names, numbers = _same_account(target.value, rows, references.profiles)
    own = [row for row in rows if _is_owned(row, names, numbers)]
    posts = {row["post_id"] for row in own if row["post_id"]}
    ads = {ad["ad_id"] for ad in references.ads if (ad["account"] or "") in names and ad["ad_id"]}
    said = list(references.of_accounts({row["account"] for row in own}, ("post_id", "account", "caption", "media")))
    of_own = [row for row in said if row["post_id"] in posts]
    texts = {text for row in of_own if (text := normalised_text(row["caption"]))}
    addresses = {entry["url"] for row in of_own for entry in row["media"] or () if entry["url"]}
    lasting = Identifiers(
        accounts={name: pseudonym(name) for name in names},
        profile_ids=frozenset(numbers),
        post_ids=frozenset(posts | ads),
        shortcodes=frozenset(row["shortcode"] for row in own if row["shortcode"]),
        urls=frozenset(map(_identity, addresses)),
    )
    lasting = aliases(lasting)
    return _with_pictures(
        Subject(
            target,
            lasting,
            lasting,
            frozenset(hashlib.sha256(text.encode()).hexdigest() for text in texts),
            is_known=not references.names.isdisjoint(names) or bool(numbers),
            also=tuple(sorted(names - {target.value})),
        ),
        references,
        media,
    )


def _same_account(name: str, rows: Iterable[Row], profiles: Iterable[Row]) -> tuple[set[str], set[str]]:
    """All names of an account, in lower case, and its numbers: who changes the name keeps the number."""
    pairs = {((row["owner"] or "").casefold(), row["owner_id"]) for row in rows if row["owner_id"] and row["owner"]}
    pairs |= {(row["account"], row["profile_id"]) for row in profiles if row["profile_id"]}
    names, numbers = {name}, set[str]()
    while True:
        more = {number for each, number in pairs if each in names} - numbers
        numbers |= more
        if not more:
            return names, numbers
        names |= {each for each, number in pairs if number in more}


def _is_owned(row: Row, names: set[str], numbers: set[str]) -> bool:
    """Whether a post is the account's own; one without an owner is of whoever was collected."""
    if row["owner_id"] in numbers:
        return True
    return (row["owner"] or ("" if row["owner_id"] else row["account"]) or "").casefold() in names


def _collection(target: Target, references: References, media: Path, pseudonym: Pseudonym) -> Subject:
    lasting = Identifiers(accounts={target.value: pseudonym(target.value)})
    is_known = target.value in references.posts["account"].unique().to_pylist()
    return _with_pictures(Subject(target, lasting, lasting, is_known=is_known), references, media)


def _post(target: Target, references: References, media: Path) -> Subject:
    number = target.value if target.value.isdecimal() else None
    code = short_code(int(number)) if number else target.value
    number = number or (str(found) if (found := media_id(code)) else None)
    rows = [row for row in references.posts.to_pylist() if row["post_id"] == number or row["shortcode"] == code]
    posts = {row["post_id"] for row in rows if row["post_id"]} | ({number} if number else set[str]())
    own = references.of_accounts({row["account"] for row in rows}, ("post_id", "account", "caption", "media"))
    said = [row for row in own if row["post_id"] in posts]
    addresses = {entry["url"] for row in said for entry in row["media"] or () if entry["url"]}
    texts = {text for row in said if (text := normalised_text(row["caption"]))}
    lasting = Identifiers(
        post_ids=frozenset(posts),
        shortcodes=frozenset({code, *(row["shortcode"] for row in rows if row["shortcode"])}),
        urls=frozenset(map(_identity, addresses)),
    )
    hashes = frozenset(hashlib.sha256(text.encode()).hexdigest() for text in texts)
    return _with_pictures(Subject(target, lasting, lasting, hashes, is_known=bool(rows)), references, media)


def _picture(target: Target, references: References, media: Path) -> Subject:
    rows = [row for row in references.pictures if row["image_id"] == target.value]
    addresses = {_identity(row["url"]) for row in rows if row["url"]} | _indexed(media, {target.value})
    lasting = Identifiers(images=frozenset({target.value}), urls=frozenset(addresses))
    return Subject(target, lasting, lasting, is_known=bool(rows or addresses))


def _with_pictures(subject: Subject, references: References, media: Path) -> Subject:
    """The subject with the pictures and videos that no other row speaks of."""
    known = subject.identifiers
    own, others = list[Row](), list[Row]()
    searches = references.searches_of(known)
    for row in references.pictures:
        (own if _goes(row, known, searches) else others).append(row)
    kept = {row["image_id"] for row in others if row["image_id"]}
    kept_addresses = {_identity(row["url"]) for row in others if row["url"]}
    images = {row["image_id"] for row in own if row["image_id"]} - kept
    # Those of its own posts; others of the same collection are somebody else's, who may be collected.
    published = {row["image_id"] for row in own if row["post_id"] in known.post_ids} & images
    addresses = {_identity(row["url"]) for row in own if row["url"] and row["image_id"] in {*images, None}}
    addresses |= {url for url in _indexed(media, images) if not url.startswith("poster:")} | known.urls
    lasting = replace(
        subject.lasting, images=frozenset(published), urls=frozenset(subject.lasting.urls - kept_addresses)
    )
    whole = replace(known, images=frozenset(images), urls=frozenset(addresses - kept_addresses))
    return replace(subject, identifiers=whole, lasting=lasting)


def _goes(row: Row, known: Identifiers, searches: Collection[str]) -> bool:
    if row["search"] is not None:
        return row["search"] in searches or is_search_of(row["search"], known)
    return known.has("account", row["account"]) or known.has("post_id", row["post_id"])


def _indexed(media: Path, images: set[str]) -> set[str]:
    """The addresses by which these pictures are found in the media store."""
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
