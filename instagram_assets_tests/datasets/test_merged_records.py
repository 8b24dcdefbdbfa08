"""What the merged record promises: Apify's names, each post once, its images in order."""

import pytest

from instagram_assets import schemas
from instagram_assets.datasets.merged_records import CAPTION_COLUMNS, RECORD_COLUMNS, kind_of, merged_records
from instagram_assets.datasets.table_parts import one_part
from instagram_assets.settings import Mode
from instagram_assets_tests.datasets.tables import caption, captions, image, images, post, posts


def test_a_record_has_every_documented_key_in_order():
    (record,) = merged_records(one_part(posts=posts({"post_id": "1", "account": "mina.draws", "kind": "post"})), "all")
    assert list(record) == [column.name for column in RECORD_COLUMNS]


def test_a_record_speaks_the_language_of_apify():
    (record,) = merged_records(one_part(posts=posts(post("7", type="sidecar", plays=4))), "all")
    expected = {
        "id": "7",
        "shortCode": "C7",
        "type": "Sidecar",
        "timestamp": "2024-05-01T03:07:15.000Z",
        "day": "2024-05-01",
        "ownerUsername": "mina.draws",
        "ownerFullName": "Mina draws",
        "likesCount": 30,
        "commentsCount": 10,
        "videoPlayCount": 4,
        "videoViewCount": None,
        "followersCount": 160,
        "displayUrl": "https://cdn.example/7.jpg",
        "imageUrls": ["https://cdn.example/7.jpg"],
    }
    assert {key: record[key] for key in expected} == expected


def test_hidden_likes_are_null_and_flagged():
    (record,) = merged_records(one_part(posts=posts(post("1", likes=None, likes_hidden=True))), "all")
    assert (record["likesCount"], record["likesHidden"]) == (None, True)


def test_fetched_images_come_in_the_order_of_the_post_and_failed_ones_do_not():
    table = images(image("1", 2), image("1", 0), image("1", 1, status="failed", path=None), image("2"))
    records = list(
        merged_records(one_part(posts=posts(post("1"), post("2"), post("3")), images=table), "all", "../media")
    )
    assert [record["images"] for record in records] == [
        ["../media/ab/1-0.jpg", "../media/ab/1-2.jpg"],
        ["../media/ab/2-0.jpg"],
        [],
    ]


def test_a_video_is_no_image_but_its_cover_is():
    media = [{"position": 0, "kind": "video", "url": "v.mp4"}, {"position": 0, "kind": "image", "url": "cover.jpg"}]
    (record,) = merged_records(one_part(posts=posts(post("1", media=media))), "all")
    assert (record["displayUrl"], record["imageUrls"]) == ("cover.jpg", ["cover.jpg"])


def test_a_collaboration_collected_twice_appears_once_under_its_owner():
    table = posts(post("1", "aaa", owner="zoe"), post("1", "zoe", owner="zoe"), post("1", "bbb", owner="zoe"))
    (record,) = merged_records(
        one_part(posts=table, images=images(image("1", account="zoe"), image("1", 1, account="aaa"))), "all"
    )
    assert (record["account"], record["images"]) == ("zoe", ["ab/1-0.jpg"])


def test_a_collaboration_without_its_owner_appears_under_the_first_account():
    table = posts(post("1", "ccc", owner="zoe"), post("1", "bbb", owner=None))
    assert [record["account"] for record in merged_records(one_part(posts=table), "all")] == ["bbb"]


def test_each_picture_has_its_caption_in_the_order_of_the_pictures_and_null_where_none_was_made():
    table = images(image("1", 2), image("1", 0), image("1", 1), image("2", image_id="1" * 8))
    made = captions(
        caption("12" * 4, "a cat", score=0.312345),
        caption("10" * 4, None, status="skipped", score=None),
        caption("10" * 4, "a dog", score=None),
        caption("11" * 4, None, status="failed", score=None),
    )
    first, second = merged_records(
        one_part(posts=posts(post("1"), post("2", caption="none")), images=table, captions=made), "all", captions=True
    )
    assert list(first) == [column.name for column in (*RECORD_COLUMNS, *CAPTION_COLUMNS)]
    assert first["images"] == ["ab/1-0.jpg", "ab/1-1.jpg", "ab/1-2.jpg"]
    assert first["imageCaptions"] == ["a dog", None, "a cat"]
    assert first["imageCaptionScores"] == [None, None, 0.3123]
    assert second["imageCaptions"] == [None]


def test_the_same_picture_in_two_posts_has_one_caption():
    table = images(image("1", image_id="same"), image("2", image_id="same"))
    records = merged_records(
        one_part(posts=posts(post("1"), post("2")), images=table, captions=captions(caption("same", "a cat"))),
        "all",
        captions=True,
    )
    assert [record["imageCaptions"] for record in records] == [["a cat"], ["a cat"]]


def test_records_have_the_same_keys_before_the_first_caption_is_made():
    (record,) = merged_records(one_part(posts=posts(post("1")), images=images(image("1"))), "all", captions=True)
    assert (record["imageCaptions"], record["imageCaptionScores"]) == ([None], [None])


@pytest.mark.parametrize(("mode", "ids"), [("all", ["1", "2"]), ("post", ["1"]), ("reel", ["2"])])
def test_the_mode_chooses_the_kind(mode: Mode, ids: list[str]):
    table = posts(post("2", kind="reel"), post("1"))
    assert [record["id"] for record in merged_records(one_part(posts=table), mode)] == ids


def test_the_order_of_the_rows_does_not_matter():
    rows = [post("3"), post("1", "zoe"), post("2")]
    forward, backward = (list(merged_records(one_part(posts=posts(*r)), "all")) for r in (rows, rows[::-1]))
    assert forward == backward
    assert [record["id"] for record in forward] == ["2", "3", "1"]


def test_no_posts_give_no_records():
    assert list(merged_records(one_part(posts=schemas.POSTS.empty()), "all")) == []


@pytest.mark.parametrize(
    ("record", "kind"),
    [
        ({"kind": "reel", "type": "Video"}, "reel"),
        ({"type": "post"}, "post"),
        ({"type": "Video", "productType": "clips"}, "reel"),
        ({"type": "Video", "productType": "igtv"}, "post"),
        ({"url": "https://www.instagram.com/reel/C1/"}, "reel"),
        ({"type": "Sidecar"}, "post"),
        ({"type": "Video"}, None),
        ({"type": ["post"], "url": None}, None),
    ],
)
def test_the_kind_of_foreign_records_is_recognised(record: dict[str, object], kind: str | None):
    assert kind_of(record) == kind
