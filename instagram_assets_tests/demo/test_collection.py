"""What the demo collects by itself is the same each time, and every picture and film of it is served."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode, urlsplit
from urllib.request import urlopen

from instagram_assets.demo import collection
from instagram_assets.demo.instagram_site import PROFILE_PATH, InstagramServer
from instagram_assets.demo.server import DemoServer


def addresses(value: Any) -> Iterator[str]:
    """Every address of a picture or a film of posts in an answer."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in ("media_url", "thumbnail_url", "display_url", "video_url") and inner:
                yield inner
            elif key != "profile_pic_url":
                yield from addresses(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from addresses(inner)


def test_every_picture_and_film_is_served() -> None:
    url = "http://127.0.0.1:1/x"
    posts = (*collection.graph_account(url).posts, *collection.graph_hashtag(url).posts)
    with InstagramServer({collection.BY_SITE[0]: collection.person(url)}) as site:
        profile = json.load(urlopen(f"{site.url}{PROFILE_PATH}?{urlencode({'username': collection.BY_SITE[0]})}"))
    wanted = {*addresses([post.node for post in posts]), *addresses(profile)}
    with DemoServer(port=0) as server:
        replies = {address: server.reply(urlsplit(address).path.rpartition("/")[2]) for address in sorted(wanted)[:6]}
        known = set(collection.media())
    assert {reply.status for reply in replies.values()} == {200}
    assert {urlsplit(address).path.rpartition("/")[2] for address in wanted} <= known
    assert any(name.endswith(".mp4") for name in known)


def test_two_demos_collect_the_same() -> None:
    assert collection.media() == collection.media()
    assert collection.graph_hashtag("x") == collection.graph_hashtag("x")
    first, second = collection.StoppedClock(), collection.StoppedClock()
    first.sleep(30)
    assert (first.now() - second.now(), second.now()) == (30, collection.COLLECTED_AT.timestamp())
