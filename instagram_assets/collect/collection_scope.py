"""What to collect of an account or hashtag (number of posts, oldest day), and whether the pages so far satisfy it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from instagram_assets.collect.site_adapter import CrawlPage


@dataclass(frozen=True)
class CollectionScope:
    """Which posts to collect of each account or hashtag.

    - `posts`: at most this many of an account's newest posts, rounded up to whole pages. Of a hashtag, all posts that
      the site shows are collected.
    - `newer_than`: no posts before this day, except pinned ones. Without it, only posts newer than those in the lake.
    - `behind_known`: also posts older than those in the lake.
    - `catches_up`: also posts before `newer_than` that the lake lacks, so that a missed schedule leaves no gap.
    - `rereads`: back to the oldest post whose likes and comments are due to be read again.
    - `fresh`: a complete collection that began less than this many seconds ago is not repeated.
    """

    posts: int = 100
    newer_than: date | None = None
    catches_up: bool = False
    behind_known: bool = False
    rereads: bool = False
    fresh: float = 21_600.0


@dataclass(frozen=True)
class KnownPosts:
    """Publication times of two posts of an account in the lake.

    `newest` is that of its newest post, `due` that of its oldest post whose like and comment counts are due to be
    fetched again.
    """

    newest: datetime | None = None
    due: datetime | None = None


@dataclass(frozen=True)
class Bounds:
    """Where a crawl stops: after `posts` posts, or at the first post that is not newer than the Unix timestamp `since`.

    None means that there is no such bound; without any, the crawl ends when the site shows no more posts.
    """

    posts: int | None
    since: float | None = None

    def and_also(self, other: "Bounds") -> "Bounds":
        """The narrowest bounds within which a crawl includes all posts of both crawls."""
        posts = None if self.posts is None or other.posts is None else max(self.posts, other.posts)
        since = None if self.since is None or other.since is None else min(self.since, other.since)
        return Bounds(posts, since)

    def covers(self, other: "Bounds") -> bool:
        """Whether a crawl with these bounds includes all posts of a crawl with the other bounds."""
        return self == self.and_also(other)


def is_satisfied(bounds: Bounds, found: Sequence[CrawlPage], posts: int) -> bool:
    """Whether the pages `found`, with `posts` distinct posts in them, reach the bounds, so that the crawl can end."""
    if not found:
        return False
    if bounds.posts is not None and posts >= bounds.posts:
        return True
    return bounds.since is not None and _is_older(found[-1], bounds.since)


def is_stuck(found: Sequence[CrawlPage], new: int) -> bool:
    """Whether pagination is stuck: the last page has no new posts and the same cursor as the page before it.

    `found` are the pages so far, `new` is the number of new posts on the last one.
    """
    return len(found) > 1 and not new and found[-1].cursor == found[-2].cursor


def incompleteness_note(bounds: Bounds, found: Sequence[CrawlPage], bound: float | None) -> str:
    """Message for a crawl that reached its maximum number of posts before the posts in the lake; else empty.

    Posts newer than the Unix timestamp `bound` were requested as new posts, older ones only to fetch their like and
    comment counts again.
    """
    if bounds.since is None or not found or found[-1].cursor is None or _is_older(found[-1], bounds.since):
        return ""
    if bound is not None and _is_older(found[-1], bound):
        return f"numbers of posts older than the {bounds.posts:,} newest are not read again"
    return f"ended with the {bounds.posts:,} posts that were wanted; between them and those of the lake may be others"


def _is_older(page: CrawlPage, since: float) -> bool:
    """Whether a page ends with a post that is not newer than `since`.

    Only the page's last post with a date counts, since old pinned posts come first and not every site marks them.
    """
    dated = [post.taken_at for post in page.posts if post.taken_at is not None and not post.is_pinned]
    return bool(dated) and dated[-1].timestamp() <= since


def count_posts(found: Sequence[CrawlPage]) -> int:
    """Number of distinct posts on the pages `found`."""
    return len(shortcodes_in(found))


def shortcodes_in(found: Sequence[CrawlPage]) -> set[str]:
    """The shortcodes of all posts on the pages `found`."""
    return {post.shortcode for page in found for post in page.posts}
