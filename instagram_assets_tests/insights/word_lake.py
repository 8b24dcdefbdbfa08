"""A small lake of posts with words: three accounts, posts in the months around a new year."""

import random
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from upath import UPath

from instagram_assets.schemas import CONTRACTS
from instagram_assets.storage.lake_writer import write_cells

TRAP = '<img src=x onerror="alert(1)">'
"""A word that must not become a part of a page."""
ACCOUNTS = ("bada", "haneul", "sol.garden")
FIRST, DAYS = date(2025, 9, 20), 480
_WORDS = (
    *((f"명사{number}", "noun") for number in range(12)),
    *((f"동사{number}다", "verb") for number in range(6)),
    ("사과", "noun"),
    ("사과", "proper_noun"),
    ("Cat", "foreign"),
    ("cat", "foreign"),
    ("은", "particle"),
    ("어요", "ending"),
    ("!", "symbol"),
    ("육아일기", "hashtag"),
    ("육아일기", "noun"),
    ("day,1", "hashtag"),
    ("=SUM(A1)", "foreign"),
    ("😀", "emoji"),
    (TRAP, "foreign"),
)
Word = tuple[str, str]


def write_words(root: UPath) -> None:
    """Write a post every other day for each account, from September 2025 to January 2027, and their tokens."""
    chance = random.Random(7)
    weights = [1 / (place + 1) for place in range(len(_WORDS))]
    posts, tokens = list[dict[str, Any]](), list[dict[str, Any]]()
    for account_number, account in enumerate(ACCOUNTS):
        for step in range(0, DAYS - 60 * account_number, 2 + account_number):
            day = FIRST + timedelta(step)
            said = chance.choices(_WORDS, weights, k=chance.randrange(14))
            post, found = post_of(account, f"{account_number}{step:04}", day, said)
            posts.append(post)
            tokens.append(found)
    write_posts(root, posts, tokens)


def post_of(account: str, post_id: str, day: date, said: Sequence[Word]) -> tuple[dict[str, Any], dict[str, Any]]:
    """A row of `posts` and one of `tokens`."""
    noon = datetime(day.year, day.month, day.day, 3, tzinfo=UTC)
    post = {
        "post_id": post_id,
        "shortcode": f"C{post_id}",
        "account": account,
        "day": day,
        "kind": "reel" if post_id.endswith("4") else "post",
        "owner": account,
        "taken_at": noon,
        "observed_at": noon,
        "caption": " ".join(f"#{word}" if pos == "hashtag" else word for word, pos in said),
        "likes": len(said),
    }
    tokens = {
        "post_id": post_id,
        "account": account,
        "day": day,
        "language": "ko",
        "tokens": [{"word": word, "pos": pos} for word, pos in said],
        "tokenizer": "test",
    }
    return post, tokens


def write_posts(root: UPath, posts: list[dict[str, Any]], tokens: list[dict[str, Any]]) -> None:
    """Write rows of `posts` and `tokens` to a lake."""
    for table, rows in (("posts", posts), ("tokens", tokens)):
        accounts = sorted({row["account"] for row in rows})
        days = [row["day"] for row in rows]
        write_cells(root, table, accounts, (min(days), max(days)), CONTRACTS[table].table(rows))
