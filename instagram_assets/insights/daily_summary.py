"""The summary of one day that users read the next morning: posts, followers, new words, and missing data."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from instagram_assets.insights.chart_definition import FEW
from instagram_assets.lake_index.index_reader import LakeIndex

DAYS_BEFORE = 28
"""Length in days of the preceding period that a day is compared with."""
MOST_SHOWN_POSTS = 8
"""Maximum number of an account's posts that are shown; the others are only counted."""
_MOST_WORDS = 20
_RISEN_POSTS, _RISEN_BY = 3, 3
"""A word is rising if at least so many posts of the day have it, and their fraction grew by at least this factor."""
_DAYS_OF_FOLLOWERS = 60
"""Maximum age in days of a follower count that is used for the day."""

_OF_ACCOUNTS = "(len($2) = 0 OR list_contains($2, account))"
_POSTS = f"""
WITH usual AS (
    SELECT account, median(likes + comments) AS usual, count(likes + comments) AS known FROM posts
    WHERE day BETWEEN $1::DATE - {DAYS_BEFORE} AND $1::DATE - 1 AND {_OF_ACCOUNTS} GROUP BY account
)
SELECT
    p.account, p.post_id, p.kind, p.taken_at, p.caption, p.likes, p.comments, p.views, p.plays, p.impression, p.viral,
    p.viral_reason, p.first_image, p.poster, p.images, p.observed_at,
    CASE WHEN u.known >= {FEW} THEN (p.likes + p.comments) / nullif(u.usual, 0) END AS ratio, u.usual, u.known
FROM posts p LEFT JOIN usual u USING (account) WHERE p.day = $1 AND {_OF_ACCOUNTS.replace("account)", "p.account)")}
ORDER BY p.account, p.taken_at, p.post_id
"""
# Followers at the end of a day are often observed the next morning: use the last value up to the next day.
_FOLLOWERS = f"""
WITH zone AS (SELECT value FROM facts WHERE name = 'time_zone'),
days AS (
    SELECT account, (observed_at AT TIME ZONE (FROM zone))::DATE AS day, arg_max(followers, observed_at) AS followers
    FROM followers
    WHERE observed_at BETWEEN $1::DATE - {_DAYS_OF_FOLLOWERS} AND $1::DATE + 3 AND {_OF_ACCOUNTS} GROUP BY ALL
)
SELECT
    account, arg_max(followers, day) AS followers, max(day) AS day, arg_max(followers, day, 2)[2] AS followers_before,
    max(day, 2)[2] AS day_before
FROM days WHERE day <= $1::DATE + 1 GROUP BY account
"""
# Words that are new on the day or have a higher share of its posts; $3: posts of the day, $4: posts before.
_WORDS = f"""
WITH days AS (
    SELECT word, sum(posts) FILTER (day = $1) AS posts, coalesce(sum(posts) FILTER (day < $1), 0) AS before
    FROM word_days WHERE day BETWEEN $1::DATE - {DAYS_BEFORE} AND $1::DATE AND {_OF_ACCOUNTS} GROUP BY word
)
SELECT w.text AS word, w.pos, d.posts::BIGINT AS posts, d.before::BIGINT AS before
FROM days d JOIN words w USING (word)
WHERE d.posts > 0 AND w.pos IN ('noun', 'proper_noun', 'verb', 'adjective', 'foreign', 'hashtag')
    AND (d.before = 0 OR (d.posts >= {_RISEN_POSTS} AND d.posts * $4 >= d.before * $3 * {_RISEN_BY}))
ORDER BY before > 0, d.posts DESC, w.pos <> 'hashtag', w.text, w.pos LIMIT {_MOST_WORDS}
"""
_IMAGES = f"""
SELECT
    account, count(*) FILTER (status = 'refused') AS refused,
    count(*) FILTER (status IN ('failed', 'expired')) AS failed, count(*) FILTER (NOT passed) AS blurred
FROM images WHERE day = $1 AND {_OF_ACCOUNTS} GROUP BY account HAVING refused + failed + blurred > 0 ORDER BY account
"""
_ACCOUNTS = f"""
WITH zone AS (SELECT value FROM facts WHERE name = 'time_zone'),
seen AS (
    SELECT account, max(observed_at) AS seen_at, max(day) FILTER (day < $1) AS last_day FROM posts
    WHERE {_OF_ACCOUNTS} GROUP BY account
    UNION ALL BY NAME
    SELECT account, max(observed_at) AS seen_at FROM followers WHERE {_OF_ACCOUNTS} GROUP BY account
)
SELECT
    account, max(seen_at) AS seen_at, max(last_day) AS last_day,
    (max(seen_at) AT TIME ZONE (FROM zone))::DATE > $1 AS is_collected
FROM seen GROUP BY account ORDER BY account
"""
_SPAN = f"""
SELECT min(day) AS first, max(day) AS last, max(day) FILTER (day < $1) AS before, min(day) FILTER (day > $1) AS after,
    count(*) FILTER (day > $1) AS later, max(observed_at) AS seen_at,
    count(*) FILTER (day BETWEEN $1::DATE - {DAYS_BEFORE} AND $1::DATE - 1 AND {_OF_ACCOUNTS}) AS compared
FROM posts
"""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class AccountDay:
    """The activity of one account on one day.

    `usual` is the account's median engagement (likes + comments) over the preceding DAYS_BEFORE days; None if it is
    known for fewer than FEW posts. `growth` is the change of its followers since the previous day with an observation;
    None if they were observed on fewer than two days. `refused` and `failed` count images of the day that could not be
    downloaded, `blurred` those that failed the quality check.
    """

    account: str
    posts: Sequence[Row] = ()
    followers: int | None = None
    followers_day: date | None = None
    growth: int | None = None
    growth_since: date | None = None
    usual: float | None = None
    refused: int = 0
    failed: int = 0
    blurred: int = 0
    last_day: date | None = None
    """Day of its last post before this day."""
    is_collected: bool = False
    """Whether it was collected after the end of the day, so that no posts means that it did not post."""

    @property
    def viral(self) -> int:
        """Number of the day's posts that are labelled viral."""
        return sum(post["viral"] is True for post in self.posts)

    @property
    def best_ratio(self) -> float | None:
        """Engagement of the day's best post divided by the account's usual engagement; None if unknown."""
        return max((post["ratio"] for post in self.posts if post["ratio"] is not None), default=None)


