"""When a record was read from Instagram: never when it was published, and the same record is one observation."""

import json
import os
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from upath import UPath

from instagram_assets.errors import FileError
from instagram_assets.ingest import inbox, landing
from instagram_assets.ingest.manifests import find_landed, manifest_path, pending_files, write_manifest
from instagram_assets.ingest.observations import read_posts, read_profiles
from instagram_assets.settings import Settings, load_settings
from instagram_assets_tests.ingest.records import post, profile, write

WRITTEN = datetime(2025, 8, 20, 3, tzinfo=UTC)
STATED = datetime(2025, 9, 7, 0, tzinfo=UTC)
FIRST, LAST = date(2010, 1, 1), date(2100, 1, 1)
NODE = {
    "__typename": "GraphImage",
    "id": "3100000000000000001",
    "shortcode": "CsFaZNTtgAB",
    "display_url": "https://cdn.example/a.jpg",
    "taken_at_timestamp": 1682935200,
    "owner": {"id": "1001", "username": "sun_diary"},
}
INSTALOADER = {"node": NODE, "instaloader": {"version": "4.13.1", "node_type": "Post"}}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(data_dir=tmp_path / "data")


@pytest.fixture
def lake(settings: Settings) -> UPath:
    return UPath(settings.folder("lake"))


def file_of(folder: Path, name: str, content: object, when: datetime = WRITTEN) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = write(folder, content if isinstance(content, str | bytes) else json.dumps(content), name)
    os.utime(path, (when.timestamp(), when.timestamp()))
    return path


def observations(lake: UPath) -> list[dict[str, Any]]:
    return read_posts(lake, "posts", ["sun_diary"], FIRST, LAST).to_pylist()


def times(lake: UPath) -> list[datetime]:
    return [row["observed_at"] for row in observations(lake)]


@pytest.mark.parametrize(
    "name", ["2023-05-01_10-00-00_UTC.json", "2023-05-01.json", "instagram_3100000000000000001.json"]
)
def test_a_time_of_publication_in_a_files_name_is_no_observation(
    lake: UPath, settings: Settings, tmp_path: Path, name: str
) -> None:
    landing.land_file(file_of(tmp_path, name, INSTALOADER), lake, settings=settings)
    assert times(lake) == [WRITTEN]


def test_a_file_as_old_as_its_post_was_read_when_it_came_in(lake: UPath, settings: Settings, tmp_path: Path) -> None:
    taken_at = datetime(2023, 5, 1, 10, tzinfo=UTC)  # Instaloader sets the file's time to that of the post
    landed = landing.land_file(file_of(tmp_path, "post.json", INSTALOADER, taken_at), lake, settings=settings)
    assert times(lake) == [landed.first_seen]


def test_what_a_person_states_counts_before_everything_else(lake: UPath, settings: Settings, tmp_path: Path) -> None:
    record = post(scrapedAt="2025-08-01T00:00:00Z")
    path = file_of(tmp_path, "dataset_instagram-scraper_2025-08-31_13-58-44-819.json", [record])
    landing.land_file(path, lake, settings=settings, observed_at=STATED)
    assert times(lake) == [STATED]


def test_a_time_stated_after_a_file_has_landed_counts_too(lake: UPath, settings: Settings, tmp_path: Path) -> None:
    path = file_of(tmp_path, "posts.json", [post()])
    landing.land_file(path, lake, settings=settings)
    again = landing.land_file(path, lake, settings=settings, observed_at=STATED)
    assert (again.new, times(lake)) == (True, [STATED])
    assert [file.sha256 for file in pending_files(lake)] == [again.sha256]
    once_more = landing.land_file(path, lake, settings=settings)
    assert (once_more.new, times(lake)) == (False, [STATED])


def test_a_note_beside_a_file_of_the_inbox_says_when_it_was_read(lake: UPath, settings: Settings) -> None:
    folder = settings.folder("inbox")
    file_of(folder, "posts.json", [post()])
    file_of(folder, "posts.json.observed_at", "2025-09-07T09:00:00+09:00\n")
    assert [path.name for path in inbox.waiting_entries(folder)] == ["posts.json"]
    assert inbox.land_files([], lake, settings).failures == []
    assert times(lake) == [STATED]
    assert sorted(path.name for path in (folder / "done").iterdir()) == ["posts.json", "posts.json.observed_at"]
    assert not [path for path in folder.iterdir() if path.is_file()]


