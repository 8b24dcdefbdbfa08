"""What the JSON dataset promises: whole files, one record a line, and a reader for what others merged."""

import json
from pathlib import Path

import pytest

from instagram_assets.datasets.json import json_name, write_json
from instagram_assets.datasets.merged_records import merged_records
from instagram_assets.datasets.table_parts import one_part
from instagram_assets.errors import FileError
from instagram_assets.local.image_files import read_merged_json
from instagram_assets_tests.datasets.tables import image, images, post, posts


def test_the_file_has_the_name_that_users_know():
    assert json_name("reel") == "merged_dataset_reel_with_images.json"
    assert json_name("all", captions=True) == "merged_dataset_all_with_images_with_captions.json"


def test_records_come_back_as_they_went(tmp_path: Path):
    records = list(
        merged_records(
            one_part(posts=posts(post("1", caption='"그림"\u2028👶🏻\n'), post("2")), images=images(image("1"))), "all"
        )
    )
    path = tmp_path / "merged.json"
    assert write_json(iter(records), path) == 2
    assert json.loads(path.read_text(encoding="utf-8")) == records
    assert list(read_merged_json(path)) == records


def test_every_record_is_one_line_of_plain_utf8(tmp_path: Path):
    path = tmp_path / "merged.json"
    write_json([{"caption": "그림\n"}, {"caption": ""}], path)
    assert path.read_bytes() == '[\n{"caption": "그림\\n"},\n{"caption": ""}\n]\n'.encode()


def test_no_records_are_an_empty_array(tmp_path: Path):
    assert write_json([], tmp_path / "merged.json") == 0
    assert list(read_merged_json(tmp_path / "merged.json")) == []


def test_what_json_cannot_hold_becomes_null_or_a_replacement_character(tmp_path: Path):
    write_json(
        [{"score": float("nan"), "list": [float("inf"), 1]}, {"caption": "\ud83d\udc76 \ud83d"}], tmp_path / "m.json"
    )
    assert list(read_merged_json(tmp_path / "m.json")) == [{"score": None, "list": [None, 1]}, {"caption": "👶 \ufffd"}]


def test_a_failure_midway_leaves_the_old_file(tmp_path: Path):
    def broken():
        yield {"id": "1"}
        raise RuntimeError

    path = tmp_path / "merged.json"
    write_json([{"id": "0"}], path)
    with pytest.raises(RuntimeError):
        write_json(broken(), path)
    assert list(read_merged_json(path)) == [{"id": "0"}]
    assert [p.name for p in tmp_path.iterdir()] == ["merged.json"]


@pytest.mark.parametrize("text", ["", "null", '["text"]', '[{"id": "1"},\n{"id": ]', "id,caption\n"])
def test_what_is_no_merged_dataset_is_refused_with_its_name(tmp_path: Path, text: str):
    path = tmp_path / "other.json"
    path.write_text(text)
    with pytest.raises(FileError, match=r"other\.json"):
        list(read_merged_json(path))
