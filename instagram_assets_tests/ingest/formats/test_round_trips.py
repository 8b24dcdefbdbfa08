"""What a tool wrote comes back: every column that the format has, of any post, alone and in any wrapper."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instagram_assets.ingest.formats.registry import format_of
from instagram_assets.ingest.normalize import NormalizedRecords, normalize_records
from instagram_assets_tests.ingest.formats import writers
from instagram_assets_tests.ingest.formats.writers import WRITERS, Plain, Record
from instagram_assets_tests.ingest.records import SEEN, source

WITHOUT_TAGGED = ("graph_api", "apify_overview")
COLUMNS = ("post_id", "shortcode", "account", "owner", "type", "taken_at", "caption", "likes", "comments", "tagged")


def expected(post: Plain, name: str) -> dict[str, Any]:
    row: dict[str, Any] = {
        "post_id": str(post.number),
        "shortcode": post.code,
        "account": post.owner,
        "owner": post.owner,
        "type": post.type,
        "taken_at": post.taken_at,
        "caption": post.caption,
        "likes": post.likes,
        "comments": post.comments,
        "tagged": list(post.tagged) if name not in WITHOUT_TAGGED else [],
        "media": [address for medium in post.media for address in medium if address],
    }
    if name == "apify_overview":
        row |= {"type": None, "media": []}
    return row


def came_back(result: NormalizedRecords) -> list[dict[str, Any]]:
    assert [problem.error for problem in result.problems] == []
    rows = [row for name in ("posts", "reels") for row in result.tables[name].to_pylist()]
    return [
        {**{name: row[name] for name in COLUMNS}, "media": [medium["url"] for medium in row["media"]]} for row in rows
    ]


@pytest.mark.parametrize("name", WRITERS)
@given(post=writers.posts())
@settings(max_examples=100, deadline=None)
def test_a_post_comes_back_from_the_record_of_each_format(name: str, post: Plain) -> None:
    record = WRITERS[name](post)
    assert format_of(record)[0] == name.partition("-")[0]
    result = normalize_records([(0, record)], source())
    assert came_back(result) == [expected(post, name)]
    assert result.tables["profiles"].num_rows == 0


@pytest.mark.parametrize("name", WRITERS)
@given(post=writers.posts())
@settings(max_examples=30, deadline=None)
def test_every_field_that_a_tool_always_writes_is_known(name: str, post: Plain) -> None:
    result = normalize_records([(0, WRITERS[name](post))], source())
    assert result.unknown == set()


@given(post=writers.posts())
@settings(max_examples=100, deadline=None)
def test_the_pictures_of_gallery_dl_that_stand_in_one_file_are_one_post(post: Plain) -> None:
    result = normalize_records(enumerate(writers.gallery_dl(post)), source())
    assert came_back(result) == [{**expected(post, "gallery_dl"), "comments": None}]


@given(post=writers.posts(), data=st.data())
@settings(max_examples=50, deadline=None)
def test_each_picture_of_gallery_dl_in_a_file_of_its_own_is_the_post_with_that_picture(post: Plain, data: Any) -> None:
    number = data.draw(st.integers(0, len(post.media) - 1))
    result = normalize_records([(0, writers.gallery_dl(post)[number])], source())
    alone = [address for address in post.media[number] if address]
    assert came_back(result) == [{**expected(post, "gallery_dl"), "comments": None, "media": alone}]


def edges(records: list[Record]) -> Record:
    return {"edges": [{"node": record, "cursor": ""} for record in records], "page_info": {"has_next_page": False}}


WRAPPERS: dict[str, Any] = {
    "graphql": lambda records: [{"graphql": {"shortcode_media": record}} for record in records],
    "data": lambda records: [{"data": {"shortcode_media": record}, "status": "ok"} for record in records],
    "xdt": lambda records: [{"data": {"xdt_shortcode_media": record}} for record in records],
    "items-of-one": lambda records: [{"data": {"items": [record], "count": 1}} for record in records],
    "data-items": lambda records: {"data": {"items": records, "user": {"username": "x_y", "pk": "1"}}, "message": "ok"},
    "items-and-more": lambda records: {"num_results": 1, "page": {"items": records}},
    "node": lambda records: [{"node": record} for record in records],
    "media": lambda records: [{"media": record} for record in records],
    "sections": lambda records: {
        "data": {"recent": {"sections": [{"layout_content": {"medias": [{"media": r}]}} for r in records]}}
    },
    "clips-of-sections": lambda records: {
        "media_grid": {
            "sections": [{"layout_content": {"one_by_two_item": {"clips": {"items": [{"media": r} for r in records]}}}}]
        }
    },
    "feed_items": lambda records: {"feed_items": [{"media_or_ad": record} for record in records]},
    "timeline": lambda records: {"data": {"user": {"edge_owner_to_timeline_media": edges(records)}}},
    "xdt-connection": lambda records: {
        "data": {"xdt_api__v1__feed__user_timeline_graphql_connection": edges(records), "viewer": {"biography": "x"}}
    },
    "hashtag": lambda records: {
        "graphql": {
            "hashtag": {
                "name": "x",
                "edge_hashtag_to_media": edges(records),
                "edge_hashtag_to_top_posts": edges(records),
            }
        }
    },
    "location": lambda records: {"graphql": {"location": {"name": "x", "edge_location_to_media": edges(records)}}},
    "GraphImages": lambda records: {"GraphImages": records, "GraphProfileInfo": {"username": "x_y"}},
    "sharedData": lambda records: {
        "config": {"viewer": {"username": "who.looks", "biography": "x", "id": "9"}},
        "entry_data": {"PostPage": [{"graphql": {"shortcode_media": record}} for record in records]},
    },
    "page-in-a-page": lambda records: {
        "require": [
            ["x", None, [{"__bbox": {"require": [["y", [], [{"__bbox": {"result": {"data": edges(records)}}}]]]}}]]
        ]
    },
    "a-wrapper-of-somebody": lambda records: {"meta": {"run": 3}, "scraped": {"people": {"a": records}}},
}


@pytest.mark.parametrize("wrapper", WRAPPERS)
@pytest.mark.parametrize("name", ["timeline", "graph_nodes", "instagrapi", "apify_posts"])
@given(posts=st.lists(writers.posts(), min_size=1, max_size=3, unique_by=lambda post: post.number))
@settings(max_examples=8, deadline=None)
def test_posts_are_found_by_their_shape_in_any_wrapper_once_and_in_order(
    name: str, wrapper: str, posts: list[Plain]
) -> None:
    value = WRAPPERS[wrapper]([WRITERS[name](post) for post in posts])
    result = normalize_records(enumerate(value if isinstance(value, list) else [value]), source())
    assert came_back(result) == [expected(post, name) for post in posts]
    assert result.tables["profiles"].num_rows == 0


@given(post=writers.posts(), milliseconds=st.integers(writers.END * 1000 + 1, int(SEEN.timestamp()) * 1000))
@settings(max_examples=50, deadline=None)
@pytest.mark.parametrize("name", ["zeeschuimer", "zeeschuimer-4cat"])
def test_a_line_of_zeeschuimer_was_observed_when_it_was_collected(name: str, post: Plain, milliseconds: int) -> None:
    record = WRITERS[name](post)
    (record if name == "zeeschuimer" else record["__import_meta"])["timestamp_collected"] = milliseconds
    (row,) = normalize_records([(0, record)], source()).tables["posts"].to_pylist()
    assert row["observed_at"] == datetime.fromtimestamp(milliseconds // 1000, UTC).replace(
        microsecond=milliseconds % 1000 * 1000
    )
