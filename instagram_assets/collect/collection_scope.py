"""What to collect of an account or hashtag (number of posts, oldest day), and whether the pages so far satisfy it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from instagram_assets.collect.site_adapter import CrawlPage


@dataclass(frozen=True)
class CollectionScope:
    """Which posts to collect of each subject.

    Of an account up to `posts` of its newest (whole pages, so a few more may come), none but pinned ones before the day
    `newer_than`; without a day those that the lake does not have, unless `behind_known` includes older ones. With
    `catches_up`, posts before `newer_than` that the lake lacks are included: a missed schedule leaves no hole. With
    `rereads`, back to the oldest post whose counts are due to be read again. Of a hashtag all that the site shows. A
    complete collection that began less than `fresh` seconds ago is not repeated.
    """

    posts: int = 100
    newer_than: date | None = None
    catches_up: bool = False
    behind_known: bool = False
    rereads: bool = False
    fresh: float = 21_600.0


@dataclass(frozen=True)
class KnownPosts:
    """Publication times of posts in the lake: the newest, and the oldest whose counts are due to be read again."""

    newest: datetime | None = None
    due: datetime | None = None


@dataclass(frozen=True)
class Bounds:
    """Where a crawl stops: after so many `posts`, or at a post not newer than the timestamp `since`.

    Null is no bound: then it goes as far as the site shows posts.
    """

    posts: int | None
    since: float | None = None

    def and_also(self, other: "Bounds") -> "Bounds":
        """The wider bounds that satisfy both."""
        posts = None if self.posts is None or other.posts is None else max(self.posts, other.posts)
        since = None if self.since is None or other.since is None else min(self.since, other.since)
        return Bounds(posts, since)

    def covers(self, other: "Bounds") -> bool:
        """Whether a crawl with these bounds has all that one with the other bounds would have."""
        return self == self.and_also(other)


def is_satisfied(bounds: Bounds, found: Sequence[CrawlPage], posts: int) -> bool:
    """Whether the pages, with so many posts in them, satisfy the bounds."""
    if not found:
        return False
    if bounds.posts is not None and posts >= bounds.posts:
        return True
    return bounds.since is not None and _is_older(found[-1], bounds.since)


def is_stuck(found: Sequence[CrawlPage], new: int) -> bool:
    """Whether the last page has no new posts and the same cursor as the one before: so would all that follow."""
    return len(found) > 1 and not new and found[-1].cursor == found[-2].cursor


def incompleteness_note(bounds: Bounds, found: Sequence[CrawlPage], bound: float | None) -> str:
    """A note for a crawl that reached its number of posts before it reached what the lake has; empty otherwise.

    Posts newer than `bound` were requested for themselves; older ones only to read their counts again.
    """
    if bounds.since is None or not found or found[-1].cursor is None or _is_older(found[-1], bounds.since):
        return ""
    if bound is not None and _is_older(found[-1], bound):
        return f"numbers of posts older than the {bounds.posts:,} newest are not read again"
    return f"ended with the {bounds.posts:,} posts that were wanted; between them and those of the lake may be others"


def _is_older(page: CrawlPage, since: float) -> bool:
    """Whether a page ends with a post that is not newer than `since`.

    Pinned posts come first however old they are, and not every site marks them: so only the last post counts.
    """
    dated = [post.taken_at for post in page.posts if post.taken_at is not None and not post.is_pinned]
    return bool(dated) and dated[-1].timestamp() <= since


def count_posts(found: Sequence[CrawlPage]) -> int:
    """The number of distinct posts on some pages."""
    return len(shortcodes_in(found))


def shortcodes_in(found: Sequence[CrawlPage]) -> set[str]:
    """The shortcodes of all posts on some pages."""
    return {post.shortcode for page in found for post in page.posts}
