"""A large lake of invented posts, images, captions and impressions, written straight as the files of its months."""

import calendar
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
from upath import UPath

from benchmarks.posts import account_name
from instagram_assets.schemas import CONTRACTS
from instagram_assets.storage.layout import folder_name
from instagram_assets.storage.parquet_files import to_bytes

ACCOUNTS, FILES_OF_ACCOUNT, ROWS_OF_FILE = 200, 24, 209
"""A million posts, as 200 accounts write them in two years."""

_TEMPLATES = 5
_SYLLABLES = [chr(code) for code in range(0xAC00, 0xAC00 + 600)]
_COLLABORATION = 50
_Tables = dict[str, pa.Table]


def write_lake(root: UPath, accounts: int, rows: int = ROWS_OF_FILE, only: str | None = None) -> None:
    """Write the tables of which datasets are made, or one of them, `rows` posts for each of `FILES_OF_ACCOUNT` months.

    Of each fifty posts of an account the first stands as a collaboration in the next account, too, as its second.
    """
    whole = [_template(Random(number), rows) for number in range(_TEMPLATES)]
    templates = [{name: table for name, table in tables.items() if only in (None, name)} for tables in whole]
    for account in range(accounts):
        for month in range(FILES_OF_ACCOUNT):
            year, number = 2024 + month // 12, month % 12 + 1
            template = templates[(account + month) % _TEMPLATES]
            for name, table in _month(template, account, month, date(year, number, 1), rows).items():
                _write(root / name / folder_name(account_name(account)) / f"{year}-{number:02}.parquet", table)


def _month(template: _Tables, account: int, month: int, first: date, count: int) -> _Tables:
    """The template's rows as those of one account and month."""
    rows = np.arange(count)
    shared = rows % _COLLABORATION == 1 if account else np.zeros(count, bool)
    owners, places = account - shared, rows - shared
    post_ids = 3_000_000_000_000_000_000 + (owners * FILES_OF_ACCOUNT + month) * count + places
    days = places * calendar.monthrange(first.year, first.month)[1] // count
    midday = datetime(first.year, first.month, 1, 3, tzinfo=UTC)
    columns: dict[str, Any] = {
        "post_id": post_ids.astype(str),
        "account": [account_name(account)] * count,
        "owner": [account_name(int(owner)) for owner in owners],
        "shortcode": [f"C{post_id % 10**10:010}" for post_id in post_ids],
        "url": [f"https://www.instagram.com/p/C{post_id % 10**10:010}/" for post_id in post_ids],
        "day": [first + timedelta(days=int(day)) for day in days],
        "taken_at": [
            midday + timedelta(days=int(day), seconds=int(place)) for day, place in zip(days, places, strict=True)
        ],
        "image_id": [f"{post_id * 2_654_435_761 % 2**250:064x}" for post_id in map(int, post_ids)],
    }
    columns["path"] = [f"{image_id[:2]}/{image_id}.jpg" for image_id in columns["image_id"]]
    return {name: _with(table, columns) for name, table in template.items()}


def _with(table: pa.Table, columns: dict[str, Any]) -> pa.Table:
    for place, field in enumerate(table.schema):
        if field.name in columns:
            table = table.set_column(place, field, pa.array(columns[field.name], field.type))
    return table


def _template(chance: Random, rows: int) -> _Tables:
    posts = [_post(chance, row) for row in range(rows)]
    numbers = [{name: post[name] for name in ("kind", "likes", "comments", "followers")} for post in posts]
    image = {"position": 0, "width": 1080, "height": 1350, "bytes": 200_000, "status": "ok"}
    caption = {"position": 0, "score": 0.28, "model": "blip@1", "status": "ok"}
    tables: dict[str, list[dict[str, Any]]] = {
        "posts": posts,
        "images": [{**image, "url": _address(chance)} for _ in posts],
        "captions": [{**caption, "caption": f"a drawing of {_text(chance, 8)}"} for _ in posts],
        "impressions": [{**row, "impression": (row["likes"] + row["comments"]) / row["followers"]} for row in numbers],
    }
    return {name: CONTRACTS[name].table(some) for name, some in tables.items()}


def _post(chance: Random, row: int) -> dict[str, Any]:
    """What does not depend on account and month, as much text as people write and scrapers add."""
    tags = [_text(chance, 4) for _ in range(chance.randrange(9))]
    media = [
        {"position": place, "kind": "image", "url": _address(chance), "width": 1080, "height": 1350}
        for place in range(1 + (row % 10 == 0) * 3)
    ]
    return {
        # Never one of a collaboration: its two rows would be of different kinds.
        "kind": "reel" if row % 11 == 5 else "post",
        "owner_id": str(chance.randrange(10**10)),
        "owner_full_name": _text(chance, 6),
        "type": "sidecar" if len(media) > 1 else "image",
        "product_type": "feed",
        "observed_at": datetime(2026, 1, 5, tzinfo=UTC),
        "caption": "\n".join([_text(chance, chance.randrange(100, 400)), *(f"#{tag}" for tag in tags)]),
        "caption_sha256": f"{chance.getrandbits(256):064x}",
        "caption_truncated": False,
        "hashtags": tags,
        "mentions": [],
        "likes": chance.randrange(4_000),
        "likes_hidden": False,
        "comments": chance.randrange(90),
        "width": 1080,
        "height": 1350,
        "alt": f"Photo by {_text(chance, 6)}. May be a drawing.",
        "media": media,
        "extra": f'{{"musicInfo": {{"artist_name": "{_text(chance, 40)}"}}, "ownerFbid": "{chance.getrandbits(60)}"}}',
        "warnings": [],
        "source_file": "posts.json",
        "source_sha256": "ab" * 32,
        "source_index": row,
        "profile_id": str(chance.randrange(10**10)),
        "followers": 1_000 + chance.randrange(9_000),
        "biography": "비 오는 날의 그림일기",
        "verified": False,
        "observations": 1,
    }


def _text(chance: Random, length: int) -> str:
    return "".join(chance.choices(_SYLLABLES, k=length))


def _address(chance: Random) -> str:
    return f"https://scontent-icn2-1.cdninstagram.com/v/t51.2885-15/{chance.getrandbits(80)}_n.jpg?_nc_ohc={chance.getrandbits(400):x}"


def _write(path: UPath, table: pa.Table) -> None:
    """As the lake writes a file, without waiting for the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(to_bytes(table))
