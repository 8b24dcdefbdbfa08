"""Small lakes in the time zone of Berlin, whose clock is set back on 25 October 2026, and their index."""

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

from upath import UPath

from instagram_assets.engagement.post_metrics import impression
from instagram_assets.lake_index.filters import Filter
from instagram_assets.lake_index.index_reader import LakeIndex
from instagram_assets.lake_index.update import update_index
from instagram_assets.notebook_lake import Lake
from instagram_assets.schemas import CONTRACTS
from instagram_assets.storage.lake_writer import write_asset, write_cells

ZONE = "Europe/Berlin"
BERLIN = ZoneInfo(ZONE)
ACCOUNTS = ("anna", "bea", "#육아일기")
FIRST, LAST = date(2026, 10, 12), date(2026, 11, 8)
FILTERS = (
    Filter(),
    Filter(account=("anna",)),
    Filter(account=("bea", "#육아일기"), kind="reel"),
    Filter(first=date(2026, 10, 24), last=date(2026, 10, 26)),
    Filter(account=("nobody",)),
)

Row = dict[str, Any]


@dataclass
class Small:
    """A lake, its index, and the rows of its posts."""

    root: UPath
    index: LakeIndex
    posts: list[Row]

    @property
    def lake(self) -> Lake:
        """The lake, to be asked by SQL."""
        return Lake(str(self.root))

    def chosen(self, criteria: Filter) -> list[Row]:
        """The posts that a filter of accounts, days and kind lets through, by plain comparisons."""
        return [
            post
            for post in self.posts
            if (not criteria.account or post["account"] in criteria.account)
            and (criteria.first is None or post["day"] >= criteria.first)
            and (criteria.last is None or post["day"] <= criteria.last)
            and (not criteria.kind or post["kind"] == criteria.kind)
        ]


def image_id(name: str) -> str:
    """The id of an image that is called so."""
    return sha256(name.encode()).hexdigest()


def local(moment: datetime) -> datetime:
    """By the clock on the wall in Berlin."""
    return moment.astimezone(BERLIN)


def engagement(post: Mapping[str, Any]) -> int | None:
    """Likes and comments, unknown where one of them is."""
    return None if None in (post["likes"], post["comments"]) else post["likes"] + post["comments"]


def middle(numbers: Iterable[float]) -> float | None:
    """The median; null of nothing."""
    found = list(numbers)
    return median(found) if found else None


def post(account: str, number: int, taken_at: datetime, **values: Any) -> Row:
    """One post; its day is that of Berlin."""
    return {
        "post_id": f"{account}-{number}",
        "shortcode": f"C{number}",
        "account": account,
        "owner": account,
        "day": local(taken_at).date(),
        "kind": "post",
        "taken_at": taken_at,
        "observed_at": taken_at + timedelta(days=2),
        "caption": f"산책 {number}",
        "hashtags": [],
        "likes": 10,
        "comments": 1,
        "followers": None,
        **values,
    }


def random_posts(seed: int = 3) -> list[Row]:
    """Posts of all accounts at any time of four weeks, some with hidden likes, some a minute from midnight."""
    draw, found = random.Random(seed), list[Row]()
    begin = datetime(2026, 10, 11, 22, tzinfo=UTC)
    for account in ACCOUNTS:
        for number in range(60):
            taken_at = begin + timedelta(seconds=draw.randrange(27 * 86_400))
            if number % 10 == 0:
                midnight = datetime.combine(local(taken_at).date(), datetime.min.time(), BERLIN)
                taken_at = (midnight - timedelta(minutes=1)).astimezone(UTC)
                taken_at = max(taken_at, begin)
            found.append(
                post(
                    account,
                    number,
                    taken_at,
                    kind=draw.choice(("post", "post", "reel")),
                    likes=None if number % 7 == 0 else draw.randrange(2_000),
                    likes_hidden=number % 7 == 0,
                    comments=draw.randrange(50),
                    followers=None if account.startswith("#") else 1_000 + number,
                )
            )
    return found


def small(folder: Path, posts: list[Row], **tables: list[Row]) -> Small:
    """A lake of these posts and of the rows of other tables, with its index.

    Impressions are made of the posts; every post was read once unless `raw_posts` says more.
    """
    root = UPath(folder / "lake")
    rows = {"posts": posts, "impressions": [_impression(each) for each in posts], "raw_posts": posts, **tables}
    for name, of_table in rows.items():
        contract = CONTRACTS[name]
        known = [{key: value for key, value in row.items() if key in contract.schema.names} for row in of_table]
        if not contract.partitions:
            write_asset(root, name, contract.table(known))
            continue
        for account in {row["account"] for row in known}:
            mine = [row for row in known if row["account"] == account]
            days = [row["day"] for row in mine] if "day" in contract.schema.names else []
            write_cells(root, name, [account], (min(days), max(days)) if days else None, contract.table(mine))
    update_index(root, folder / "index", ZONE)
    return Small(root, LakeIndex(folder / "index"), posts)


def _impression(post: Row) -> Row:
    return {**post, "impression": impression(post["likes"], post["comments"], post["followers"])}


def named(criteria: Filter) -> str:
    """What a filter is called among tests."""
    return criteria.to_query() or "all"
