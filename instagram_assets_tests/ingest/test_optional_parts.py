"""One part that is missing, empty or odd never throws a post out when the post can do without it."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from instagram_assets_tests.ingest.formats import writers
from instagram_assets_tests.ingest.formats.writers import Medium, Plain
from instagram_assets_tests.ingest.records import errors_of, post, profile, rows_of

NAN = float("nan")
COVER, A, B = "https://cdn.example/cover.jpg", "https://cdn.example/a.jpg", "https://cdn.example/b.jpg"
ALBUM = Plain(2**60, "sun_diary", 1001, 1_740_000_000, "x", 1, 2, (Medium(COVER), Medium(B)), ())


def row(record: dict[str, Any]) -> dict[str, Any]:
    assert errors_of(record) == []
    (landed,) = rows_of(record)
    return landed.row


def urls(record: dict[str, Any]) -> list[str]:
    return [medium["url"] for medium in row(record)["media"]]


def without(record: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key not in keys}


def node(**changes: Any) -> dict[str, Any]:
    return without(writers.graph_node(ALBUM), "edge_sidecar_to_children") | changes


@pytest.mark.parametrize(
    "record",
    [
        node(),
        node(edge_sidecar_to_children={"edges": []}),
        node(edge_sidecar_to_children=None),
        node(edge_sidecar_to_children={"edges": [{"node": {"display_url": None}}]}),
        {"node": node(), "instaloader": {"node_type": "Post"}},
        without(writers.app(ALBUM), "carousel_media") | {"image_versions2": {"candidates": [{"url": COVER}]}},
        without(writers.instagrapi(ALBUM), "resources") | {"thumbnail_url": COVER, "resources": []},
        without(writers.graph_api(ALBUM), "children"),
        post(type="Sidecar", displayUrl=COVER),
        post(type="Sidecar", displayUrl=COVER, childPosts=[{"displayUrl": None}]),
    ],
)
def test_an_album_of_which_only_the_cover_is_known_is_the_post_with_its_cover_and_a_warning(record: Any) -> None:
    found = row(record)
    assert (found["type"], [medium["url"] for medium in found["media"]]) == ("sidecar", [COVER])
    assert "only its cover is known" in found["warnings"][-1]


def test_an_album_without_children_and_cover_says_what_is_missing() -> None:
    (error,) = errors_of(node(display_url=None))
    assert error.field == "edge_sidecar_to_children"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"displayUrl": None, "images": [A]}, [A]),
        ({"displayUrl": NAN, "images": [A]}, [A]),
        ({"displayUrl": "", "images": [A, B]}, [A, B]),
        ({"displayUrl": ..., "images": [A]}, [A]),
        ({"displayUrl": COVER, "images": [A]}, [COVER]),
        ({"displayUrl": None, "images": [A], "type": "Video", "videoUrl": B}, [A, B]),
        ({"type": "Sidecar", "childPosts": [{"displayUrl": None}, {"displayUrl": B}], "images": [A, B]}, [A, B]),
        ({"type": "Sidecar", "childPosts": [{"displayUrl": NAN}], "images": [A, B]}, [A, B]),
        ({"type": "Sidecar", "childPosts": None, "images": [NAN, B]}, [B]),
    ],
)
def test_a_picture_that_only_images_names_is_taken_from_there(changes: Any, expected: list[str]) -> None:
    assert urls(post(**changes)) == expected


@pytest.mark.parametrize(
    ("changes", "column", "value"),
    [
        ({"caption": NAN}, "caption", None),
        ({"ownerId": NAN}, "owner_id", None),
        ({"ownerFullName": NAN}, "owner_full_name", None),
        ({"shortCode": NAN}, "shortcode", None),
        ({"ownerUsername": NAN}, "owner", None),
        ({"locationName": NAN, "alt": NAN, "videoUrl": NAN, "productType": NAN}, "location", None),
        ({"isSponsored": NAN, "isCommentsDisabled": NAN}, "sponsored", None),
        ({"hashtags": NAN, "mentions": NAN, "taggedUsers": NAN, "coauthorProducers": NAN}, "tagged", []),
        ({"videoDuration": NAN}, "duration", None),
        ({"ownerId": 44000000001.0}, "owner_id", "44000000001"),
        ({"ownerId": [1]}, "owner_id", None),
        ({"ownerId": "x" * 99}, "owner_id", None),
        ({"id": 3000000000000000.0, "shortCode": NAN, "url": NAN}, "post_id", "3000000000000000"),
    ],
)
def test_nan_is_unknown_and_an_odd_id_of_the_owner_leaves_the_post(changes: Any, column: str, value: object) -> None:
    assert row(post(**changes))[column] == value


@pytest.mark.parametrize("field", ["timestamp", "id", "type"])
def test_nan_in_the_place_of_what_a_post_must_have_is_missing(field: str) -> None:
    (error,) = errors_of(post(**{field: NAN}))
    assert (error.field, error.reason) == (field, "is missing")


def test_nan_in_a_profile_is_unknown() -> None:
    found = row(profile(biography=NAN, fullName=NAN, private=NAN, externalUrl=NAN, id=NAN))
    assert [found[name] for name in ("biography", "full_name", "private", "external_url", "profile_id")] == [None] * 5


@pytest.mark.parametrize(
    "name", ["@sun_diary", " sun_diary ", "@Sun_Diary", " @sun_diary", "\u3000sun_diary\xa0", "＠sun_diary"]
)
def test_an_at_sign_and_blanks_are_no_part_of_a_name(name: str) -> None:
    found = row(post(ownerUsername=name, inputUrl=name, taggedUsers=[{"username": name}]))
    assert (found["owner"], found["account"], found["tagged"]) == ("sun_diary", "sun_diary", ["sun_diary"])
    assert row(profile(username=name))["account"] == "sun_diary"


@pytest.mark.parametrize("name", ["con", "NUL", "aux", "com1", "lpt9", "prn"])
def test_names_of_devices_are_fine_names(name: str) -> None:
    found = row(post(ownerUsername=name, inputUrl=..., caption=f"with @{name}"))
    assert (found["account"], found["owner"], found["mentions"]) == (name.lower(), name.lower(), [name.lower()])


@pytest.mark.parametrize(
    "written",
    [
        "2025-07-29T11:15:43.000Z",
        "2025-07-29T11:15:43Z",
        "2025-07-29T11:15:43+0000",
        "2025-07-29T20:15:43+09:00",
        "2025-07-29 11:15:43 UTC",
        "2025-07-29 11:15:43.000 UTC",
        "2025-07-29 11:15:43 GMT",
        "2025-07-29 11:15:43+00",
        "2025-07-29 20:15:43 +0900",
        "2025-07-29 11:15:43 +0000 UTC",
        "2025-07-29T11:15:43.000000000Z",
        "20250729T111543Z",
        "2025/07/29 11:15:43Z",
        "2025/07/29 20:15:43",
        "2025-07-29 20:15:43",
        1753787743,
        1753787743.0,
        1753787743000,
        "1753787743",
    ],
)
def test_times_in_the_forms_that_exports_have_are_the_same_moment(written: object) -> None:
    assert row(post(timestamp=written))["taken_at"] == datetime(2025, 7, 29, 11, 15, 43, tzinfo=UTC)


@pytest.mark.parametrize(
    "written",
    ["Jul 29, 2025", "2025. 7. 29. 오후 8:15", "29/07/2025 11:15", "Tue Jul 29 2025 20:15:43 GMT+0900", [2025]],
)
def test_a_time_in_another_form_is_told_with_the_form_that_is_wanted(written: object) -> None:
    (error,) = errors_of(post(timestamp=written))
    assert error.reason.endswith("time: write 2025-07-29T11:15:43Z")
    assert "\\u" not in error.reason
    assert not isinstance(written, str) or repr(written) in error.reason


OVERVIEW = writers.overview(ALBUM)


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (OVERVIEW, (None, [])),
        (OVERVIEW | {"url": f"https://www.instagram.com/reel/{ALBUM.code}/"}, ("video", [])),
        (OVERVIEW | {"displayUrl": A, "type": "Image"}, ("image", [A])),
        (without(OVERVIEW, "url") | {"shortCode": ALBUM.code}, (None, [])),
        (without(OVERVIEW, "caption", "likesCount"), (None, [])),
    ],
)
def test_an_export_of_few_fields_has_its_ids_from_the_address(
    record: dict[str, Any], expected: tuple[Any, Any]
) -> None:
    found = row(record)
    assert (found["post_id"], found["shortcode"]) == (str(ALBUM.number), ALBUM.code)
    assert (found["type"], [medium["url"] for medium in found["media"]]) == expected
    assert bool(found["media"]) or "choose all fields" in found["warnings"][0]


def test_reasons_can_be_stored_whatever_was_written() -> None:
    (error,) = errors_of(post(timestamp="\ud83d\u202e\x00 카페"))
    json.dumps(error.reason).encode()
    error.reason.encode()
