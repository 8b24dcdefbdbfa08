"""What looks like a format and is none never becomes a row of nulls, and what stands around posts is no profile."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from instagram_assets.datasets.merged_records import CAPTION_COLUMNS, RECORD_COLUMNS, merged_records
from instagram_assets.datasets.table_parts import one_part
from instagram_assets.ingest.formats import comment_detection, graph_api, merged_dataset, nested_posts
from instagram_assets.ingest.formats.registry import format_of
from instagram_assets.ingest.merge import merge_posts
from instagram_assets.ingest.normalize import normalize_records
from instagram_assets.ingest.post_rows import to_post_rows
from instagram_assets.schemas import IMAGES
from instagram_assets_tests.ingest.formats import writers
from instagram_assets_tests.ingest.formats.writers import ALBUM, Medium
from instagram_assets_tests.ingest.records import SEEN, errors_of, post, profile, rows_of, source

USER = {"pk": "1001", "username": "sun_diary", "full_name": "Sun Diary", "is_private": False}
STORY = {
    "pk": "7",
    "id": "7_1001",
    "code": "AAAA",
    "taken_at": "2025-03-01T00:00:00Z",
    "media_type": 1,
    "user": USER,
    "mentions": [],
    "links": [],
    "hashtags": [],
    "locations": [],
    "stickers": [],
    "thumbnail_url": "https://x.y/z",
}


def tables_of(record: dict[str, Any]) -> list[str]:
    return [landed.table for landed in rows_of(record)]


@pytest.mark.parametrize(
    "record",
    [
        {"data": {"user": USER}},
        {"user": USER, "status": "ok"},
        USER,
        {"users": [{"position": 0, "user": USER}]},
        {"GraphProfileInfo": {"username": "sun_diary"}},
        {"config": {"viewer": {"username": "who.looks", "biography": "me", "id": "9"}}},
        {"data": {"viewer": {"username": "who.looks", "edge_followed_by": {"count": 3}}}},
        {"edge_related_profiles": {"edges": [{"node": {"username": "other", "edge_followed_by": {"count": 3}}}]}},
        {"id": "1", "timestamp": "2025-03-01T00:00:00Z", "text": "a tweet"},
        {"code": "KR", "id": 82, "name": "Korea"},
        {"shortcode": "DNQuxufAih9", "user_posted": "sun_diary", "date_posted": "2025-03-01", "likes": 3},
        {"username": "sun_diary", "caption": "x"},
        {"type": "Video", "id": "5", "url": "https://example.com/watch"},
    ],
)
def test_a_look_alike_is_named_as_unknown_and_is_no_row(record: dict[str, Any]) -> None:
    assert tables_of(record) == []
    (error,) = errors_of(record)
    assert "no post, reel or profile that we know" in error.reason


@pytest.mark.parametrize(
    "record",
    [
        STORY,
        {**writers.app(ALBUM), "product_type": "story"},
        {**writers.graph_api(ALBUM), "media_product_type": "STORY"},
        {**writers.gallery_dl(ALBUM)[0], "type": "story"},
        {**writers.gallery_dl(ALBUM)[0], "highlight_title": "summer"},
    ],
    ids=["instagrapi", "app", "graph-api", "gallery-dl", "gallery-dl-highlight"],
)
def test_a_story_is_no_post_and_says_so(record: dict[str, Any]) -> None:
    assert tables_of(record) == []
    assert [error.reason for error in errors_of(record)] == ["is a story; only posts, reels and profiles are read"]


@pytest.mark.parametrize(
    ("record", "name"),
    [
        (profile(), "apify_profiles"),
        ({**USER, "follower_count": 1000, "following_count": 10, "media_count": 3, "biography": "x"}, "app_profiles"),
        ({"user": {**USER, "follower_count": 1000, "following_count": 10, "media_count": 3}, "status": "ok"}, "pages"),
        (
            {"username": "sun_diary", "followers_count": 1000, "media_count": 3, "name": "x", "biography": "y"},
            "graph_api",
        ),
        ({"username": "sun_diary", "edge_followed_by": {"count": 1000}, "id": "1001"}, "web_profile"),
        ({"data": {"user": {"username": "sun_diary", "edge_followed_by": {"count": 1000}}}}, "pages"),
    ],
)
def test_a_profile_is_a_name_beside_numbers(record: dict[str, Any], name: str) -> None:
    assert format_of(record)[0] == name
    (landed,) = rows_of(record)
    assert (landed.table, landed.row["account"], landed.row["followers"]) == ("profiles", "sun_diary", 1000)


def test_ways_to_reach_a_person_are_not_kept() -> None:
    user = {
        **USER,
        "follower_count": 1,
        "public_email": "a@b.c",
        "contact_phone_number": "010",
        "address_street": "x 1",
    }
    (landed,) = rows_of(user)
    assert landed.row["extra"] is None


@pytest.mark.parametrize("name", ["timeline", "graph_nodes", "graph_api", "apify_posts"])
def test_a_post_below_a_user_is_never_lost_and_is_the_users(name: str) -> None:
    record = {"data": {"user": {**USER, "timeline": {"edges": [{"node": writers.WRITERS[name](ALBUM)}]}}}}
    (landed,) = rows_of(record)
    assert (landed.table, landed.row["account"], landed.row["post_id"]) == ("posts", "sun_diary", str(ALBUM.number))


def test_a_post_whose_owner_has_numbers_brings_no_profile() -> None:
    node = writers.graph_node(ALBUM)
    node["owner"] |= {"edge_followed_by": {"count": 7}, "edge_owner_to_timeline_media": {"count": 3}}
    assert tables_of(node) == tables_of({"data": {"xdt_shortcode_media": node}}) == ["posts"]


def test_a_business_discovery_is_the_profile_and_its_posts_even_where_these_name_no_owner() -> None:
    media = {key: value for key, value in writers.graph_api(ALBUM).items() if key != "username"}
    about = {"username": "sun_diary", "followers_count": 1000, "media_count": 1, "media": {"data": [media]}, "id": "17"}
    found = rows_of({"business_discovery": about, "id": "18"})
    assert [(landed.table, landed.row["account"]) for landed in found] == [
        ("profiles", "sun_diary"),
        ("posts", "sun_diary"),
    ]
    assert (found[0].row["profile_id"], found[1].row["owner"]) == (None, "sun_diary")


def test_a_graph_api_post_without_owner_says_what_was_not_asked_for() -> None:
    (error,) = errors_of({key: value for key, value in writers.graph_api(ALBUM).items() if key != "username"})
    assert (error.field, "hashtags never have it" in error.reason) == ("username", True)


def of_a_hashtag(account: str, **changes: Any) -> dict[str, Any]:
    """The row of a post as a hashtag's page gives it, where `account` is what was collected."""
    asked = ("id", "caption", "media_type", "media_url", "permalink", "timestamp", "like_count", "comments_count")
    media = {key: value for key, value in writers.graph_api(ALBUM).items() if key in (*asked, "children")} | changes
    (part,) = nested_posts.parts_in(media, source(), account=account, observed=SEEN)
    (row,) = to_post_rows([part], [0], graph_api.POST, source()).rows.to_pylist()
    return row


