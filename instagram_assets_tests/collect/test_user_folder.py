"""A user's file is whole or not there, whoever dies between the collection and it."""

import json
from pathlib import Path

import pytest

from instagram_assets.collect import crawls, export, pages
from instagram_assets.collect.books import Books
from instagram_assets.collect.site import Page
from instagram_assets.collect.user_folder import UserFolder, files_of_ours, remembered
from instagram_assets.errors import BusyError, SettingsError, StorageError


def arrive(folder: UserFolder, user: str, *records: int, time: str = "2026-11-27T09-00-00.000000Z") -> Path:
    lines = [{"collected": 1, "site": "instagram", "account": user, "record": {"pk": number}} for number in records]
    path = folder.arrivals / f"collected_instagram_{user}_{time}.json"
    path.write_text("".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines))
    return path


def read(path: Path) -> list[int]:
    return [line["record"]["pk"] for line in json.loads(path.read_bytes())]


def test_what_arrived_becomes_the_users_file_as_one_json_list(tmp_path: Path) -> None:
    folder = UserFolder(tmp_path / "scraped" / "users")
    made = folder.publish(arrive(folder, "sun.diary", 1, 2, 3))
    assert made == tmp_path / "scraped" / "users" / "sun.diary.json"
    assert read(made) == [1, 2, 3]
    assert len(made.read_text().splitlines()) == 5
    folder.tidy()
    assert list(made.parent.iterdir()) == [made]


def test_what_a_killed_run_left_is_published_the_next_time_the_newest_last(tmp_path: Path) -> None:
    folder = UserFolder(tmp_path)
    arrive(folder, "sun", 1, time="1")
    arrive(folder, "moon", 7)
    arrive(folder, "sun", 2, time="2")
    (folder.arrivals / ".collected_half.tmp").write_text("{")
    assert {path.name for path in UserFolder(tmp_path).publish_arrived(Books(tmp_path / "books"), 0.0)} == {
        "sun.json",
        "moon.json",
    }
    assert (read(tmp_path / "sun.json"), read(tmp_path / "moon.json")) == ([2], [7])
    assert UserFolder(tmp_path).publish_arrived(Books(tmp_path / "books"), 0.0) == []


def test_an_crawl_whose_file_arrived_but_was_not_closed_brings_nothing_twice(tmp_path: Path) -> None:
    books, folder = Books(tmp_path / "books"), UserFolder(tmp_path / "users")
    for user, decided in (("sun", True), ("moon", False)):
        crawl = crawls.begin(books, "instagram", user, crawls.Bounds(100), 1_795_000_000.0)
        with books.writing() as connection:
            pages.store(connection, crawl.id, 0, 1_795_000_010.0, Page(({"pk": 1},)))
            if decided:
                crawls.decide(connection, crawl, "complete", "", 1)
    arrived = export.bring(folder.arrivals, books, crawls.begin(books, "instagram", "sun", crawls.Bounds(100), 0.0))
    assert arrived
    assert arrived.parent == folder.arrivals
    assert [path.name for path in folder.publish_arrived(books, 1_795_000_020.0)] == ["sun.json"]
    assert read(tmp_path / "users" / "sun.json") == [1]
    assert crawls.unfinished(books, "instagram", "sun") is None
    assert crawls.unfinished(books, "instagram", "moon") is not None


def test_a_new_collection_takes_the_place_of_an_older_one(tmp_path: Path) -> None:
    folder = UserFolder(tmp_path)
    folder.publish(arrive(folder, "sun", 1, 2))
    assert read(folder.publish(arrive(folder, "sun", 3))) == [3]


@pytest.mark.parametrize("content", ["", "[]\n", "{}\n", "no json\n"])
def test_a_strange_file_among_the_arrivals_is_named_and_kept(tmp_path: Path, content: str) -> None:
    folder = UserFolder(tmp_path)
    strange = folder.arrivals / "collected_instagram_sun_1.json"
    strange.write_text(content)
    with pytest.raises(StorageError, match=r"collected_instagram_sun_1\.json: is no file of the collector"):
        folder.publish_arrived(Books(tmp_path / "books"), 0.0)
    assert strange.exists()


def test_a_folder_that_cannot_be_made_is_told_before_anything_is_asked(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match=r"--output-dir .*file/users: cannot be made"):
        UserFolder(tmp_path / "file" / "users")


def test_of_two_commands_with_one_folder_the_second_is_told_and_takes_nothing(tmp_path: Path) -> None:
    books, folder = Books(tmp_path / "books"), tmp_path / "users"
    with UserFolder(folder).alone(books):
        arrived = arrive(UserFolder(folder), "sun", 1)
        with pytest.raises(BusyError, match="Another scrape-users writes into"), UserFolder(folder).alone(books):
            pass
        assert arrived.exists()
    with UserFolder(folder).alone(books), UserFolder(tmp_path / "others").alone(books):
        assert [path.name for path in UserFolder(folder).publish_arrived(books, 0.0)] == ["sun.json"]
    assert remembered(books) == [tmp_path / "others", folder]


def test_what_people_put_beside_is_none_of_ours(tmp_path: Path) -> None:
    folder = UserFolder(tmp_path)
    folder.publish(arrive(folder, "sun", 1))
    (tmp_path / "mine.json").write_text('[{"name": "sun"}]')
    (tmp_path / "notes.txt").write_text("[\n" + '{"collected":1}')
    (tmp_path / "folder.json").mkdir()
    left = arrive(folder, "moon", 2)
    assert [path.name for path in files_of_ours(tmp_path)] == [left.name, "sun.json"]
