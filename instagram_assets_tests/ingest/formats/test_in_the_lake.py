"""Formats together, once their files have landed: one post is one row, whatever saw it, and all of a file is in."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from upath import UPath

from instagram_assets.ingest import landing
from instagram_assets.ingest.manifests import LandedFile
from instagram_assets.ingest.merge import merge_posts
from instagram_assets.ingest.observations import quarantine_table, read_posts, read_profiles
from instagram_assets.ingest.reader.record_reader import BATCH_RECORDS
from instagram_assets.settings import load_settings
from instagram_assets_tests.ingest.formats import writers
from instagram_assets_tests.ingest.formats.tables import as_csv, as_xlsx
from instagram_assets_tests.ingest.formats.tables import rows as table_rows
from instagram_assets_tests.ingest.formats.writers import ALBUM
from instagram_assets_tests.ingest.records import write

SETTINGS = load_settings(start_day=date(2015, 1, 1))
FIRST, LAST = date(2010, 1, 1), date(2100, 1, 1)
PLAIN = ALBUM._replace(owner_id=71000001001, likes=100, tagged=())
MONDAY = datetime(2025, 8, 4, tzinfo=UTC)


def land(lake: UPath, folder: Path, name: str, content: Any, observed: datetime | None = None) -> LandedFile:
    return landing.land_file(write(folder, content, name), lake, settings=SETTINGS, observed_at=observed)


def rows(lake: UPath, account: str = "sun_diary") -> list[dict[str, Any]]:
    return read_posts(lake, "posts", [account], FIRST, LAST).to_pylist()


def test_one_post_seen_through_six_formats_is_one_row_with_the_observations_that_differ(tmp_path: Path) -> None:
    lake = UPath(tmp_path / "lake")
    for day, write_one in enumerate([writers.apify, writers.instaloader, writers.instagrapi, writers.graph_api]):
        seen = PLAIN._replace(likes=PLAIN.likes + day)
        land(lake, tmp_path, f"{write_one.__name__}.json", [write_one(seen)], MONDAY + timedelta(days=day))
    line = writers.zeeschuimer(PLAIN._replace(likes=110))
    line["timestamp_collected"] = int((MONDAY + timedelta(days=4)).timestamp()) * 1000
    land(lake, tmp_path, "lines.ndjson", json.dumps(line, ensure_ascii=False) + "\n")
    # Seen on Thursday already, by the Graph API and with the same numbers: no observation of its own.
    files = writers.gallery_dl(PLAIN._replace(likes=103))
    land(lake, tmp_path, "files.json", files, MONDAY + timedelta(days=3))

    found = rows(lake)
    assert [(row["observed_at"], row["likes"]) for row in found] == [
        (MONDAY + timedelta(days=day), likes) for day, likes in enumerate([100, 101, 102, 103, 110])
    ]
    said = {
        name: {str(row[name]) for row in found} for name in ("post_id", "shortcode", "owner", "taken_at", "caption")
    }
    assert all(len(values) == 1 for values in said.values()), said
    assert {tuple(medium["url"] for medium in row["media"]) for row in found} == {
        ("https://cdn.example/1.jpg", "https://cdn.example/2.jpg", "https://cdn.example/2.mp4")
    }
    profiles = read_profiles(lake, ["sun_diary"])
    reels = read_posts(lake, "reels", ["sun_diary"], FIRST, LAST)
    (post,) = merge_posts(read_posts(lake, "posts", ["sun_diary"], FIRST, LAST), reels, profiles).to_pylist()
    assert (post["likes"], post["observations"]) == (110, 5)


def test_one_post_as_json_csv_and_of_three_other_tools_is_one_row_with_the_observations_that_differ(
    tmp_path: Path,
) -> None:
    lake = UPath(tmp_path / "lake")
    land(lake, tmp_path, "apify.json", [writers.apify(PLAIN)], MONDAY)
    # The same export as another file, and Tuesday's as a table alone.
    land(lake, tmp_path, "apify.csv", as_csv([writers.apify(PLAIN)]), MONDAY)
    land(lake, tmp_path, "apify.xlsx", as_xlsx(table_rows([writers.apify(PLAIN)])), MONDAY)
    land(lake, tmp_path, "tuesday.csv", as_csv([writers.apify(PLAIN._replace(likes=101))]), MONDAY + timedelta(days=1))
    for day, write_one in enumerate([writers.instaloader, writers.instagrapi, writers.app], 2):
        seen = PLAIN._replace(likes=PLAIN.likes + day)
        land(lake, tmp_path, f"{write_one.__name__}.json", [write_one(seen)], MONDAY + timedelta(days=day))

    found = rows(lake)
    assert [(row["observed_at"], row["likes"]) for row in found] == [
        (MONDAY + timedelta(days=day), 100 + day) for day in range(5)
    ]
    same = ("post_id", "shortcode", "account", "owner", "taken_at", "caption", "comments", "type")
    assert all(len({str(row[name]) for row in found}) == 1 for name in same)
    assert {tuple(medium["url"] for medium in row["media"]) for row in found} == {
        ("https://cdn.example/1.jpg", "https://cdn.example/2.jpg", "https://cdn.example/2.mp4")
    }
    reels, profiles = read_posts(lake, "reels", ["sun_diary"], FIRST, LAST), read_profiles(lake, [])
    (post,) = merge_posts(read_posts(lake, "posts", ["sun_diary"], FIRST, LAST), reels, profiles).to_pylist()
    assert (post["likes"], post["observations"]) == (104, 5)


def shown(lake: UPath) -> list[tuple[int, str]]:
    """The pictures of the one post in the lake, each with its position."""
    reels = read_posts(lake, "reels", ["sun_diary"], FIRST, LAST)
    raw = read_posts(lake, "posts", ["sun_diary"], FIRST, LAST)
    (post,) = merge_posts(raw, reels, read_profiles(lake, ["sun_diary"])).to_pylist()
    return [(medium["position"], medium["url"]) for medium in post["media"]]


def album(pictures: int) -> writers.Plain:
    return PLAIN._replace(media=tuple(writers.Medium(f"https://cdn.example/{n}.jpg", None) for n in range(pictures)))


@pytest.mark.parametrize("seconds", [0, 1], ids=["in-one-second", "one-after-the-other"])
def test_an_album_of_which_each_picture_has_a_file_of_its_own_has_all_its_pictures(
    tmp_path: Path, seconds: int
) -> None:
    lake = UPath(tmp_path / "lake")
    for number, file in reversed(list(enumerate(writers.gallery_dl(album(4))))):
        land(lake, tmp_path, f"2025-07-29_{number}.jpg.json", file, MONDAY + timedelta(seconds=seconds * number))
    assert shown(lake) == [(n, f"https://cdn.example/{n}.jpg") for n in range(4)]


def test_an_album_that_is_read_in_two_parts_has_all_its_pictures(tmp_path: Path) -> None:
    lake = UPath(tmp_path / "lake")
    others = [file for n in range(1, 667) for file in writers.gallery_dl(album(3)._replace(number=PLAIN.number + n))]
    pictures = writers.gallery_dl(album(5))
    land(lake, tmp_path, "all.json", [*others, *pictures])
    assert len(others) < BATCH_RECORDS < len(others) + len(pictures)
    raw = {row["post_id"]: row["media"] for row in rows(lake)}
    assert [medium["position"] for medium in raw[str(PLAIN.number)]] == list(range(5))
    assert {len(media) for media in raw.values()} == {3, 5}


def test_a_newer_look_at_the_cover_alone_takes_no_picture_away(tmp_path: Path) -> None:
    lake = UPath(tmp_path / "lake")
    land(lake, tmp_path, "all.json", [writers.apify(album(3))], MONDAY)
    cover = {**writers.apify(album(3)), "childPosts": [], "images": [], "displayUrl": "https://cdn.example/new.jpg"}
    land(lake, tmp_path, "cover.json", [cover], MONDAY + timedelta(days=1))
    assert shown(lake) == [(0, "https://cdn.example/new.jpg"), *((n, f"https://cdn.example/{n}.jpg") for n in (1, 2))]


def test_a_picture_that_its_owner_took_out_of_an_album_stays_out(tmp_path: Path) -> None:
    lake = UPath(tmp_path / "lake")
    for day, pictures in enumerate([4, 3]):
        land(lake, tmp_path, f"{day}.json", [writers.apify(album(pictures))], MONDAY + timedelta(days=day))
    assert [position for position, _ in shown(lake)] == [0, 1, 2]


def test_every_line_of_zeeschuimer_is_in_and_was_seen_when_it_was_collected(tmp_path: Path) -> None:
    lake = UPath(tmp_path / "lake")
    posts = [PLAIN._replace(number=PLAIN.number + n, seconds=PLAIN.seconds - 3600 * n, likes=n) for n in range(5000)]
    lines = [
        json.dumps(writers.zeeschuimer(post) | {"timestamp_collected": 1754006400000 + n})
        for n, post in enumerate(posts)
    ]
    file = land(lake, tmp_path, "zeeschuimer-export-instagram.com-2025-08-01.ndjson", "\n".join(lines))
    assert (file.posts, file.profiles, file.quarantined, file.format) == (5000, 0, 0, "zeeschuimer")
    found = {row["post_id"]: (row["taken_at"], row["observed_at"], row["likes"]) for row in rows(lake)}
    began = datetime(2025, 8, 1, tzinfo=UTC)
    assert found == {
        str(post.number): (post.taken_at, began + timedelta(milliseconds=n), n) for n, post in enumerate(posts)
    }


def test_an_export_without_pictures_and_ids_is_no_changed_format(tmp_path: Path) -> None:
    lake = UPath(tmp_path / "lake")
    records = [writers.overview(PLAIN._replace(number=PLAIN.number + n)) for n in range(40)]
    file = land(lake, tmp_path, "dataset_instagram-post-scraper_2026-03-19_02-18-05-080.json", records)
    assert (file.posts, file.quarantined, file.warnings) == (40, 0, 40)


def test_partial_lines_of_zeeschuimer_do_not_refuse_their_file(tmp_path: Path) -> None:
    lake = UPath(tmp_path / "lake")
    lines = [writers.zeeschuimer(PLAIN._replace(number=PLAIN.number + n)) for n in range(10)]
    for line in lines[:6]:
        del line["data"]["taken_at"]
        line["data"]["_zs_partial"] = True
    file = land(lake, tmp_path, "lines.ndjson", "\n".join(map(json.dumps, lines)))
    assert (file.posts, file.quarantined) == (4, 6)
    assert set(quarantine_table(lake)["field"].to_pylist()) == {"data.taken_at"}
