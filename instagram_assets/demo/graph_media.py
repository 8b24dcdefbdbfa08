"""Invented accounts, hashtags and posts as Meta's Graph API knows them: what an owner writes, day after day.

Everything follows from a name and a seed, so that two servers, or a server and a test, mean the same posts.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from instagram_assets.demo.codes import media_id
from instagram_assets.demo.diary import diary
from instagram_assets.demo.scenes import COLOURS, SHAPES, Scene
from instagram_assets.ingest.post_ids import shortcode_of

Node = dict[str, Any]

_CDN = "https://scontent.cdninstagram.com/v"
_TYPES = ("IMAGE", "IMAGE", "CAROUSEL_ALBUM", "VIDEO")
_DAY_SECONDS = 86_400


class GraphMedium(NamedTuple):
    """The addresses of one picture and, where it is the preview of one, of its video."""

    image: str
    video: str = ""


@dataclass(frozen=True)
class GraphPost:
    """One post with all fields that the API has of it; `likes` are null where its owner hides them."""

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
    def node(self) -> Node:
        """The post as the API would give it if all fields were asked for; what does not hold is left out."""
        first = self.media[0]
        node: Node = {
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

    def _child(self, medium: GraphMedium, place: int) -> Node:
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
    def node(self) -> Node:
        """The account without its posts."""
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
    """A hashtag, without its sign, with the posts of many owners, newest first; `top` are those at its top."""

    name: str
    id: str
    posts: Sequence[GraphPost]
    top: Sequence[GraphPost] = ()


def account(name: str, posts: int, newest: datetime, *, hours_apart: float = 12, base_url: str = _CDN) -> GraphAccount:
    """An account with so many posts, each so many hours before the one after it."""
    rng = random.Random(f"account {name}")
    made = [
        post(rng, name, newest - timedelta(hours=hours_apart * number), base_url=base_url) for number in range(posts)
    ]
    return GraphAccount(name, f"1784{rng.randrange(10**12, 10**13)}", made, rng.randrange(200, 60_000))


def hashtag(name: str, first_day: datetime, days: int, per_day: int, *, base_url: str = _CDN) -> GraphHashtag:
    """A hashtag with so many posts on each of some days, at any time of the day; the three most liked are its top."""
    rng = random.Random(f"hashtag {name}")
    made = [
        post(rng, f"user{rng.randrange(10**6)}", _within(first_day + timedelta(days=day), rng), name, base_url=base_url)
        for day in range(days)
        for _ in range(per_day)
    ]
    made.sort(key=lambda each: (each.taken_at, each.number), reverse=True)
    top = sorted(made, key=lambda each: (-(each.likes or 0), each.number))[:3]
    return GraphHashtag(name, f"1784{rng.randrange(10**12, 10**13)}", made, top)


def post(
    rng: random.Random, owner: str, taken_at: datetime, tag: str = "육아일기", *, base_url: str = _CDN
) -> GraphPost:
    """One post of an owner; every tenth hides its likes."""
    taken_at = taken_at.astimezone(UTC).replace(microsecond=0)
    kind = rng.choice(_TYPES)
    scene = Scene(rng.choice(list(SHAPES)), rng.choice(list(COLOURS)), "white", 600, 600, rng.randrange(10**6))
    number = media_id(taken_at, rng.randrange(1 << 23))
    album, video = kind == "CAROUSEL_ALBUM", kind == "VIDEO"
    address = f"{base_url}/{shortcode_of(number)}"
    return GraphPost(
        id=f"179{rng.randrange(10**13, 10**14)}",
        number=number,
        owner=owner,
        caption=f"{diary(scene, rng)} #{tag}",
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
