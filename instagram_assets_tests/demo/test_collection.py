"""What the demo collects by itself is the same each time, and every picture and film of it is served."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit
from urllib.request import urlopen

from instagram_assets.demo import collection
from instagram_assets.demo.catalogue import catalogue, posts, reels
from instagram_assets.demo.export import OBSERVED_AT
from instagram_assets.demo.instagram_site import PROFILE_PATH, InstagramServer
from instagram_assets.demo.server import DemoServer
from instagram_assets.ingest.post_ids import shortcode_of


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


def test_every_picture_is_served() -> None:
    with DemoServer(port=0) as server:
        api = [*collection.graph_accounts(server.url), collection.graph_hashtag(server.url)]
        posts = [post.node for source in api for post in source.posts]
        with InstagramServer({collection.BY_SITE[0]: collection.person(server.url)}) as site:
            profile = json.load(urlopen(f"{site.url}{PROFILE_PATH}?{urlencode({'username': collection.BY_SITE[0]})}"))
        wanted = {urlsplit(address).path.rpartition("/")[2] for address in addresses([*posts, profile])}
        assert {server.reply(f"/{name}").status for name in sorted(wanted & set(collection.media()))[:6]} == {200}
    # Of posts that are no reels nobody fetches a video.
    pictures = {name for name in wanted if not name.endswith(".mp4")}
    assert pictures <= {*catalogue(), *collection.media()}
    assert pictures & set(catalogue())
    assert pictures & set(collection.media())
    assert {name.rpartition(".")[2] for name in collection.media()} == {"jpg", "mp4"}


def test_the_hashtag_shows_posts_of_the_last_day_that_exports_have_as_well() -> None:
    shown = collection.graph_hashtag("").posts
    codes = {shortcode_of(post.number) for post in (*posts(), *reels())}
    assert {post.code for post in shown} <= codes
    last_day = [post for post in shown if collection.COLLECTED_AT - timedelta(hours=24) <= post.taken_at]
    assert 3 <= len(last_day) < len(shown)


def test_two_demos_collect_the_same() -> None:
    assert collection.media() == collection.media()
    assert collection.graph_hashtag("x") == collection.graph_hashtag("x")
    assert collection.COLLECTED_AT < OBSERVED_AT
    first, second = collection.StoppedClock(), collection.StoppedClock()
    first.sleep(30)
    assert (first.now() - second.now(), second.now()) == (30, collection.COLLECTED_AT.timestamp())
