"""A field that an exporter renames, drops, adds or makes another type of is seen when the file lands."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from upath import UPath

from instagram_assets.ingest import landing
from instagram_assets.ingest.field_drift import field_changes, newest_field_changes
from instagram_assets.ingest.field_statistics import FieldStatistics
from instagram_assets.ingest.manifests import LandedFile, manifest_path, manifests
from instagram_assets.settings import load_settings
from instagram_assets_tests.ingest.records import post, profile, write

SETTINGS = load_settings(start_day=date(2015, 1, 1))
Told = list[tuple[str, str, str]]
SEEN = datetime(2026, 11, 1, tzinfo=UTC)
LANDED = LandedFile("x", "0" * 64, 5, "apify_posts", 3, 3, 0, 0, 0, 0, (), 0, (), (), {}, SEEN, SEEN)


@pytest.fixture
def lake(tmp_path: Path) -> UPath:
    return UPath(tmp_path / "lake")


def land(lake: UPath, records: list[Any], name: str) -> LandedFile:
    return landing.land_file(write(Path(lake.path).parent, records, name), lake, settings=SETTINGS)


def posts(first: int, number: int = 3, rename: dict[str, str] | None = None, **changes: Any) -> list[dict[str, Any]]:
    """Posts with some fields changed, some under other names, and without those whose new name is empty."""
    found: list[dict[str, Any]] = []
    for place in range(first, first + number):
        record = post(id=str(place), shortCode=f"C{place}", **changes)
        for old, new in (rename or {}).items():
            value = record.pop(old)
            if new:
                record[new] = value
        found.append(record)
    return found


def told(lake: UPath, file: str = "") -> Told:
    return [(one.change, one.field, one.column) for one in field_changes(manifests(lake)) if file in ("", one.file)]


def test_a_renamed_field_is_missing_and_new(lake: UPath) -> None:
    land(lake, posts(1), "a.json")
    land(lake, posts(11, rename={"likesCount": "likes_count"}), "b.json")
    assert told(lake) == [("missing", "likesCount", "likes"), ("new", "likes_count", "")]
    (missing, new) = map(str, field_changes(manifests(lake)))
    assert missing == "b.json, apify_posts post: missing likesCount (column likes)"
    assert new == "b.json, apify_posts post: new likes_count"


@pytest.mark.parametrize(
    ("before", "now", "types"),
    [
        (1, "1", ("number", "string")),
        ([1], {"a": 1}, ("array", "object")),
        (True, "yes", ("boolean", "string")),
        ("text", None, None),
        (1, 1.5, None),
        (None, "text", None),
    ],
)
def test_a_field_of_another_type_is_retyped_but_not_one_that_is_null(
    lake: UPath, before: object, now: object, types: tuple[str, str] | None
) -> None:
    land(lake, posts(1, moonPhase=before), "a.json")
    land(lake, posts(11, moonPhase=now), "b.json")
    found = [(one.change, one.field, (one.before, one.now)) for one in field_changes(manifests(lake))]
    assert found == ([("retyped", "moonPhase", types)] if types else [])


def test_a_column_of_ours_that_changed_its_type_is_told_with_its_column(lake: UPath) -> None:
    land(lake, posts(1), "a.json")
    file = land(lake, posts(11, commentsCount="2"), "b.json")
    assert file.posts == 3
    assert told(lake) == [("retyped", "commentsCount", "comments")]


def test_a_renamed_field_of_a_profile_is_told_too(lake: UPath) -> None:
    land(lake, [profile()], "a.json")
    renamed = profile(username="moon", id="5", followers=profile()["followersCount"])
    del renamed["followersCount"]
    land(lake, [renamed], "b.json")
    assert told(lake) == [("missing", "followersCount", "followers"), ("new", "followers", "")]


ADS = ["Post URL", "Captions", "Views", "Likes", "Comments", "Date"]


def land_ads(lake: UPath, name: str, rename: dict[str, str] | None = None, **cells: str) -> LandedFile:
    """Land a table of three ads, with some columns under other names, and other cells in the second row."""
    rows: list[list[str]] = [[(rename or {}).get(column, column) for column in ADS]]
    for place in range(3):
        row = dict(zip(ADS, (f"https://a.example/{name}{place}", "간식", "50", "12", "4", "2025-07-29"), strict=True))
        rows.append(list((row | (cells if place == 1 else {})).values()))
    path = Path(lake.path).parent / name
    path.write_text("\n".join(map(",".join, rows)), "utf-8")
    return landing.land_file(path, lake, settings=SETTINGS)


@pytest.mark.parametrize(
    ("column", "now", "ours"),
    [("Views", "Views (total)", "views"), ("Likes", "좋아요", "likes"), ("Captions", "Text", "caption")],
)
def test_a_renamed_column_of_a_table_of_ads_is_told_too(lake: UPath, column: str, now: str, ours: str) -> None:
    land_ads(lake, "a.csv", None, **{column: ""})  # one empty cell more or less tells nothing of a column
    file = land_ads(lake, "b.csv", {column: now})
    assert file.ads == 3
    assert told(lake) == [("missing", column, ours), ("new", now, "")]
    assert str(field_changes(manifests(lake))[0]) == f"b.csv, ads ad: missing {column} (column {ours})"


def test_a_column_of_ads_is_the_same_in_any_case_and_with_empty_cells(lake: UPath) -> None:
    land_ads(lake, "a.csv")
    land_ads(lake, "b.csv", {"Post URL": "post_url", "Views": "VIEWS", "Captions": "caption"}, Views="", Likes="")
    assert told(lake) == []


def test_a_column_of_ads_that_became_text_is_retyped(lake: UPath) -> None:
    land_ads(lake, "a.csv")
    land_ads(lake, "b.csv", Views="1.2k")
    assert told(lake) == [("retyped", "Views", "views")]


def test_a_field_that_only_some_records_have_is_not_missed(lake: UPath) -> None:
    land(lake, [*posts(1, 1, locationName="서울"), *posts(2, 2)], "a.json")
    land(lake, posts(11), "b.json")
    assert told(lake) == []


def test_posts_reels_and_profiles_of_one_exporter_are_not_compared_with_one_another(lake: UPath) -> None:
    reels = posts(21, type="Video", productType="clips", videoUrl="https://cdn.example/v.mp4", videoPlayCount=3)
    land(lake, posts(1), "posts.json")
    land(lake, reels, "reels.json")
    land(lake, [profile()], "profiles.json")
    assert told(lake) == []


def test_tables_are_compared_with_tables(lake: UPath) -> None:
    land(lake, posts(1, childPosts=[], images=[]), "a.json")
    names = ("id", "shortCode", "timestamp", "type", "displayUrl", "ownerUsername", "likesCount", "moonPhase")
    record = {**posts(11)[0], "moonPhase": 3}
    table = "\n".join([",".join(names), ",".join(str(record[name]) for name in names)])
    path = Path(lake.path).parent / "b.csv"
    path.write_text(table, "utf-8")
    landing.land_file(path, lake, settings=SETTINGS)
    assert told(lake) == []
    path.write_text(table.replace("likesCount", "likes").replace("C11", "C12"), "utf-8")
    landing.land_file(path, lake, settings=SETTINGS)
    assert told(lake) == [("missing", "likesCount", "likes"), ("new", "likes", "")]


def test_what_comes_along_with_something_else_is_no_measure(lake: UPath) -> None:
    land(lake, posts(1), "a.json")
    aside = post(id="9", shortCode="C9")
    del aside["likesCount"]
    land(lake, [profile(latestPosts=[aside])], "b.json")
    assert told(lake) == []


def test_a_change_of_a_field_without_a_column_is_told_until_it_is_the_rule(lake: UPath) -> None:
    for number in range(30):
        land(lake, posts(100 * number, 20, moonPhase=1), f"{number:02d}.json")
    for number in range(30, 34):
        land(lake, posts(100 * number, 20, moonphase=1), f"{number:02d}.json")
    missing = [one.file for one in field_changes(manifests(lake)) if one.change == "missing"]
    assert missing == ["30.json", "31.json"]  # then less than 95 % of the files have the field
    assert [one.file for one in field_changes(manifests(lake)) if one.change == "new"] == ["30.json"]


def test_a_field_of_a_column_is_missed_by_every_file_until_it_is_there_again(lake: UPath) -> None:
    old, new = "likesCount", "likes_count"
    for place, name in enumerate((old, new, new, new, old, new), 1):
        land(lake, posts(10 * place, rename={old: name}), f"{place}.json")
    missing = [one.file for one in field_changes(manifests(lake)) if one.change == "missing"]
    assert missing == ["2.json", "3.json", "4.json"]  # the last is of an exporter that has it now and then
    assert [one.file for one in field_changes(manifests(lake)) if one.change == "new"] == ["2.json"]


def test_the_warning_of_a_renamed_column_of_ads_stays_with_each_further_table(lake: UPath) -> None:
    files = [land_ads(lake, f"{place}.csv", {"Views": "Views (total)"} if place else None) for place in range(4)]
    for number in (2, 3, 4):
        assert [(one.file, one.field) for one in newest_field_changes(files[:number]) if one.change == "missing"] == [
            (f"{place}.csv", "Views") for place in range(1, number)
        ]


def test_a_field_is_missed_no_more_where_another_fills_its_column(lake: UPath) -> None:
    reel: dict[str, Any] = {
        "type": "Video",
        "productType": "clips",
        "videoUrl": "https://cdn.example/v.mp4",
        "videoPlayCount": 3,
    }
    for place, rename in enumerate(({}, {"videoPlayCount": ""}, {"videoPlayCount": "igPlayCount"}), 1):
        land(lake, posts(10 * place, rename=rename, **reel), f"{place}.json")
    missing = [one.file for one in field_changes(manifests(lake)) if one.change == "missing"]
    assert missing == ["2.json"]


@given(st.lists(st.booleans(), min_size=1, max_size=12), st.integers(1, 30))
def test_whatever_files_come_a_field_that_was_missed_is_missed_until_it_is_there(has: list[bool], records: int) -> None:
    files = [
        replace(
            LANDED,
            file=f"{place:02d}.json",
            sha256=f"{place:064d}",
            first_seen=SEEN + timedelta(hours=place),
            posts=records,
            fields={"apify_posts/post": {"id": "string"} | ({"likesCount": "number"} if there else {})},
        )
        for place, there in enumerate([True, *has])
    ]
    missing = {one.file for one in field_changes(files) if one.change == "missing"}
    was_missed = False
    for file, there in zip(files, [True, *has], strict=True):
        assert not there or file.file not in missing
        assert not (was_missed and not there) or file.file in missing
        was_missed = file.file in missing
    first = has.index(False) if False in has else len(has)
    assert first == len(has) or files[first + 1].file in missing


def test_of_files_with_one_post_each_a_field_is_missed_only_that_all_of_them_have(lake: UPath) -> None:
    for number in range(25):
        common: dict[str, Any] = {"moonPhase": 1} | ({"locationName": "서울"} if number else {})
        land(lake, posts(10 * number, 1, **common), f"{number:02d}.json")
    land(lake, posts(900, 1), "z.json")
    assert told(lake, "z.json") == [("missing", "moonPhase", "")]


def test_an_unknown_field_that_one_record_happened_to_have_is_not_missed(lake: UPath) -> None:
    land(lake, posts(1, 1, moonPhase=1), "a.json")
    land(lake, posts(11, 1), "b.json")
    assert told(lake) == []


def test_of_changes_the_newest_are_those_within_a_day_of_the_newest_file(lake: UPath) -> None:
    first = land(lake, posts(1), "a.json")
    second = land(lake, posts(11, rename={"url": ""}), "b.json")
    third = land(lake, posts(21), "c.json")
    seen = (first.first_seen - timedelta(days=3), second.first_seen - timedelta(days=2), third.first_seen)
    old = [replace(file, first_seen=moment) for file, moment in zip((first, second, third), seen, strict=True)]
    assert newest_field_changes([]) == newest_field_changes(old) == []
    assert newest_field_changes([first, second, third]) == field_changes([first, second, third]) != []
    assert newest_field_changes(old[:2]) == field_changes(old) != []


def test_files_that_landed_before_fields_were_noted_are_no_measure(lake: UPath) -> None:
    old = land(lake, posts(1), "a.json")
    path = Path(manifest_path(lake, old.name).path)
    known = json.loads(path.read_text("utf-8"))
    del known["fields"]
    path.write_text(json.dumps(known), "utf-8")
    land(lake, posts(11, rename={"likesCount": "likes_count"}), "b.json")
    assert told(lake) == []


def test_fields_of_many_records_are_the_same_in_one_part_or_in_several() -> None:
    records = [{"a": 1, "b": "x"}, {"a": None, "c": []}, {"a": 2.5, "b": None}]
    whole, parts = FieldStatistics(), FieldStatistics()
    whole.add(records)
    for record in records:
        one = FieldStatistics()
        one.add([record])
        parts += one
    assert whole.noted() == parts.noted() == {"a": "number", "b": "string?", "c": "array?"}


def test_what_is_remembered_stays_small_whatever_the_names() -> None:
    fields = FieldStatistics()
    fields.add([{f"{number}-{'x' * 500}\ud83d": number for number in range(5_000)}])
    noted = fields.noted()
    assert len(noted) <= 1_000
    assert max(map(len, noted)) <= 100
    json.dumps(noted, ensure_ascii=False).encode()