def test_a_post_of_a_collected_hashtag_is_the_hashtags_and_has_no_owner() -> None:
    row = of_a_hashtag("#육아일기")
    assert (row["account"], row["owner"], row["kind"]) == ("#육아일기", None, "post")
    assert (row["post_id"], row["observed_at"], row["likes"]) == (str(ALBUM.number), SEEN, ALBUM.likes)


def test_hidden_likes_of_a_hashtags_post_are_null() -> None:
    row = of_a_hashtag("#육아일기", like_count=None)
    assert (row["likes"], row["likes_hidden"]) == (None, True)


def test_a_reel_of_a_hashtag_is_known_by_its_address_since_no_product_can_be_asked_for() -> None:
    row = of_a_hashtag("#육아일기", media_type="VIDEO", permalink=f"https://www.instagram.com/reel/{ALBUM.code}/")
    assert (row["kind"], row["post_id"]) == ("reel", str(ALBUM.number))


def test_likes_that_the_graph_api_leaves_out_are_hidden_and_those_not_asked_for_are_unknown() -> None:
    record = writers.graph_api(ALBUM)
    del record["like_count"]
    (hidden,) = rows_of(record)
    del record["comments_count"]
    (unknown,) = rows_of(record)
    assert [(found.row["likes"], found.row["likes_hidden"]) for found in (hidden, unknown)] == [
        (None, True),
        (None, False),
    ]


