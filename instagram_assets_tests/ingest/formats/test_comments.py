"""What other people wrote under a post is never stored, wherever in a file it stands."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from upath import UPath

from instagram_assets.ingest import landing
from instagram_assets.ingest.formats import comment_detection
from instagram_assets.ingest.observations import landed_files, quarantine_table, read_posts, read_profiles
from instagram_assets.settings import load_settings
from instagram_assets_tests.ingest.records import post, profile, write

SETTINGS = load_settings(start_day=date(2015, 1, 1))
FIRST, LAST = date(2010, 1, 1), date(2100, 1, 1)
SECRET, SOMEBODY = "too pretty 010-0000-0000", "third_party"
PERSON = {"id": "99", "username": SOMEBODY, "full_name": SOMEBODY, "profile_pic_url": f"https://cdn.example/{SOMEBODY}"}

COMMENTS: dict[str, dict[str, Any]] = {
    "apify-2025": {
        "postUrl": "https://www.instagram.com/p/DMsI5LsyOvL/",
        "commentUrl": "https://www.instagram.com/p/DMsI5LsyOvL/c/18001",
        "id": "18001",
        "text": SECRET,
        "ownerUsername": SOMEBODY,
        "ownerProfilePicUrl": f"https://cdn.example/{SOMEBODY}.jpg",
        "timestamp": "2025-07-29T12:15:43.000Z",
        "repliesCount": 0,
        "replies": [],
        "likesCount": 1,
        "owner": PERSON,
    },
    "apify-2021": {
        "id": "1",
        "postId": "2",
        "text": SECRET,
        "position": 3,
        "timestamp": "2021-07-29T12:15:43.000Z",
        "ownerId": "99",
        "ownerIsVerified": False,
        "ownerUsername": SOMEBODY,
        "ownerProfilePicUrl": f"https://cdn.example/{SOMEBODY}.jpg",
    },
    "apify-few-fields": {"id": "1", "text": SECRET, "timestamp": "2021-07-29T12:15:43.000Z", "ownerUsername": SOMEBODY},
    "site": {"id": "1", "text": SECRET, "created_at": 1753787743, "owner": PERSON, "edge_threaded_comments": {}},
    "app": {"pk": "1", "user_id": "99", "text": SECRET, "created_at_utc": 1753787743, "user": PERSON},
    "instaloader": {"id": 1, "created_at": 1753787743, "text": SECRET, "owner": PERSON, "answers": []},
    "a-text-that-is-none": {"commentUrl": "x", "id": "1", "text": [SECRET], "timestamp": 1, "ownerUsername": SOMEBODY},
}


def stored(lake: UPath) -> str:
    """Everything that the lake holds of its files, as one text."""
    tables = [
        landed_files(lake, FIRST, LAST),
        quarantine_table(lake),
        read_posts(lake, "posts", ["sun_diary"], FIRST, LAST),
        read_profiles(lake, ["sun_diary"]),
    ]
    return json.dumps([table.to_pylist() for table in tables], default=str)


def landed(folder: Path, content: object) -> UPath:
    lake = UPath(folder / "lake")
    landing.land_file(write(folder, content), lake, settings=SETTINGS)
    return lake


@pytest.mark.parametrize("lines", [False, True], ids=["array", "lines"])
@pytest.mark.parametrize("kind", COMMENTS)
def test_a_comment_as_a_record_is_refused_with_a_reason_and_nothing_of_it(
    kind: str, lines: bool, tmp_path: Path
) -> None:
    records = [COMMENTS[kind]] * 30
    lake = landed(tmp_path, "\n".join(map(json.dumps, records)) if lines else records)
    rows = quarantine_table(lake).to_pylist()
    assert [(row["index"], row["reason"], row["record"]) for row in rows] == [
        (index, comment_detection.DROPPED, "") for index in range(30)
    ]
    assert landed_files(lake, FIRST, LAST)["format"].to_pylist() == [comment_detection.FORMAT]
    assert not any(word in stored(lake) for word in (SECRET, SOMEBODY))


COMMENT = COMMENTS["site"]
EDGES = {"edges": [{"node": COMMENT}]}
INSIDE: dict[str, object] = {
    "in-a-bad-record": [post(timestamp=None, latestComments=[COMMENTS["apify-2025"]], firstComment=SECRET)],
    "in-a-bad-record-under-a-new-name": [post(timestamp=None, topComments=[COMMENTS["apify-2025"]])],
    "in-a-good-record-under-a-new-name": [post(topComments=[COMMENTS["apify-2025"]], pinned={"c": COMMENT})],
    "in-a-good-profile": [profile(topComments=[COMMENTS["apify-2025"]])],
    "in-a-bad-profile": [profile(username=None, latestPosts=[post(latestComments=[COMMENT])])],
    "replies": [post(timestamp=None, x=[{"text": SECRET, "username": SOMEBODY, "replies": [COMMENT]}])],
    "edges-of-a-node": [{"shortcode": "A", "is_video": False, "edge_media_to_comment": EDGES, "other_edge": EDGES}],
    "an-answer-with-comments": [{"data": {"shortcode_media": {"edge_media_to_parent_comment": EDGES}}}],
    "an-answer-of-a-new-kind": [{"data": {"xdt_api__v1__media__media_id__comments__connection": EDGES}}],
    "a-page-of-the-app": [{"comments": [COMMENTS["app"]], "comment_count": 1, "status": "ok"}],
    "items-of-a-page": [{"items": [COMMENTS["app"]], "num_results": 1}, {"more": 1}],
    "a-list-of-comments": [[COMMENTS["app"]]],
    "a-text-alone": [SECRET, post()],
    "a-line-that-is-cut": json.dumps(post()) + "\n" + json.dumps(post(latestComments=[COMMENT]))[:-30],
    "a-line-with-something-behind": json.dumps(post()) + "\n" + json.dumps(COMMENT) + " x",
    "a-line-that-is-not-utf-8": json.dumps(post()).encode() + b"\n\xff" + json.dumps(COMMENT).encode(),
    "beside-what-is-too-deep": f'[{{"text": "{SECRET}", "owner": "{SOMEBODY}", "x": {"[" * 2000}{"]" * 2000}}}]',
    "a-person-in-a-bad-record": [post(timestamp=None, taggedUsers=[{"profile_pic_url": SECRET}])],
}


@pytest.mark.parametrize("case", INSIDE)
def test_comments_inside_other_things_are_not_stored_either(case: str, tmp_path: Path) -> None:
    text = stored(landed(tmp_path, INSIDE[case]))
    assert SECRET not in text
    assert case == "a-person-in-a-bad-record" or SOMEBODY not in text


def test_a_bad_record_keeps_what_is_its_own(tmp_path: Path) -> None:
    lake = landed(tmp_path, [post(timestamp="yesterday", caption="my own words"), {"moon": 1, "sun": ["x"]}])
    mine, unknown = (json.loads(row["record"]) for row in quarantine_table(lake).to_pylist())
    assert (mine["caption"], mine["timestamp"]) == ("my own words", "yesterday")
    assert unknown == {"moon": "(number)", "sun": "(list)"}


def test_the_authors_words_in_the_form_of_a_comment_are_kept(tmp_path: Path) -> None:
    caption = {"pk": "1", "user_id": "5", "text": "my own words", "created_at": 1753787743}
    item = {"code": "A", "pk": "7", "taken_at": None, "media_type": 1, "caption": caption}
    (row,) = quarantine_table(landed(tmp_path, [item])).to_pylist()
    assert json.loads(row["record"])["caption"]["text"] == "my own words"
