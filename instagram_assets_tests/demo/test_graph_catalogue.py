"""The demo's posts as the Graph API tells of them: the posts of its exports, whatever they are seen through."""

from datetime import UTC, timedelta
from itertools import pairwise
from typing import Any

from instagram_assets.demo.apify_items import post_item, reel_item
from instagram_assets.demo.graph_api_data import SAMPLE_NOW, sample_graph_accounts, sample_graph_hashtag
from instagram_assets.demo.sample_catalogue import ACCOUNTS, sample_posts, sample_reels
from instagram_assets_tests.ingest.records import rows_of, source

BASE = "http://127.0.0.1:48123"
SAME = ("post_id", "shortcode", "owner", "taken_at", "caption", "likes", "likes_hidden", "comments", "kind", "media")


def seen(record: dict[str, Any], file: str = "api.json") -> tuple[object, ...]:
    (landed,) = rows_of(record, where=source(file, first_seen=SAMPLE_NOW + timedelta(days=1)))
    media = [(medium["kind"], medium["url"]) for medium in landed.row["media"]]
    return (*(landed.row[name] for name in SAME[:-1]), media)


def test_a_post_of_the_demo_is_the_same_through_an_export_and_through_the_api() -> None:
    exported = [
        *(("posts.json", post_item(post, BASE)) for post in sample_posts()[:60]),
        *(("reels.json", reel_item(reel, BASE)) for reel in sample_reels()[:10]),
    ]
    of_the_api = {post.code: post.node for account in sample_graph_accounts(BASE) for post in account.posts}
    owned = [(name, item) for name, item in exported if item["shortCode"] in of_the_api]
    assert len(owned) > 60
    for name, item in owned:
        through_export, through_api = seen(item, name), seen(of_the_api[item["shortCode"]])
        # The API names no preview of a video that stands in an album.
        if item["type"] == "Sidecar" and any("videoUrl" in child for child in item["childPosts"]):
            assert through_export[:-1] == through_api[:-1]
        else:
            assert through_export == through_api


def test_a_hashtag_of_the_demo_is_all_posts_that_carry_it_newest_first_and_some_are_of_its_last_day() -> None:
    tag = sample_graph_hashtag("육아일기", BASE)
    assert all("#육아일기" in post.caption for post in tag.posts)
    assert all(newer.taken_at >= older.taken_at for newer, older in pairwise(tag.posts))
    assert [post for post in tag.posts if SAMPLE_NOW - timedelta(days=1) < post.taken_at <= SAMPLE_NOW]
    assert max(post.taken_at for post in tag.posts) <= SAMPLE_NOW.astimezone(UTC)


def test_accounts_of_the_demo_can_be_chosen() -> None:
    names = [ACCOUNTS[2].name, ACCOUNTS[0].name]
    assert [account.name for account in sample_graph_accounts(BASE, names)] == sorted(names)