def test_a_reel_of_the_graph_api_whose_video_may_not_be_fetched_keeps_its_row_with_the_reason() -> None:
    record = writers.graph_api(ALBUM._replace(media=(Medium("x", "y"),))) | {"media_product_type": "REELS"}
    (landed,) = rows_of({key: value for key, value in record.items() if key not in ("media_url", "thumbnail_url")})
    assert (landed.table, landed.row["media"], landed.row["product_type"]) == ("reels", [], "clips")
    assert "no picture is known" in landed.row["warnings"][0]


def test_a_refusal_of_the_graph_api_is_told_as_the_sources_error() -> None:
    (error,) = errors_of({"error": {"message": "Invalid user id", "type": "OAuthException", "code": 110}})
    assert error.reason == "source_error: Invalid user id"


def test_zeeschuimer_lines_of_other_sites_and_of_comments_are_refused() -> None:
    line = writers.zeeschuimer(ALBUM)
    (other,) = errors_of({**line, "source_platform": "tiktok.com"})
    assert "'tiktok.com', not instagram.com" in other.reason
    (comment,) = errors_of({**line, "data": {"pk": "1", "text": "SECRET", "user": USER, "created_at": 1}})
    assert comment.reason == comment_detection.DROPPED


def test_a_partial_line_of_zeeschuimer_is_set_aside_without_being_a_sign_of_a_changed_format() -> None:
    line = writers.zeeschuimer(ALBUM)
    del line["data"]["taken_at"]
    line["data"]["_zs_partial"] = True
    (problem,) = normalize_records([(0, line)], source()).problems
    assert (problem.error.field, problem.lacks) == ("data.taken_at", "")


def test_views_that_instagrapi_fills_with_zero_are_unknown() -> None:
    (landed,) = rows_of(writers.instagrapi(ALBUM))
    assert [landed.row[name] for name in ("views", "plays", "duration")] == [None, None, None]


def test_what_is_found_twice_in_one_record_counts_once_but_not_when_it_was_seen_at_two_times() -> None:
    first, later = post(scrapedAt="2025-08-01T00:00:00Z"), post(scrapedAt="2025-08-02T00:00:00Z", likesCount=130)
    assert len(rows_of({"a": {"posts": [first, first]}})) == 1
    assert [landed.row["likes"] for landed in rows_of({"a": {"posts": [first]}, "b": {"posts": [later]}})] == [120, 130]


def test_a_walk_ends_where_nobody_nests_posts() -> None:
    record: dict[str, Any] = {"a": [post()]}
    for _ in range(50):
        record = {"a": record}
    assert format_of(record)[0] == ""


@pytest.mark.parametrize("captions", [False, True])
def test_the_merged_dataset_is_read_back_as_what_it_was_made_of(captions: bool) -> None:
    when = datetime(2025, 8, 1, tzinfo=UTC)
    child = post(type="Image", displayUrl="https://cdn.example/c.jpg", childPosts=[])
    exported = [
        post(
            scrapedAt=when.isoformat(),
            type="Sidecar",
            childPosts=[child, child],
            taggedUsers=[{"username": "moon.cafe"}],
        ),
        post(id="3697661021377407102", shortCode="DNQuxufAih-", likesCount=-1, type="Video", productType="clips"),
        profile(scrapedAt=(when + timedelta(hours=1)).isoformat()),
    ]
    tables = normalize_records(enumerate(exported), source()).tables
    posts = merge_posts(tables["posts"], tables["reels"], tables["profiles"])
    records = list(merged_records(one_part(posts=posts, images=IMAGES.empty()), "all", captions=False))
    if captions:
        records = [{**record, "imageCaptions": [], "imageCaptionScores": []} for record in records]
    result = normalize_records(enumerate(records), source())
    assert [problem.error for problem in result.problems] == []
    assert set(result.formats) == {"merged"}
    assert not result.unknown
    again = merge_posts(result.tables["posts"], result.tables["reels"], result.tables["profiles"])
    moved = ["caption_sha256", "source_file", "source_sha256", "source_index", "extra", "observations"]
    assert plain(again.drop_columns(moved)) == plain(posts.drop_columns(moved))


def plain(table: pa.Table) -> list[dict[str, Any]]:
    """Rows without the size of each medium, which the dataset does not hold."""
    rows = table.to_pylist()
    for row in rows:
        row["media"] = [medium["url"] for medium in row["media"]]
    return rows


def test_every_key_of_the_merged_dataset_is_known_when_it_is_read_back() -> None:
    record = {column.name: None for column in (*RECORD_COLUMNS, *CAPTION_COLUMNS)}
    assert merged_dataset.is_record(record)
    assert merged_dataset.POST.unknown(record) == {}
