"""What the demo collects by itself: a hashtag and an account of Meta's API, and an account of Instagram's site.

They are invented, and so are their pictures, whose names follow from them: the demo's server has them.
"""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from posixpath import basename
from typing import Any
from urllib.parse import urlsplit

from instagram_assets.demo.films import Film
from instagram_assets.demo.graph_media import GraphAccount, GraphHashtag, account, hashtag
from instagram_assets.demo.instagram_people import Person
from instagram_assets.demo.scenes import COLOURS, SHAPES, Scene

COLLECTED_AT = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
"""When it is collected, so that two demos make the same lake."""
BY_API = ("demo.mir.sketch", "#육아일기")
BY_SITE = ("demo.narae.walks",)
POSTS, POSTS_OF_SITE = 6, 14  # of the site more than come with the profile
_SIZE = 640
_SECONDS = 6.0
_SCENES = 2
_LONGEST_ALBUM = 4


class StoppedClock:
    """A clock that always begins at COLLECTED_AT and moves only while somebody sleeps, at once."""

    def __init__(self) -> None:
        self._now = COLLECTED_AT.timestamp()

    def now(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        self._now += max(0.0, seconds)


def graph_account(base_url: str) -> GraphAccount:
    """The account of the API, with pictures below `base_url`."""
    return account(BY_API[0], POSTS, COLLECTED_AT - timedelta(hours=3), base_url=base_url)


def graph_hashtag(base_url: str) -> GraphHashtag:
    """The hashtag of the API: posts of the last day, whose owners it does not tell."""
    return hashtag(BY_API[1][1:], COLLECTED_AT - timedelta(hours=24), 1, POSTS, base_url=base_url)


def person(base_url: str) -> Person:
    """The account of the site."""
    return Person.made(BY_SITE[0], POSTS_OF_SITE, newest=COLLECTED_AT - timedelta(hours=5), delivery=base_url)


def media() -> dict[str, Scene | Film]:
    """Each picture and film of all three by its file name."""
    posts = (*graph_account("").posts, *graph_hashtag("").posts)
    addresses = [address for post in posts for address in _addresses(post.node)]
    for post in person("").posts:
        addresses += [*(post.picture(place) for place in range(_LONGEST_ALBUM)), post.film]
    return {name: _content(name) for name in map(_name, addresses)}


def _addresses(node: dict[str, Any]) -> Iterator[str]:
    for one in (node, *node.get("children", {}).get("data", ())):
        yield from (one[key] for key in ("media_url", "thumbnail_url") if key in one)


def _name(address: str) -> str:
    return basename(urlsplit(address).path)


def _content(name: str) -> Scene | Film:
    """What a file shows; a film begins with what its cover shows."""
    stem, _, suffix = name.rpartition(".")
    rng = random.Random(stem)
    colour, background = rng.sample(list(COLOURS), 2)
    scene = Scene(rng.choice(list(SHAPES)), colour, background, _SIZE, _SIZE, rng.randrange(10**6))
    return Film(scene, _SECONDS, _SCENES, rng.randrange(10**6)) if suffix == "mp4" else scene