@dataclass(frozen=True)
class DaySummary:
    """The summary of one day: `active` accounts posted that day, most important first; `silent` accounts did not."""

    day: date
    newest: date | None
    """The newest day with a post; None in an empty lake."""
    before: date | None
    after: date | None
    """The nearest days with posts, before and after."""
    later_posts: int
    """Number of posts of later days in the lake."""
    seen_at: datetime | None
    """Timestamp of the newest observation."""
    active: Sequence[AccountDay] = ()
    silent: Sequence[AccountDay] = ()
    missing: Sequence[AccountDay] = ()
    """Accounts without posts that were not collected since: whether they posted is unknown."""
    words: Sequence[Row] = ()
    is_compared: bool = False
    """Whether there are posts in the preceding weeks, so that new words can be found."""
    viral: Sequence[Row] = field(default_factory=list[Row])
    best: Row | None = None

    @property
    def is_unknown(self) -> bool:
        """Whether no data of the day or of a later day was collected, so that nothing can be summarised."""
        return self.newest is not None and self.newest < self.day and not self.active and not self.silent

    @property
    def posts(self) -> int:
        """Number of posts of the day; a post stored for several accounts counts for each."""
        return sum(len(each.posts) for each in self.active)

    @property
    def repeated(self) -> int:
        """Number of posts of the day that are stored more than once, for example for an account and for a hashtag."""
        counts = Counter(post["post_id"] for each in self.active for post in each.posts)
        return sum(count > 1 for count in counts.values())

    @property
    def growths(self) -> list[int]:
        """Follower growth of each account for which it is known."""
        every = (*self.active, *self.silent, *self.missing)
        return [each.growth for each in every if each.growth is not None]

    def images(self, trouble: str) -> list[tuple[str, int]]:
        """Returns (account, number) for accounts with images of a problem: `refused`, `failed` or `blurred`."""
        return [(each.account, getattr(each, trouble)) for each in self.active if getattr(each, trouble)]


