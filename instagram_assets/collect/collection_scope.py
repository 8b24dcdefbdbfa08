"""What to collect of a subject, and whether the pages so far satisfy it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from instagram_assets.collect.site import CrawlPage


@dataclass(frozen=True)
class CollectionScope:
    """What is wanted of each subject.

    Of an account so many of its newest `posts` (whole pages, so a few more may come), none but the site's own pinned
    ones before the day `newer_than`; without a day those that the lake does not have, unless `behind_known` wants older
    ones, too. With `catches_up` a day is no reason to leave out what the lake does not have either: a schedule that
    was missed leaves no hole. With `rereads` back to the oldest post whose numbers are to be read again. Of a hashtag
    all that the site shows. What was begun less than `fresh` seconds ago and is whole is not collected again.
    """

    posts: int = 100
    newer_than: date | None = None
    catches_up: bool = False
    behind_known: bool = False
    rereads: bool = False
    fresh: float = 21_600.0


@dataclass(frozen=True)
class KnownPosts:
    """What the lake has of a subject: its newest post, and the oldest whose numbers are due to be read again."""

    newest: datetime | None = None
    due: datetime | None = None


@dataclass(frozen=True)
class Bounds:
    """How far a crawl goes: until it has `posts` of them, or comes to one that is not newer than `since`.

    Null is no end of that kind: then it goes as far as the site shows posts.
    """

    posts: int | None
    since: float | None = None

    def and_also(self, other: "Bounds") -> "Bounds":
        """The bounds that satisfy both."""
        posts = None if self.posts is None or other.posts is None else max(self.posts, other.posts)
        since = None if self.since is None or other.since is None else min(self.since, other.since)
        return Bounds(posts, since)

    def covers(self, other: "Bounds") -> bool:
        """True when who reached these bounds has all that the other wants."""
        return self == self.and_also(other)


def is_satisfied(bounds: Bounds, found: Sequence[CrawlPage], posts: int) -> bool:
    """True when the pages, with so many posts, have all that is wanted."""
    if not found:
        return False
    if bounds.posts is not None and posts >= bounds.posts:
        return True
    return bounds.since is not None and _is_older(found[-1], bounds.since)


def is_stuck(found: Sequence[CrawlPage], new: int) -> bool:
    """True when the last page brought nothing new and points where the one before did: so would all that follow."""
    return len(found) > 1 and not new and found[-1].cursor == found[-2].cursor


def incompleteness_note(bounds: Bounds, found: Sequence[CrawlPage], bound: float | None) -> str:
    """What to say of a whole crawl whose number of posts ended it before it came to what the lake has.

    Up to `bound` posts were wanted; what is older was to be read again alone.
    """
    if bounds.since is None or not found or found[-1].cursor is None or _is_older(found[-1], bounds.since):
        return ""
    if bound is not None and _is_older(found[-1], bound):
        return f"numbers of posts older than the {bounds.posts:,} newest are not read again"
    return f"ended with the {bounds.posts:,} posts that were wanted; between them and those of the lake may be others"


def _is_older(page: CrawlPage, since: float) -> bool:
    """True when a page ends with what is not newer.

    Pinned posts stand first however old they are, and not every site says which they are: so what counts is the last.
    """
    dated = [post.taken_at for post in page.posts if post.taken_at is not None and not post.is_pinned]
    return bool(dated) and dated[-1].timestamp() <= since


def count_posts(found: Sequence[CrawlPage]) -> int:
    """How many different posts are on some pages."""
    return len(shortcodes_in(found))


def shortcodes_in(found: Sequence[CrawlPage]) -> set[str]:
    """The shortcodes of all posts on some pages."""
    return {post.shortcode for page in found for post in page.posts}
