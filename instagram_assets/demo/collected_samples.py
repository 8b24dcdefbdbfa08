"""Sample data for the demo's collectors: an account and a hashtag of the Graph API, and an account of Instagram's site.

The API's posts are those of the demo's export, in the format of the API. The site's account is a separate
synthetic one; its images are generated from their file names and served by the demo's server.
"""

import random
from datetime import timedelta
from posixpath import basename
from urllib.parse import urlsplit

from instagram_assets.demo.graph_api_data import (
    SAMPLE_NOW,
    GraphAccount,
    GraphHashtag,
    sample_graph_accounts,
    sample_graph_hashtag,
)
from instagram_assets.demo.instagram_data import SitePerson
from instagram_assets.demo.sample_videos import SampleVideo
from instagram_assets.demo.synthetic_images import SCENE_COLOURS, SCENE_SHAPES, Scene

COLLECTED_AT = SAMPLE_NOW
"""Fixed time of collection, so that two demos produce the same lake; it is before the exports were read."""
GRAPH_API_SUBJECTS = ("demo.sol.garden", "#육아일기")
INSTAGRAM_SUBJECTS = ("demo.narae.walks",)
_POSTS_OF_SITE = 14  # more than the profile response contains
_BEFORE = timedelta(hours=5)
_SIZE = 640
_SECONDS = 6.0
_SCENES = 2
_LONGEST_ALBUM = 2


class StoppedClock:
    """A fake clock that starts at `COLLECTED_AT`; `sleep` returns at once and advances it."""

    def __init__(self) -> None:
        self._now = COLLECTED_AT.timestamp()

    def now(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        self._now += max(0.0, seconds)


def collected_accounts_of_api(base_url: str) -> list[GraphAccount]:
    """Return the only account of the fake Graph API; image URLs are below `base_url`."""
    return sample_graph_accounts(base_url, GRAPH_API_SUBJECTS[:1])


def collected_hashtag(base_url: str) -> GraphHashtag:
    """Return the only hashtag of the fake Graph API; image URLs are below `base_url`.

    The API returns its posts of the last 24 hours, without their owners.
    """
    return sample_graph_hashtag(GRAPH_API_SUBJECTS[1][1:], base_url)


def site_person(base_url: str) -> SitePerson:
    """Return the synthetic account of Instagram's site; image URLs are below `base_url`."""
    return SitePerson.made(INSTAGRAM_SUBJECTS[0], _POSTS_OF_SITE, newest=COLLECTED_AT - _BEFORE, delivery=base_url)


def site_media() -> dict[str, Scene | SampleVideo]:
    """Return the content of each image and video of the site's account, keyed by file name."""
    posts = site_person("").posts
    pictures = [post.picture(place) for post in posts for place in range(_LONGEST_ALBUM)]
    films = [post.film for post in posts if post.is_video]
    return {name: _content(name) for name in map(_name, (*pictures, *films))}


def _name(address: str) -> str:
    return basename(urlsplit(address).path)


def _content(name: str) -> Scene | SampleVideo:
    """Return the image or video for a file name; a video begins with the scene of its cover image."""
    stem, _, suffix = name.rpartition(".")
    rng = random.Random(stem)
    colour, background = rng.sample(list(SCENE_COLOURS), 2)
    scene = Scene(rng.choice(list(SCENE_SHAPES)), colour, background, _SIZE, _SIZE, rng.randrange(10**6))
    return SampleVideo(scene, _SECONDS, _SCENES, rng.randrange(10**6)) if suffix == "mp4" else scene
