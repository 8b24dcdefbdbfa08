"""What the demo collects by itself is the same each time, and every picture and film of it is served."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit
from urllib.request import urlopen

from instagram_assets.demo import collected_samples as collected
from instagram_assets.demo.export import SAMPLE_OBSERVED_AT
from instagram_assets.demo.instagram_server import PROFILE_PATH, InstagramServer
from instagram_assets.demo.sample_catalogue import image_catalogue, sample_posts, sample_reels
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
        api = [
            *collected.collected_accounts_of_api(server.url),
            collected.collected_hashtag(server.url),
        ]
        sample_posts = [post.node for source in api for post in source.posts]
        with InstagramServer({collected.INSTAGRAM_SUBJECTS[0]: collected.site_person(server.url)}) as site:
            profile = json.load(
                urlopen(f"{site.url}{PROFILE_PATH}?{urlencode({'username': collected.INSTAGRAM_SUBJECTS[0]})}")
            )
        wanted = {urlsplit(address).path.rpartition("/")[2] for address in addresses([*sample_posts, profile])}
        assert {server.reply(f"/{name}").status for name in sorted(wanted & set(collected.site_media()))[:6]} == {200}
    # Of posts that are no reels nobody fetches a video.
    pictures = {name for name in wanted if not name.endswith(".mp4")}
    assert pictures <= {*image_catalogue(), *collected.site_media()}
    assert pictures & set(image_catalogue())
    assert pictures & set(collected.site_media())
    assert {name.rpartition(".")[2] for name in collected.site_media()} == {"jpg", "mp4"}


def test_the_hashtag_shows_posts_of_the_last_day_that_exports_have_as_well() -> None:
    shown = collected.collected_hashtag("").posts
    codes = {shortcode_of(post.number) for post in (*sample_posts(), *sample_reels())}
    assert {post.code for post in shown} <= codes
    last_day = [post for post in shown if collected.COLLECTED_AT - timedelta(hours=24) <= post.taken_at]
    assert 3 <= len(last_day) < len(shown)


def test_two_demos_collect_the_same() -> None:
    assert collected.site_media() == collected.site_media()
    assert collected.collected_hashtag("x") == collected.collected_hashtag("x")
    assert collected.COLLECTED_AT < SAMPLE_OBSERVED_AT
    first, second = collected.StoppedClock(), collected.StoppedClock()
    first.sleep(30)
    assert (first.now() - second.now(), second.now()) == (30, collected.COLLECTED_AT.timestamp())
