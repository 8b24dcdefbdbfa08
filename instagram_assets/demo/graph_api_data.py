"""Sample accounts, hashtags and posts in the format of Meta's Graph API, for the fake API server."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from instagram_assets.demo.apify_items import ApifyItem, post_item, reel_item
from instagram_assets.demo.sample_captions import diary_caption
from instagram_assets.demo.sample_catalogue import (
    ACCOUNTS,
    DAYS,
    SAMPLE_FIRST_DAY,
    ZONE,
    SamplePost,
    new_media_id,
    sample_posts,
    sample_reels,
)
from instagram_assets.demo.synthetic_images import SCENE_COLOURS, SCENE_SHAPES, Scene
from instagram_assets.ingest.hashtags import hashtags_in
from instagram_assets.ingest.post_ids import shortcode_of

GraphNode = dict[str, Any]

_CDN = "https://scontent.cdninstagram.com/v"
_TYPES = ("IMAGE", "IMAGE", "CAROUSEL_ALBUM", "VIDEO")
_DAY_SECONDS = 86_400


class GraphMedium(NamedTuple):
    """One medium of a post: its image URL and, if the image previews a video, the video URL."""

    image: str
    video: str = ""


@dataclass(frozen=True)
class GraphPost:
    """A post with all fields of the API; `likes` is None if its owner hides the count."""

    id: str
    number: int
    owner: str
    caption: str
    media_type: str
    is_reel: bool
    taken_at: datetime
    likes: int | None
    comments: int
    media: tuple[GraphMedium, ...]

    @property
    def code(self) -> str:
        return shortcode_of(self.number)

    @property
    def node(self) -> GraphNode:
        """Return the post as JSON with all fields of the API; fields that do not apply are omitted."""
        first = self.media[0]
        node: GraphNode = {
            "id": self.id,
            "caption": self.caption,
            "comments_count": self.comments,
            "media_product_type": "REELS" if self.is_reel else "FEED",
            "media_type": self.media_type,
            "permalink": f"https://www.instagram.com/{'reel' if self.is_reel else 'p'}/{self.code}/",
            "timestamp": f"{self.taken_at:%Y-%m-%dT%H:%M:%S+0000}",
            "username": self.owner,
        }
        if self.likes is not None:
            node["like_count"] = self.likes
        if self.media_type == "CAROUSEL_ALBUM":
            children = [self._child(medium, place) for place, medium in enumerate(self.media, start=1)]
            return {**node, "children": {"data": children}}
        node["media_url"] = first.video or first.image
        if self.media_type == "VIDEO":
            node |= {"thumbnail_url": first.image, "view_count": self.comments * 40}
        return node

    def _child(self, medium: GraphMedium, place: int) -> GraphNode:
        kind = "VIDEO" if medium.video else "IMAGE"
        return {"id": f"{self.id}{place}", "media_type": kind, "media_url": medium.video or medium.image}


@dataclass(frozen=True)
class GraphAccount:
    """A professional account with its posts, newest first."""

    name: str
    id: str
    posts: Sequence[GraphPost]
    followers: int = 1_000
    full_name: str = ""
    biography: str = "그림일기"

    @property
    def node(self) -> GraphNode:
        """Return the account as JSON with all fields of the API, without its posts."""
        return {
            "id": self.id,
            "username": self.name,
            "name": self.full_name or self.name.replace("_", " ").title(),
            "biography": self.biography,
            "website": f"https://example.com/{self.name}",
            "followers_count": self.followers,
            "follows_count": 120,
            "media_count": len(self.posts),
            "profile_picture_url": f"{_CDN}/{self.name}.jpg",
        }


@dataclass(frozen=True)
class GraphHashtag:
    """A hashtag, without #, with posts of many owners, newest first; `top` are its top posts."""

    name: str
    id: str
    posts: Sequence[GraphPost]
    top: Sequence[GraphPost] = ()


def graph_account(
    name: str, posts: int, newest: datetime, *, hours_apart: float = 12, base_url: str = _CDN
) -> GraphAccount:
    """Return an account with `posts` random posts, `hours_apart` hours apart, the last at `newest`."""
    rng = random.Random(f"account {name}")
    made = [
        graph_post(rng, name, newest - timedelta(hours=hours_apart * number), base_url=base_url)
        for number in range(posts)
    ]
    return GraphAccount(name, f"1784{rng.randrange(10**12, 10**13)}", made, rng.randrange(200, 60_000))


