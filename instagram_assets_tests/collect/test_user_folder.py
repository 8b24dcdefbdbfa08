"""A user's file is whole or not there, whoever dies between the collection and it."""

import json
from pathlib import Path

import pytest

from instagram_assets.collect.user_folder import UserFolder
from instagram_assets.errors import SettingsError, StorageError


def arrive(folder: UserFolder, user: str, *records: int, time: str = "2026-11-27T09-00-00.000000Z") -> Path:
    lines = [{"collected": 1, "site": "instagram", "account": user, "record": {"pk": number}} for number in records]
    path = folder.arrivals / f"collected_instagram_{user}_{time}.json"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
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
    assert {path.name for path in UserFolder(tmp_path).publish_arrived()} == {"sun.json", "moon.json"}
    assert (read(tmp_path / "sun.json"), read(tmp_path / "moon.json")) == ([2], [7])
    assert UserFolder(tmp_path).publish_arrived() == []


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
        folder.publish_arrived()
    assert strange.exists()


def test_a_folder_that_cannot_be_made_is_told_before_anything_is_asked(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match=r"--output-dir .*file/users: cannot be made"):
        UserFolder(tmp_path / "file" / "users")
