"""A user's file is whole or not there, whoever dies between the collection and it."""

import json
from pathlib import Path

import pytest

from instagram_assets.collect.collection_scope import Bounds
from instagram_assets.collect.collector_database import CollectorDatabase
from instagram_assets.collect.crawl_table import find_open_crawl, open_crawl, set_outcome
from instagram_assets.collect.inbox_delivery import write_export
from instagram_assets.collect.output_folder import OutputFolder, collector_files, known_output_folders
from instagram_assets.collect.site_adapter import CrawlPage
from instagram_assets.collect.stored_pages import store_page
from instagram_assets.errors import BusyError, SettingsError, StorageError


def arrive(folder: OutputFolder, user: str, *records: int, time: str = "2026-11-27T09-00-00.000000Z") -> Path:
    lines = [{"collected": 1, "site": "instagram", "account": user, "record": {"pk": number}} for number in records]
    path = folder.arrivals / f"collected_instagram_{user}_{time}.json"
    path.write_text("".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines))
    return path


def read(path: Path) -> list[int]:
    return [line["record"]["pk"] for line in json.loads(path.read_bytes())]


def test_what_arrived_becomes_the_users_file_as_one_json_list(tmp_path: Path) -> None:
    folder = OutputFolder(tmp_path / "scraped" / "users")
    made = folder.publish(arrive(folder, "sun.diary", 1, 2, 3))
    assert made == tmp_path / "scraped" / "users" / "sun.diary.json"
    assert read(made) == [1, 2, 3]
    assert len(made.read_text().splitlines()) == 5
    folder.tidy()
    assert list(made.parent.iterdir()) == [made]


def test_what_a_killed_run_left_is_published_the_next_time_the_newest_last(tmp_path: Path) -> None:
    folder = OutputFolder(tmp_path)
    arrive(folder, "sun", 1, time="1")
    arrive(folder, "moon", 7)
    arrive(folder, "sun", 2, time="2")
    (folder.arrivals / ".collected_half.tmp").write_text("{")
    assert {
        path.name for path in OutputFolder(tmp_path).publish_arrived(CollectorDatabase(tmp_path / "books"), 0.0)
    } == {
        "sun.json",
        "moon.json",
    }
    assert (read(tmp_path / "sun.json"), read(tmp_path / "moon.json")) == ([2], [7])
    assert OutputFolder(tmp_path).publish_arrived(CollectorDatabase(tmp_path / "books"), 0.0) == []


def test_an_crawl_whose_file_arrived_but_was_not_closed_brings_nothing_twice(tmp_path: Path) -> None:
    database, folder = CollectorDatabase(tmp_path / "books"), OutputFolder(tmp_path / "users")
    for user, decided in (("sun", True), ("moon", False)):
        crawl = open_crawl(database, "instagram", user, Bounds(100), 1_795_000_000.0)
        with database.writing() as connection:
            store_page(connection, crawl.id, 0, 1_795_000_010.0, CrawlPage(({"pk": 1},)))
            if decided:
                set_outcome(connection, crawl, "complete", "", 1)
    arrived = write_export(folder.arrivals, database, open_crawl(database, "instagram", "sun", Bounds(100), 0.0))
    assert arrived
    assert arrived.parent == folder.arrivals
    assert [path.name for path in folder.publish_arrived(database, 1_795_000_020.0)] == ["sun.json"]
    assert read(tmp_path / "users" / "sun.json") == [1]
    assert find_open_crawl(database, "instagram", "sun") is None
    assert find_open_crawl(database, "instagram", "moon") is not None


def test_a_new_collection_takes_the_place_of_an_older_one(tmp_path: Path) -> None:
    folder = OutputFolder(tmp_path)
    folder.publish(arrive(folder, "sun", 1, 2))
    assert read(folder.publish(arrive(folder, "sun", 3))) == [3]


@pytest.mark.parametrize("content", ["", "[]\n", "{}\n", "no json\n"])
def test_a_strange_file_among_the_arrivals_is_named_and_kept(tmp_path: Path, content: str) -> None:
    folder = OutputFolder(tmp_path)
    strange = folder.arrivals / "collected_instagram_sun_1.json"
    strange.write_text(content)
    with pytest.raises(StorageError, match=r"collected_instagram_sun_1\.json: is no file of the collector"):
        folder.publish_arrived(CollectorDatabase(tmp_path / "books"), 0.0)
    assert strange.exists()


def test_a_folder_that_cannot_be_made_is_told_before_anything_is_asked(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match=r"--output-dir .*file/users: cannot be made"):
        OutputFolder(tmp_path / "file" / "users")


def test_of_two_commands_with_one_folder_the_second_is_told_and_takes_nothing(tmp_path: Path) -> None:
    database, folder = CollectorDatabase(tmp_path / "books"), tmp_path / "users"
    with OutputFolder(folder).alone(database):
        arrived = arrive(OutputFolder(folder), "sun", 1)
        with pytest.raises(BusyError, match="Another scrape-users writes into"), OutputFolder(folder).alone(database):
            pass
        assert arrived.exists()
    with OutputFolder(folder).alone(database), OutputFolder(tmp_path / "others").alone(database):
        assert [path.name for path in OutputFolder(folder).publish_arrived(database, 0.0)] == ["sun.json"]
    assert known_output_folders(database) == [tmp_path / "others", folder]


def test_what_people_put_beside_is_none_of_ours(tmp_path: Path) -> None:
    folder = OutputFolder(tmp_path)
    folder.publish(arrive(folder, "sun", 1))
    (tmp_path / "mine.json").write_text('[{"name": "sun"}]')
    (tmp_path / "notes.txt").write_text("[\n" + '{"collected":1}')
    (tmp_path / "folder.json").mkdir()
    left = arrive(folder, "moon", 2)
    assert [path.name for path in collector_files(tmp_path)] == [left.name, "sun.json"]
