"""A record becomes rows that follow the contract, whatever is in it."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instagram_assets.errors import RecordError
from instagram_assets.ingest.normalize import normalize_records
from instagram_assets.schemas import CONTRACTS
from instagram_assets_tests.ingest.records import SEEN, errors_of, post, profile, rows_of, source

ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
VIDEO = {"type": "Video", "videoUrl": "https://cdn.example/v.mp4"}


def row(record: dict[str, Any], **about: Any) -> dict[str, Any]:
    (landed,) = rows_of(record, where=source(**about))
    return landed.row


@given(
    st.sampled_from([post(), post(type="Sidecar", childPosts=[post()]), profile(latestPosts=[post(), post()])]),
    st.data(),
)
@settings(max_examples=400, deadline=None)
def test_any_change_of_any_field_gives_rows_of_the_contract_or_an_error(record: dict[str, Any], data: Any) -> None:
    changes = data.draw(st.dictionaries(st.sampled_from(sorted(record)) | st.text(max_size=5), ANYTHING, max_size=4))
    result = normalize_records([(3, {**record, **changes})], source())
    assert result.problems or any(table.num_rows for table in result.tables.values())
    assert all(problem.error.reason for problem in result.problems)
    for name, table in result.tables.items():
        assert table.schema.equals(CONTRACTS[f"raw_{name}"].schema)
        table.validate(full=True)
        for extra in table["extra"].drop_null().to_pylist() if "extra" in table.schema.names else []:
            assert isinstance(json.loads(extra), dict)


@given(
    st.lists(
        st.tuples(st.integers(0, 4), st.dictionaries(st.sampled_from(sorted(post())), ANYTHING, max_size=3)), max_size=6
    )
)
@settings(max_examples=200, deadline=None)
def test_a_row_does_not_depend_on_its_neighbours(drawn: list[tuple[int, dict[str, Any]]]) -> None:
    base = [
        post(),
        post(type="Sidecar", childPosts=[post()]),
        profile(latestPosts=[post()]),
        post(**VIDEO),
        post(likesCount=-1),
    ]
    records = [{**base[kind], **changes} for kind, changes in drawn]
    together = normalize_records(enumerate(records), source())
    alone = [normalize_records([(index, record)], source()) for index, record in enumerate(records)]
    for name, table in together.tables.items():
        rows = [row for one in alone for row in one.tables[name].to_pylist()]
        assert sorted(map(repr, table.to_pylist())) == sorted(map(repr, rows))
    assert sorted(map(repr, together.problems)) == sorted(repr(problem) for one in alone for problem in one.problems)


@pytest.mark.parametrize(
    ("asked", "account"),
    [
        ("https://www.instagram.com/Other.Account/", "other.account"),
        ("https://instagram.com/other_account?hl=en", "other_account"),
        ("www.instagram.com/other_account/reels/", "other_account"),
        ("other_account", "other_account"),
        ("https://www.instagram.com/p/DNQuxufAih9/", "sun_diary"),
        ("https://www.instagram.com/explore/tags/cat/", "sun_diary"),
        ("https://www.example.com/other_account/", "sun_diary"),
        ("http://[broken", "sun_diary"),
        (None, "sun_diary"),
    ],
)
def test_the_account_is_the_one_that_was_collected_not_the_owner(asked: object, account: str) -> None:
    found = row(post(inputUrl=asked))
    assert (found["account"], found["owner"]) == (account, "sun_diary")


@pytest.mark.parametrize(
    ("changes", "file", "table"),
    [
        ({**VIDEO, "productType": "clips"}, "posts.json", "reels"),
        ({**VIDEO, "productType": "feed"}, "posts.json", "posts"),
        ({**VIDEO, "inputUrl": "https://www.instagram.com/reel/DNQuxufAih9/"}, "posts.json", "reels"),
        ({**VIDEO, "url": "https://www.instagram.com/sun_diary/reel/DNQuxufAih9/"}, "posts.json", "reels"),
        (VIDEO, "Reels_2025.json", "reels"),
        ({}, "reels.json", "posts"),
    ],
)
def test_reels_are_told_from_posts(changes: dict[str, Any], file: str, table: str) -> None:
    (landed,) = rows_of(post(**changes), where=source(file))
    assert landed.table == table


def test_images_of_single_posts_come_from_the_display_address_alone() -> None:
    media = row(post(images=["https://cdn.example/wrong.jpg"]))["media"]
    assert [(m["kind"], m["url"], m["width"]) for m in media] == [
        ("image", "https://cdn.example/a_n.jpg?oe=68A00000", 1080)
    ]


def test_a_sidecar_without_children_uses_its_images() -> None:
    media = row(post(type="Sidecar", images=["https://cdn.example/1.jpg", None, "https://cdn.example/2.jpg"]))["media"]
    assert [(m["position"], m["url"][-5:]) for m in media] == [(0, "1.jpg"), (1, "2.jpg")]


def test_plays_and_views_are_never_mixed() -> None:
    found = row(post(**VIDEO, videoViewCount=None, videoPlayCount=None, igPlayCount=2419, reshareCount=4))
    assert (found["views"], found["plays"], found["shares"]) == (None, 2419, 4)


def test_other_peoples_words_and_pictures_are_not_kept() -> None:
    stranger = {"username": "moon.cafe", "full_name": "SECRET", "profile_pic_url": "SECRET"}
    comment = {"text": "SECRET", "ownerUsername": "SECRET"}
    found = row(
        post(taggedUsers=[stranger], coauthorProducers=[stranger], latestComments=[comment], firstComment="SECRET")
    )
    assert "SECRET" not in json.dumps(found, default=str)
    assert found["tagged"] == found["coauthors"] == ["moon.cafe"]


def test_a_profile_brings_its_latest_posts_under_its_own_account() -> None:
    latest = [
        post(inputUrl=...),
        post(inputUrl=..., id="2", shortCode="B", timestamp=None),
        post(inputUrl=..., id="3", shortCode="C", ownerUsername="other", **VIDEO),
    ]
    record = profile(latestPosts=latest)
    about, first, second = rows_of(record, 5)
    assert (about.table, first.row["account"], second.row["account"]) == ("profiles", "sun_diary", "sun_diary")
    assert (second.row["owner"], second.row["source_index"]) == ("other", 5)
    assert errors_of(record) == [RecordError("latestPosts[1].timestamp", "is missing")]


STATED = datetime(2025, 8, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("record", "about", "observed"),
    [
        (post(scrapedAt="2025-08-01T00:00:00Z"), {"file": "x_2025-08-02.json"}, datetime(2025, 8, 1, tzinfo=UTC)),
        (post(), {"file": "dataset_2025-08-31_13-58-44-819.json"}, datetime(2025, 8, 31, 13, 58, 44, 819000, UTC)),
        (post(), {"file": "dataset_2025-99-31_13-58-44-819.json"}, SEEN),
        (post(), {"file": "2025-08-02_10-00-00_UTC.json"}, SEEN),
        (post(), {"file": "profiles_2025-08-02.json"}, SEEN),
        (post(), {"modified_at": datetime(2025, 8, 4, tzinfo=UTC)}, datetime(2025, 8, 4, tzinfo=UTC)),
        (post(), {"modified_at": datetime(2025, 1, 4, tzinfo=UTC)}, SEEN),
        (post(), {"modified_at": SEEN + timedelta(hours=1)}, SEEN),
        (post(scrapedAt="2025-08-01T00:00:00Z"), {"stated_at": STATED}, STATED),
        (post(), {"file": "dataset_2025-08-31_13-58-44-819.json", "stated_at": STATED}, STATED),
        (post(), {"stated_at": datetime(2024, 8, 3, tzinfo=UTC)}, SEEN),
        (post(scrapedAt="2024-08-01T00:00:00Z"), {}, SEEN),
        (post(), {}, SEEN),
    ],
    ids=[
        *("field", "apify's run", "no time", "publication", "another's date", "written", "written before it was taken"),
        *("written after it was seen", "stated before field", "stated before run", "stated before it was taken"),
        *("field before it was taken", "first seen"),
    ],
)
def test_the_observation_time_comes_from_the_nearest_word_about_it(
    record: dict[str, Any], about: dict[str, Any], observed: datetime
) -> None:
    assert row(record, **about)["observed_at"] == observed
