"""What our own collectors wrote: a record in a line is what it is without, but for whose it is and when it was seen."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from upath import UPath

from instagram_assets.ingest import landing
from instagram_assets.ingest.field_drift import field_changes
from instagram_assets.ingest.manifests import LandedFile
from instagram_assets.ingest.normalize import normalize_records, quarantined_content
from instagram_assets.ingest.record_source import RecordSource
from instagram_assets.ingest.redact.file_redaction import scrub_file
from instagram_assets.privacy.forgotten_identifiers import Identifiers
from instagram_assets.settings import load_settings
from instagram_assets_tests.ingest.formats import writers
from instagram_assets_tests.ingest.formats.writers import ALBUM, WRITERS, Plain
from instagram_assets_tests.ingest.records import SEEN, SEOUL, errors_of, rows_of, source, write

FORMATS = ["timeline", "instagrapi", "graph_nodes", "graph_api", "apify_posts"]


def line(record: object, account: object = "moon.cafe", observed_at: object = "2025-08-31T23:59:59.123456Z") -> Any:
    """A line as the collectors write it."""
    return {"collected": 1, "site": "instagram", "account": account, "observed_at": observed_at, "record": record}


@pytest.mark.parametrize("name", FORMATS)
@given(post=writers.posts())
@settings(max_examples=25, deadline=None)
def test_a_post_in_a_line_is_the_same_post_of_whom_was_asked_about(name: str, post: Plain) -> None:
    (alone,), (inside,) = rows_of(WRITERS[name](post)), rows_of(line(WRITERS[name](post)))
    about = {"account": "moon.cafe", "observed_at": datetime(2025, 8, 31, 23, 59, 59, 123456, UTC)}
    assert inside.row == {**alone.row, **about}
    assert inside.table == alone.table


@pytest.mark.parametrize("account", ["#육아일기", "＃육아일기", "#Café_1"])
@pytest.mark.parametrize("name", FORMATS)
def test_a_post_of_a_hashtag_is_the_hashtags_own_row(name: str, account: str) -> None:
    (landed,) = rows_of(line(WRITERS[name](ALBUM), account))
    assert (landed.row["account"], landed.row["owner"]) == (f"#{account[1:].casefold()}", ALBUM.owner)


def test_a_post_of_a_hashtag_that_names_no_owner_has_none() -> None:
    record = {key: value for key, value in WRITERS["graph_api"](ALBUM).items() if key != "username"}
    (landed,) = rows_of(line(record, "#육아일기"))
    assert (landed.row["account"], landed.row["owner"], landed.row["shortcode"]) == ("#육아일기", None, ALBUM.code)


@pytest.mark.parametrize(
    ("bad", "field", "reason"),
    [
        (line({"title": "x"}), "record", "is no post, reel or profile that we know"),
        (line([]), "record", "is no post, reel or profile that we know"),
        (line("text"), "record", "is no post, reel or profile that we know"),
        (line(None), "record", "is no post, reel or profile that we know"),
        ({**line({}), "collected": 2}, "collected", "is version 2; a newer instagram_assets reads it"),
        (line({}, "sun diary"), "account", "'sun diary' is no account name"),
        (line({}, "#"), "account", "'#' is no hashtag"),
        (line({}, "#a b"), "account", "'#a b' is no hashtag"),
        (line({}, 7), "account", "7 is no account name"),
        (line({}, None), "account", "is missing"),
        (line({}, observed_at=None), "observed_at", "is missing"),
        (line({}, observed_at="yesterday"), "observed_at", "'yesterday' is no possible time"),
        (line({}, observed_at="2099-01-01T00:00:00Z"), "observed_at", "is in the future"),
    ],
)
def test_what_is_wrong_with_a_line_is_told_with_its_field(bad: Any, field: str, reason: str) -> None:
    (error,) = errors_of(bad)
    assert error.field == field
    assert reason in error.reason


def test_a_comment_in_a_line_is_refused_and_nothing_of_it_is_kept() -> None:
    comment = {"id": "17", "text": "예뻐요", "timestamp": "2025-08-01T00:00:00+0000", "from": {"username": "star_walk"}}
    (problem,) = normalize_records([(0, line(comment))], source()).problems
    assert "예뻐요" not in quarantined_content(problem)


@pytest.mark.parametrize("marker", [True, "1", 1.0, None, [1]])
def test_a_record_that_only_looks_like_a_line_is_none(marker: object) -> None:
    record = {**WRITERS["timeline"](ALBUM), "collected": marker, "account": "x", "record": {}}
    assert [landed.row["shortcode"] for landed in rows_of(record)] == [ALBUM.code]


def test_a_file_of_lines_lands_whole_whatever_its_ending(tmp_path: Path) -> None:
    records = [WRITERS[name](ALBUM._replace(number=ALBUM.number + place)) for place, name in enumerate(FORMATS)]
    text = "".join(json.dumps(line(record), ensure_ascii=False) + "\n" for record in records)
    file = write(tmp_path, text, "collected_instagram-moon.cafe-2025-08-31T23-59-59.123456Z.json")
    landed = landing.land_file(file, UPath(tmp_path / "lake"), settings=load_settings())
    assert (landed.posts, landed.quarantined, landed.format, landed.accounts) == (5, 0, "collected", ("moon.cafe",))
    # Fields are noted under the site's own form: a change of it is seen in whatever file it comes.
    assert set(landed.fields) == {f"{name}/post" for name in FORMATS}


def test_posts_of_accounts_and_of_hashtags_by_turns_are_no_changed_format(tmp_path: Path) -> None:
    of_account = WRITERS["graph_api"](ALBUM)
    of_hashtag = {name: value for name, value in of_account.items() if name not in ("username", "media_product_type")}
    lake, landed = UPath(tmp_path / "lake"), list[LandedFile]()
    for number, (account, record) in enumerate([("sun_diary", of_account), ("#a", of_hashtag)] * 3):
        text = json.dumps(line(record, account, f"2025-08-0{number + 1}T00:00:00.000000Z"))
        landed.append(landing.land_file(write(tmp_path, text, f"{number}.json"), lake, settings=load_settings()))
    assert [set(file.fields) for file in landed] == [{"graph_api/post"}, {"graph_api_hashtags/post"}] * 3
    assert field_changes(landed) == []


@pytest.mark.parametrize("name", FORMATS)
def test_who_is_forgotten_goes_out_of_a_file_of_lines(name: str, tmp_path: Path) -> None:
    other = ALBUM._replace(number=ALBUM.number + 1, owner="star_walk", owner_id=7, caption="with @sun_diary", tagged=())
    lines = [
        line(WRITERS[name](ALBUM), "sun_diary"),
        line(WRITERS[name](ALBUM), "#a"),
        line(WRITERS[name](other), "#a"),
    ]
    file = write(tmp_path, "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in lines), "collected.json")
    known = Identifiers({"sun_diary": "forgotten_1"}, shortcodes=frozenset({ALBUM.code}))
    found = scrub_file(file, tmp_path / "new.json", known, source=RecordSource("", "", SEEN, SEOUL))
    assert found.rows > 0
    (left,) = map(json.loads, (tmp_path / "new.json").read_text("utf-8").splitlines())
    (landed,) = rows_of(left)
    assert (landed.row["account"], landed.row["shortcode"]) == ("#a", other.code)
    assert landed.row["caption"] == "with @forgotten_1"


@pytest.mark.parametrize("name", FORMATS)
def test_a_hashtag_that_is_forgotten_takes_its_posts_with_it(name: str, tmp_path: Path) -> None:
    lines = [line(WRITERS[name](ALBUM), "#육아일기"), line(WRITERS[name](ALBUM), "moon.cafe")]
    file = write(tmp_path, "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in lines), "collected.json")
    scrub_file(file, tmp_path / "new.json", Identifiers({"#육아일기": "forgotten_1"}))
    (left,) = map(json.loads, (tmp_path / "new.json").read_text("utf-8").splitlines())
    assert left["account"] == "moon.cafe"
