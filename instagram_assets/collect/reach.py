"""How far the pages of an errand reach, and whether that is far enough."""

from collections.abc import Sequence

from instagram_assets.collect.errands import Aim
from instagram_assets.collect.site import Page


def is_hashtag(subject: str) -> bool:
    """True for a hashtag, whose posts stand in no order."""
    return subject.startswith("#")


def is_reached(aim: Aim, found: Sequence[Page], posts: int) -> bool:
    """True when the pages, with so many posts, have all that is wanted."""
    if not found:
        return False
    if aim.posts is not None and posts >= aim.posts:
        return True
    return aim.since is not None and _is_older(found[-1], aim.since)


def leads_nowhere(found: Sequence[Page], new: int) -> bool:
    """True when the last page brought nothing new and points where the one before did: so would all that follow."""
    return len(found) > 1 and not new and found[-1].cursor == found[-2].cursor


def cut_short(aim: Aim, found: Sequence[Page], bound: float | None) -> str:
    """What to say of a whole errand whose number of posts ended it before it came to what the lake has.

    Up to `bound` posts were wanted; what is older was to be read again alone.
    """
    if aim.since is None or not found or found[-1].cursor is None or _is_older(found[-1], aim.since):
        return ""
    if bound is not None and _is_older(found[-1], bound):
        return f"numbers of posts older than the {aim.posts:,} newest are not read again"
    return f"ended with the {aim.posts:,} posts that were wanted; between them and those of the lake may be others"


def _is_older(page: Page, since: float) -> bool:
    """True when a page ends with what is not newer.

    Pinned posts stand first however old they are, and not every site says which they are: so what counts is the last.
    """
    dated = [post.taken_at for post in page.posts if post.taken_at is not None and not post.is_pinned]
    return bool(dated) and dated[-1].timestamp() <= since


def posts_in(found: Sequence[Page]) -> int:
    """How many different posts are on some pages."""
    return len(codes_in(found))


def codes_in(found: Sequence[Page]) -> set[str]:
    """The shortcodes of all posts on some pages."""
    return {post.shortcode for page in found for post in page.posts}
