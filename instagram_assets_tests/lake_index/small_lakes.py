"""Small lakes that change, and all that an index says of one, without its own numbers."""

import calendar
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
from upath import UPath

from instagram_assets.lake_index.index_reader import LakeIndex
from instagram_assets.schemas import CONTRACTS
from instagram_assets.storage.lake import values_in
from instagram_assets.storage.lake_writer import write_asset, write_cells

ZONE = "Asia/Seoul"
ACCOUNTS = ("jane", "_min", "007")
MONTHS = ((2026, 9), (2026, 10))
SEARCHES = ("cats", "#dogs")
_CAPTIONS = ("Cats at #Home", "육아 산책 @jane", "ﬁne CATS_2 ½ ·.x.·", "", "STRASSE straße #산책")
_WORDS = ("산책", "Cats", "육아", "ﬁne")
_MODEL = "a small model"


def write_month(root: UPath, account: str, year: int, month: int, count: int, random: Random) -> None:
    """Make so many posts the only ones of an account's month, in every table that has months."""
    tables: dict[str, list[dict[str, Any]]] = {
        name: []
        for name, contract in CONTRACTS.items()
        if contract.partitions == ("account", "day") and name not in ("age_predictions", "raw_comments")
    }
    for number in range(count):
        _add_post(tables, account, date(year, month, 1 + number % 28), f"{year}{month:02}{number:03}", random)
    last = calendar.monthrange(year, month)[1]
    for name, rows in tables.items():
        write_cells(root, name, [account], (date(year, month, 1), date(year, month, last)), CONTRACTS[name].table(rows))


def write_labels(root: UPath, random: Random) -> None:
    """Label some of the posts that there can be, anew."""
    rows: list[dict[str, Any]] = [
        {"kind": random.choice(("post", "reel")), "account": account, "id": f"{year}{month:02}{number:03}"}
        | {"viral": random.random() < 0.5, "score": random.random(), "reason": random.choice(("many likes", None))}
        for account in ACCOUNTS
        for year, month in MONTHS
        for number in random.sample(range(6), 3)
    ]
    write_asset(root, "viral_labels", CONTRACTS["viral_labels"].table(rows))


def write_clusters(root: UPath, random: Random) -> None:
    """Group the images that there can be, anew."""
    scope = random.choice(("all", "jane"))
    rows: list[dict[str, Any]] = [
        {"scope": scope, "image_id": image_id(number), "cluster": random.randint(-1, 2), "is_largest": False}
        | {"near_group": image_id(random.randrange(3)), "model": _MODEL}
        for number in random.sample(range(8), 5)
    ]
    write_asset(root, "clusters", CONTRACTS["clusters"].table(rows))


def write_topics(root: UPath, random: Random) -> None:
    """Other topics."""
    rows: list[dict[str, Any]] = [
        {
            "source": "clusters",
            "scope": "all",
            "topic": number,
            "name": "cats",
            "images": 2,
            "posts": random.randint(1, 9),
        }
        | {"words": [{"word": "cats", "score": 1.0}], "image_ids": [image_id(number)]}
        for number in range(random.randrange(3))
    ]
    write_asset(root, "topics", CONTRACTS["topics"].table(rows))


def write_profile(root: UPath, account: str, random: Random) -> None:
    """Other numbers of a profile."""
    rows: list[dict[str, Any]] = [
        {"account": account, "observed_at": _moment(day), "followers": random.choice((None, random.randint(1, 999)))}
        for day in range(3)
    ]
    write_cells(root, "raw_profiles", [account], None, CONTRACTS["raw_profiles"].table(rows))


def write_search(root: UPath, search: str, count: int, random: Random) -> None:
    """Other images of a search; without any it is gone."""
    images: list[dict[str, Any]] = [
        {"search": search, "rank": rank, "image_id": image_id(rank + 4), "status": "ok"}
        | {"sharpness": random.random(), "passed": True}
        for rank in range(count)
    ]
    groups: list[dict[str, Any]] = [
        {"search": search, "image_id": image_id(rank + 4), "cluster": 0, "near_group": image_id(4)}
        for rank in range(count)
        if random.random() < 0.5
    ]
    vectors: list[dict[str, Any]] = [
        {
            "search": search,
            "image_id": image_id(rank + 4),
            "embedding": _vector(rank + 4),
            "model": _MODEL,
            "status": "ok",
        }
        for rank in range(count)
    ]
    for name, rows in (("search_images", images), ("search_clusters", groups), ("search_embeddings", vectors)):
        write_cells(root, name, [search], None, CONTRACTS[name].table(rows))


def forget(root: UPath, account: str) -> None:
    """Take all rows of an account away."""
    for name, contract in CONTRACTS.items():
        if "account" in contract.partitions and account in values_in(root, name):
            days = (date(2026, 1, 1), date(2026, 12, 31)) if "day" in contract.partitions else None
            write_cells(root, name, [account], days, contract.empty())