@pytest.mark.parametrize("note", ["yesterday", "2025-09-07T09:00:00", b"\xff\xfe"])
def test_a_note_that_says_no_time_is_named_and_nothing_is_guessed(
    lake: UPath, settings: Settings, note: str | bytes
) -> None:
    folder = settings.folder("inbox")
    file_of(folder, "posts.json", [post()])
    file_of(folder, "posts.json.observed_at", note)
    (error,) = inbox.land_files([], lake, settings).failures
    assert isinstance(error, FileError)
    assert error.file.endswith("posts.json.observed_at")
    assert "Mend that file" in str(error)
    assert pending_files(lake) == []


def test_the_time_of_a_landed_file_never_moves(lake: UPath, settings: Settings, tmp_path: Path) -> None:
    path = file_of(tmp_path, "posts.json", [post()])
    landed = landing.land_file(path, lake, settings=settings)
    os.utime(path, (WRITTEN.timestamp() + 9_999, WRITTEN.timestamp() + 9_999))
    # As rules of before have left it, so that it is read again.
    older = replace(landed, parser_version=3, modified_at=WRITTEN)
    write_manifest(lake, older)
    manifest_path(lake, landed.name).unlink()
    assert landing.land_file(path, lake, settings=settings).new
    assert times(lake) == [WRITTEN]


@pytest.mark.parametrize(
    ("name", "observed", "expected"),
    [("posts.json", STATED, STATED), ("2025-08-10.json", datetime(2025, 8, 9, 15, tzinfo=UTC), WRITTEN)],
    ids=["stated", "from a name"],
)
def test_what_was_stated_to_older_rules_stays_and_what_they_guessed_goes(
    lake: UPath, settings: Settings, tmp_path: Path, name: str, observed: datetime, expected: datetime
) -> None:
    path = file_of(tmp_path, name, [post()])
    landed = landing.land_file(path, lake, settings=settings)
    write_manifest(lake, replace(landed, parser_version=3, observed_at=observed, modified_at=None))
    manifest_path(lake, landed.name).unlink()
    landing.land_file(path, lake, settings=settings)
    assert times(lake) == [expected]


def test_the_same_records_in_two_forms_are_one_observation(lake: UPath, settings: Settings, tmp_path: Path) -> None:
    records = [post(), post(id="3697661021377407102", shortCode="DNQuxufAih-")]
    later = datetime(2025, 8, 25, tzinfo=UTC)
    file_of(tmp_path, "posts.json", records)
    file_of(tmp_path, "posts.jsonl", "\n".join(map(json.dumps, records)), later)
    file_of(tmp_path, "again.json", json.dumps(records, indent=2), later)
    for name in ("posts.jsonl", "posts.json", "again.json"):
        landing.land_file(tmp_path / name, lake, settings=settings)
    assert times(lake) == [WRITTEN, WRITTEN]
    assert find_landed(lake, observations(lake)[0]["source_sha256"]) is not None


def test_records_that_differ_or_say_their_time_stay_observations(
    lake: UPath, settings: Settings, tmp_path: Path
) -> None:
    later = datetime(2025, 8, 25, tzinfo=UTC)
    landing.land_file(file_of(tmp_path, "a.json", [post(likesCount=10)]), lake, settings=settings)
    landing.land_file(file_of(tmp_path, "b.json", [post(likesCount=11)], later), lake, settings=settings)
    said = [post(likesCount=11, scrapedAt=f"2025-08-{day}T00:00:00Z") for day in (27, 28)]
    landing.land_file(file_of(tmp_path, "c.json", said), lake, settings=settings)
    assert [row["likes"] for row in observations(lake)] == [10, 11, 11, 11]


def test_a_profile_in_two_files_is_one_observation(lake: UPath, settings: Settings, tmp_path: Path) -> None:
    later = datetime(2025, 8, 25, tzinfo=UTC)
    landing.land_file(file_of(tmp_path, "a.json", [profile()]), lake, settings=settings)
    landing.land_file(file_of(tmp_path, "b.json", json.dumps([profile()], indent=1), later), lake, settings=settings)
    landing.land_file(file_of(tmp_path, "c.json", [profile(followersCount=77)], later), lake, settings=settings)
    found = read_profiles(lake, ["sun_diary"]).to_pylist()
    assert [(row["followers"], row["observed_at"]) for row in found] == [(1000, WRITTEN), (77, later)]
