"""The demo's accounts and posts as Meta's Graph API would tell of them: the very posts of its exports.

So one post of the demo can be seen through an export, the API's account and the API's hashtag, and is one post.
"""

import random
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from instagram_assets.demo.catalogue import ACCOUNTS, DAYS, FIRST_DAY, ZONE, Post, posts, reels
from instagram_assets.demo.graph_media import GraphAccount, GraphHashtag, GraphMedium, GraphPost
from instagram_assets.demo.items import Item, post_item, reel_item
from instagram_assets.ingest.hashtags import hashtags_in

NOW = datetime.combine(FIRST_DAY + timedelta(days=DAYS - 1), datetime.min.time(), ZONE).replace(hour=23, minute=59)
"""When the demo's posts have all been made, the last of them within the 24 hours that a hashtag shows."""

_TYPES = {"Image": "IMAGE", "Sidecar": "CAROUSEL_ALBUM", "Video": "VIDEO"}


def catalogue_accounts(base_url: str, names: Sequence[str] = ()) -> list[GraphAccount]:
    """These accounts of the demo, or all, with the posts that are their own; pictures are at the demo's server."""
    everything = _newest_first(_all(base_url))
    return [
        GraphAccount(
            each.name,
            f"1784{int(each.profile_id):013}",
            [post for post in everything if post.owner == each.name],
            each.followers,
            each.full_name,
            each.biography,
        )
        for each in ACCOUNTS
        if not names or each.name in names
    ]


def catalogue_hashtag(name: str, base_url: str) -> GraphHashtag:
    """A hashtag, without its sign, with all posts of the demo that carry it; the three most liked are at its top."""
    rng = random.Random(f"hashtag {name}")
    tagged = [post for post in _newest_first(_all(base_url)) if name in hashtags_in(post.caption)]
    top = sorted(tagged, key=lambda each: (-(each.likes or 0), each.number))[:3]
    return GraphHashtag(name, f"1784{rng.randrange(10**12, 10**13)}", tagged, top)


def _newest_first(made: Iterable[GraphPost]) -> list[GraphPost]:
    return sorted(made, key=lambda each: (each.taken_at, each.number), reverse=True)


def _all(base_url: str) -> list[GraphPost]:
    return [
        *(_post(post, post_item(post, base_url)) for post in posts()),
        *(_post(post, reel_item(post, base_url), is_reel=True) for post in reels()),
    ]


def _post(post: Post, item: Item, *, is_reel: bool = False) -> GraphPost:
    likes = item["likesCount"]
    return GraphPost(
        id=f"179{post.number % 10**14:014}",
        number=post.number,
        owner=item["ownerUsername"],
        caption=item["caption"],
        media_type=_TYPES[item["type"]],
        is_reel=is_reel,
        taken_at=post.taken_at.astimezone(UTC),
        likes=None if likes < 0 else likes,
        comments=item["commentsCount"],
        media=tuple(_medium(child) for child in item["childPosts"]) or (_medium(item),),
    )


def _medium(item: Item) -> GraphMedium:
    return GraphMedium(item["displayUrl"], item.get("videoUrl", ""))