def image_id(number: int) -> str:
    """The id of one of a few images, which several posts share."""
    return sha256(str(number).encode()).hexdigest()


def content(folder: Path) -> dict[str, list[Any]]:
    """All that the index says, sorted, with posts, images, words and terms by what they are in place of numbers."""
    index = LakeIndex(folder)
    post = "p.account || '/' || p.post_id"
    image = "coalesce(m.account || '/' || m.post_id, 'search:' || m.search) || '/' || m.position"
    questions = {
        "posts": "SELECT * EXCLUDE (post) FROM posts",
        "images": f"SELECT m.* EXCLUDE (image, post, vector), {post}, m.vector IS NULL "
        "FROM images m LEFT JOIN posts p USING (post)",
        "looks": f"SELECT {post}, l.* EXCLUDE (post) FROM looks l JOIN posts p USING (post)",
        "followers": "FROM followers",
        "words": "SELECT text, pos FROM words",
        "word_days": "SELECT w.text, w.pos, d.* EXCLUDE (word) FROM word_days d JOIN words w USING (word)",
        "word_months": "SELECT w.text, w.pos, d.* EXCLUDE (word) FROM word_months d JOIN words w USING (word)",
        "terms": "SELECT text FROM terms",
        "post_terms": f"SELECT t.text, {post} FROM post_terms JOIN terms t USING (term) JOIN posts p USING (post)",
        "image_terms": f"SELECT t.text, {image} FROM image_terms JOIN terms t USING (term) JOIN images m USING (image)",
        "counts": "SELECT (SELECT count(*) FROM looks), (SELECT count(*) FROM word_days), "
        "(SELECT count(*) FROM post_terms), (SELECT count(*) FROM image_terms), "
        "(SELECT count(DISTINCT post) FROM posts), "
        "(SELECT count(DISTINCT image) FROM images), (SELECT count(DISTINCT term) FROM terms)",
        "topics": "FROM topics",
        "files": "SELECT name, owner, month, stamp FROM files",
        "facts": "FROM facts WHERE name IN ('version', 'time_zone', 'posts', 'images')",
    }
    found = {name: sorted(map(repr, _rows(index.query(sql)))) for name, sql in questions.items()}
    index.close()
    return found


def _rows(table: pa.Table) -> list[tuple[Any, ...]]:
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))


def _add_post(tables: dict[str, list[dict[str, Any]]], account: str, day: date, post_id: str, random: Random) -> None:
    key = {"account": account, "day": day, "post_id": post_id}
    kind = random.choice(("post", "reel"))
    taken = datetime(day.year, day.month, day.day, random.randrange(24), tzinfo=UTC)
    numbers = {"likes": random.choice((None, random.randint(0, 99))), "comments": random.randint(0, 9)}
    caption = random.choice((None, *_CAPTIONS))
    tables["posts"].append(
        key
        | numbers
        | {"kind": kind, "taken_at": taken, "observed_at": taken, "caption": caption, "hashtags": ["home"]}
    )
    for hours in range(random.randint(1, 2)):
        looked = key | numbers | {"kind": kind, "observed_at": taken + timedelta(hours=hours)}
        tables["raw_reels" if kind == "reel" else "raw_posts"].append(looked)
    words = [
        {"word": random.choice(_WORDS), "pos": random.choice(("noun", "verb"))} for _ in range(random.randrange(4))
    ]
    if caption:
        tables["tokens"].append(key | {"language": "ko", "tokens": words})
    tables["impressions"].append(key | {"followers": 10, "impression": random.random()})
    for position in range(random.randrange(3)):
        _add_image(tables, {**key, "position": position}, random)


def _add_image(tables: dict[str, list[dict[str, Any]]], key: dict[str, Any], random: Random) -> None:
    number = random.randrange(9)
    if number == 8:
        tables["images"].append(key | {"status": "failed", "reason": "gone"})
        return
    found = image_id(number)
    tables["images"].append(key | {"image_id": found, "status": "ok", "path": f"{found[:2]}/{found}.jpg"})
    quality = {
        "sharpness": random.random(),
        "passed": True,
        "near_group": image_id(random.randrange(3)),
        "status": "ok",
    }
    tables["image_quality"].append(key | {"image_id": found} | quality)
    tables["captions"].append(key | {"image_id": found, "caption": random.choice((None, "a cat"))})
    embedding = {"image_id": found, "embedding": _vector(number), "model": _MODEL, "status": "ok"}
    tables["embeddings"].append(key | embedding)


def _vector(number: int) -> list[float]:
    return [float(place == number % 4) for place in range(4)]


def _moment(day: int) -> datetime:
    return datetime(2026, 9, 1 + day, tzinfo=UTC)