def day_summary(index: LakeIndex, day: date, accounts: Sequence[str] = ()) -> DaySummary:
    """Computes the summary of a day for these accounts, or for all accounts if none are given."""
    chosen = list(accounts)
    [span] = index.rows(_SPAN, day, chosen)
    if span["last"] is None:
        return DaySummary(day, None, None, None, 0, None)
    posts = index.rows(_POSTS, day, chosen)
    every = _accounts(index, day, chosen, posts)
    silent = [each for each in every if not each.posts]
    viral = sorted((post for post in posts if post["viral"]), key=_by_ratio)
    is_compared = span["compared"] > 0
    return DaySummary(
        day,
        span["last"],
        span["before"],
        span["after"],
        span["later"],
        span["seen_at"],
        sorted((each for each in every if each.posts), key=_by_weight),
        [each for each in silent if each.is_collected],
        [each for each in silent if not each.is_collected],
        index.rows(_WORDS, day, chosen, len(posts), span["compared"]) if posts and is_compared else [],
        is_compared,
        viral,
        _best(posts),
    )


def _accounts(index: LakeIndex, day: date, chosen: list[str], posts: Sequence[Row]) -> list[AccountDay]:
    by_account: dict[str, list[Row]] = {}
    for post in posts:
        by_account.setdefault(post["account"], []).append(post)
    followers = {row["account"]: row for row in index.rows(_FOLLOWERS, day, chosen)}
    images = {row["account"]: row for row in index.rows(_IMAGES, day, chosen)}
    return [
        _account(row, by_account.get(row["account"], []), followers.get(row["account"]), images.get(row["account"]))
        for row in index.rows(_ACCOUNTS, day, chosen)
    ]


def _account(row: Row, posts: Sequence[Row], followers: Row | None, images: Row | None) -> AccountDay:
    now, before = (followers["followers"], followers["followers_before"]) if followers else (None, None)
    counts = {name: images[name] if images else 0 for name in ("refused", "failed", "blurred")}
    known = posts[0]["known"] if posts else None
    return AccountDay(
        row["account"],
        sorted(posts, key=_by_ratio),
        now,
        followers["day"] if followers else None,
        now - before if now is not None and before is not None else None,
        followers["day_before"] if followers else None,
        posts[0]["usual"] if known is not None and known >= FEW else None,
        **counts,
        last_day=row["last_day"],
        is_collected=bool(row["is_collected"]),
    )


def _best(posts: Sequence[Row]) -> Row | None:
    """Returns the post with the highest engagement relative to its account's median; None without posts.

    If that ratio is unknown for all posts, it is the post with the highest engagement rate `impression`
    ((likes + comments) / followers), else the one with the most likes.
    """
    for name in ("ratio", "impression", "likes"):
        known = [post for post in posts if post[name] is not None]
        if known:
            return max(known, key=lambda post: (post[name], post["likes"] or 0))
    return None


def _by_ratio(post: Row) -> tuple[Any, ...]:
    return (post["viral"] is not True, -(post["ratio"] or 0), -(post["likes"] or 0), post["taken_at"], post["post_id"])


def _by_weight(each: AccountDay) -> tuple[Any, ...]:
    return (-each.viral, -(each.best_ratio or 0), -len(each.posts), each.account)


def yesterday(today: date) -> date:
    """Returns the day before `today`, which the morning summary covers."""
    return today - timedelta(days=1)