def graph_hashtag(name: str, first_day: datetime, days: int, per_day: int, *, base_url: str = _CDN) -> GraphHashtag:
    """Return a hashtag with `per_day` posts at random times on each of `days` days.

    Its top posts are the three with the most likes.
    """
    rng = random.Random(f"hashtag {name}")
    made = [
        graph_post(
            rng, f"user{rng.randrange(10**6)}", _within(first_day + timedelta(days=day), rng), name, base_url=base_url
        )
        for day in range(days)
        for _ in range(per_day)
    ]
    made.sort(key=lambda each: (each.taken_at, each.number), reverse=True)
    top = sorted(made, key=lambda each: (-(each.likes or 0), each.number))[:3]
    return GraphHashtag(name, f"1784{rng.randrange(10**12, 10**13)}", made, top)


def graph_post(
    rng: random.Random, owner: str, taken_at: datetime, tag: str = "육아일기", *, base_url: str = _CDN
) -> GraphPost:
    """Return a random post of an owner, created at `taken_at`; one in ten hides the like count."""
    taken_at = taken_at.astimezone(UTC).replace(microsecond=0)
    kind = rng.choice(_TYPES)
    scene = Scene(
        rng.choice(list(SCENE_SHAPES)), rng.choice(list(SCENE_COLOURS)), "white", 600, 600, rng.randrange(10**6)
    )
    number = new_media_id(taken_at, rng.randrange(1 << 23))
    album, video = kind == "CAROUSEL_ALBUM", kind == "VIDEO"
    address = f"{base_url}/{shortcode_of(number)}"
    return GraphPost(
        id=f"179{rng.randrange(10**13, 10**14)}",
        number=number,
        owner=owner,
        caption=f"{diary_caption(scene, rng)} #{tag}",
        media_type=kind,
        is_reel=video,
        taken_at=taken_at,
        likes=None if rng.random() < 0.1 else rng.randrange(2, 900),
        comments=rng.randrange(0, 60),
        media=tuple(
            GraphMedium(f"{address}_{place}.jpg", f"{address}_{place}.mp4" if video else "")
            for place in range(1, 3 + number % 3 if album else 2)
        ),
    )


def _within(day: datetime, rng: random.Random) -> datetime:
    return day + timedelta(seconds=rng.randrange(_DAY_SECONDS))


SAMPLE_NOW = datetime.combine(SAMPLE_FIRST_DAY + timedelta(days=DAYS - 1), datetime.min.time(), ZONE).replace(
    hour=23, minute=59
)
"""A time after all of the demo's posts, the last of which is within the 24 hours that a hashtag shows."""

_MEDIA_TYPES = {"Image": "IMAGE", "Sidecar": "CAROUSEL_ALBUM", "Video": "VIDEO"}


def sample_graph_accounts(base_url: str, names: Sequence[str] = ()) -> list[GraphAccount]:
    """Return the accounts of the demo in `names` (empty: all), each with the posts that it owns.

    Image URLs are below `base_url`.
    """
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


def sample_graph_hashtag(name: str, base_url: str) -> GraphHashtag:
    """Return the hashtag `name` (without #) with all posts of the demo that contain it.

    Its top posts are the three with the most likes.
    """
    rng = random.Random(f"hashtag {name}")
    tagged = [post for post in _newest_first(_all(base_url)) if name in hashtags_in(post.caption)]
    top = sorted(tagged, key=lambda each: (-(each.likes or 0), each.number))[:3]
    return GraphHashtag(name, f"1784{rng.randrange(10**12, 10**13)}", tagged, top)


def _newest_first(made: Iterable[GraphPost]) -> list[GraphPost]:
    return sorted(made, key=lambda each: (each.taken_at, each.number), reverse=True)


def _all(base_url: str) -> list[GraphPost]:
    return [
        *(_post(post, post_item(post, base_url)) for post in sample_posts()),
        *(_post(post, reel_item(post, base_url), is_reel=True) for post in sample_reels()),
    ]


def _post(post: SamplePost, item: ApifyItem, *, is_reel: bool = False) -> GraphPost:
    likes = item["likesCount"]
    return GraphPost(
        id=f"179{post.number % 10**14:014}",
        number=post.number,
        owner=item["ownerUsername"],
        caption=item["caption"],
        media_type=_MEDIA_TYPES[item["type"]],
        is_reel=is_reel,
        taken_at=post.taken_at.astimezone(UTC),
        likes=None if likes < 0 else likes,
        comments=item["commentsCount"],
        media=tuple(_medium(child) for child in item["childPosts"]) or (_medium(item),),
    )


def _medium(item: ApifyItem) -> GraphMedium:
    return GraphMedium(item["displayUrl"], item.get("videoUrl", ""))
