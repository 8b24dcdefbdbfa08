"""The JSON with captions promises: every record as it was, a caption per image, and nothing done twice."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from instagram_assets.datasets.csv import read_csv
from instagram_assets.errors import FileError
from instagram_assets.local.caption_files import caption_folder, caption_json
from instagram_assets.local.output_paths import caption_paths
from instagram_assets.local.refine import to_csv

COLUMNS = ("image_id", "caption", "score", "status", "reason")


class Reader:
    """Captions an image by what is written in its file; `bad` ones fail. Notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def __call__(self, images: Mapping[str, Path]) -> pa.Table:
        self.asked.append([path.name for path in images.values()])
        return pa.Table.from_pylist([self._row(*item) for item in images.items()], schema=self._schema())

    def _row(self, image_id: str, path: Path) -> dict[str, Any]:
        assert image_id == hashlib.sha256(path.read_bytes()).hexdigest()
        text = path.read_text()
        values = (
            (image_id, None, None, "failed", "cannot be decoded")
            if text == "bad"
            else (image_id, text, 0.51236, "ok", None)
        )
        return dict(zip(COLUMNS, values, strict=True))

    def _schema(self) -> pa.Schema:
        return pa.schema([(name, pa.float32() if name == "score" else pa.string()) for name in COLUMNS])


def refuse(images: Mapping[str, Path]) -> pa.Table:
    raise AssertionError(f"{len(images)} images were captioned again")


def write(path: Path, records: object) -> Path:
    path.write_text(json.dumps(records, ensure_ascii=False), encoding="utf-8")
    return path


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A merged JSON with two posts and its images."""
    (tmp_path / "images").mkdir()
    for name, text in {"a.jpg": "a cat", "b.jpg": "a dog, asleep", "same.jpg": "a cat", "bad.jpg": "bad"}.items():
        (tmp_path / "images" / name).write_text(text)
    return write(
        tmp_path / "merged.json",
        [
            {"id": "1", "images": ["images/a.jpg", "images/b.jpg"], "그림": {"deep": [1, 2.5, None]}},
            {"caption": "no images"},
            {"images": ["images/same.jpg", str(tmp_path / "images" / "bad.jpg"), "images/gone.jpg"], "id": "2"},
        ],
    )


def test_each_image_gets_its_caption_in_its_place_and_every_other_key_stays(file: Path) -> None:
    caption = Reader()
    before = read(file)
    summary = caption_json(file, None, caption)
    first, second, third = read(file.with_name("merged_with_captions.json"))
    assert first.pop("imageCaptions") == ["a cat", "a dog, asleep"]
    assert first.pop("imageCaptionScores") == [0.5124, 0.5124]
    assert third.pop("imageCaptions") == ["a cat", None, None]
    assert third.pop("imageCaptionScores") == [0.5124, None, None]
    assert [list(record.items()) for record in (first, second, third)] == [list(record.items()) for record in before]
    assert caption.asked == [["a.jpg", "b.jpg", "bad.jpg"]]
    assert summary == (
        file.with_name("merged_with_captions.json"),
        *(3, 5, 3, 0, 0),
        {"cannot be decoded": 1, "no such file": 1},
    )


def test_its_own_output_is_left_as_it_is(file: Path) -> None:
    (file.parent / "images" / "bad.jpg").write_text("a bird")
    (file.parent / "images" / "gone.jpg").write_text("a fish")
    path = caption_json(file, None, Reader()).path
    before = path.read_bytes()
    summary = caption_json(path, None, refuse)
    assert (summary.path, summary.captioned, summary.kept) == (path, 0, 5)
    assert path.read_bytes() == before


def test_only_images_without_a_caption_are_asked_for_again(file: Path) -> None:
    path = caption_json(file, None, Reader()).path
    (file.parent / "images" / "gone.jpg").write_text("a fish")
    caption = Reader()
    summary = caption_json(path, None, caption)
    assert caption.asked == [["bad.jpg", "gone.jpg"]]
    assert read(path)[2]["imageCaptions"] == ["a cat", None, "a fish"]
    assert (summary.captioned, summary.kept, summary.without) == (1, 3, {"cannot be decoded": 1})


def test_captions_are_made_anew_when_asked_to(file: Path) -> None:
    path = caption_json(file, None, Reader()).path
    (file.parent / "images" / "a.jpg").write_text("a horse")
    summary = caption_json(path, None, Reader(), skip_existing=False)
    assert read(path)[0]["imageCaptions"] == ["a horse", "a dog, asleep"]
    assert (summary.captioned, summary.kept) == (3, 0)


def test_captions_that_do_not_fit_the_images_are_made_anew(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_text("a cat")
    file = write(tmp_path / "m.json", [{"images": ["a.jpg"], "imageCaptions": ["one", "two"], "id": "1"}])
    (record,) = read(caption_json(file, None, Reader()).path)
    assert record["imageCaptions"] == ["a cat"]
    assert list(record) == ["images", "imageCaptions", "id", "imageCaptionScores"]


def test_the_limit_holds_for_each_post(file: Path) -> None:
    caption = Reader()
    summary = caption_json(file, None, caption, max_images_per_post=1)
    records = read(summary.path)
    assert caption.asked == [["a.jpg"]]
    assert [record.get("imageCaptions") for record in records] == [["a cat", None], None, ["a cat", None, None]]
    assert (summary.captioned, summary.left_out, summary.without) == (2, 3, {})


def test_images_that_are_no_files_get_null_and_a_reason(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    images = ["https://cdn.example/1.jpg", "folder", "pipe", "a\0b", "x" * 300, None, {"url": "u"}]
    summary = caption_json(write(tmp_path / "m.json", [{"images": images}, {"images": "a.jpg"}]), None, refuse)
    assert read(summary.path)[0] == {"images": images, "imageCaptions": [None] * 7, "imageCaptionScores": [None] * 7}
    assert read(summary.path)[1] == {"images": "a.jpg"}
    assert summary.without == {
        "an address, not a file": 1,
        "not a file": 2,
        "embedded null byte": 1,
        "File name too long": 1,
        "not a path": 2,
    }


def test_lines_of_records_and_packed_files_are_read_too(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_text("a cat")
    file = tmp_path / "posts.jsonl"
    file.write_text('{"images": ["a.jpg"]}\n{"images": []}\n')
    summary = caption_json(file, None, Reader())
    assert summary.path == tmp_path / "posts_with_captions.json"
    assert [record["imageCaptions"] for record in read(summary.path)] == [["a cat"], []]
    assert caption_paths(Path("posts.json.gz")) == [Path("posts_with_captions.json")]


def test_what_is_no_merged_dataset_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"m\.json"):
        caption_json(write(tmp_path / "m.json", ["text"]), None, refuse)
    with pytest.raises(FileError, match=r"none\.json.*cannot be read"):
        caption_json(tmp_path / "none.json", None, refuse)
    assert [path.name for path in tmp_path.iterdir()] == ["m.json"]


def test_a_json_that_changes_meanwhile_is_refused(file: Path) -> None:
    def caption(images: Mapping[str, Path]) -> pa.Table:
        write(file, [{"images": ["images/b.jpg"]}])
        return Reader()(images)

    with pytest.raises(FileError, match="changed while it was read"):
        caption_json(file, None, caption)
    assert not file.with_name("merged_with_captions.json").exists()


def test_the_captions_go_on_to_csv_and_come_back(file: Path) -> None:
    (table,) = to_csv(caption_json(file, None, Reader()).path, kind="post")
    rows = list(read_csv(table.path))
    assert [row["imageCaptions"] for row in rows] == [["a cat", "a dog, asleep"], None, ["a cat", None, None]]
    assert rows[2]["imageCaptionScores"] == [0.5124, None, None]


def test_a_folder_of_images_becomes_one_list(file: Path, tmp_path: Path) -> None:
    (file.parent / "images" / ".hidden.jpg").write_text("hidden")
    (file.parent / "images" / "notes.txt").write_text("no picture")
    caption = Reader()
    summary = caption_folder(file.parent / "images", tmp_path / "out", caption)
    assert caption.asked == [["a.jpg", "b.jpg", "bad.jpg"]]
    cat, dog, bad = (hashlib.sha256(text).hexdigest() for text in (b"a cat", b"a dog, asleep", b"bad"))
    assert read(tmp_path / "out" / "captions.json") == [
        {"file": "a.jpg", "image_id": cat, "caption": "a cat", "score": 0.5124, "reason": ""},
        {"file": "b.jpg", "image_id": dog, "caption": "a dog, asleep", "score": 0.5124, "reason": ""},
        {"file": "bad.jpg", "image_id": bad, "caption": None, "score": None, "reason": "cannot be decoded"},
        {"file": "same.jpg", "image_id": cat, "caption": "a cat", "score": 0.5124, "reason": ""},
    ]
    assert [row["file"] for row in read_csv(tmp_path / "out" / "captions.csv")] == [
        "a.jpg",
        "b.jpg",
        "bad.jpg",
        "same.jpg",
    ]
    assert (summary.captioned, summary.without) == (3, {"cannot be decoded": 1})


def test_a_folder_without_images_is_an_empty_list(tmp_path: Path) -> None:
    summary = caption_folder(tmp_path, None, refuse)
    assert (summary.images, read(summary.path)) == (0, [])
    with pytest.raises(FileError, match="is no folder"):
        caption_folder(tmp_path / "none", None, refuse)


def test_captions_of_another_folder_or_changed_by_hand_are_never_overwritten(file: Path, tmp_path: Path) -> None:
    out, other = tmp_path / "out", tmp_path / "more" / "images"
    other.mkdir(parents=True)
    (other / "a.jpg").write_text("a horse")
    made = caption_folder(file.parent / "images", out, Reader()).path
    assert caption_folder(file.parent / "images", out, Reader()).path == made
    with pytest.raises(FileError, match=rf"{made}: was made of {file.parent / 'images'}, .* give --out another name"):
        caption_folder(other, out, refuse)
    changed = [record | {"caption": "mine"} for record in read(made)]
    write(made, changed)
    with pytest.raises(FileError, match="was changed since it was written"):
        caption_folder(file.parent / "images", out, refuse)
    assert read(made) == changed


def test_captions_that_somebody_corrected_are_kept_or_nothing_is_done(file: Path) -> None:
    path = caption_json(file, None, Reader()).path
    records = read(path)
    records[0]["imageCaptions"][0] = "my cat"
    write(path, records)
    with pytest.raises(FileError, match=rf"{path}: was changed since it was written"):
        caption_json(file, None, refuse)
    (file.parent / "images" / "gone.jpg").write_text("a fish")
    assert read(caption_json(path, None, Reader()).path)[0]["imageCaptions"][0] == "my cat"
    with pytest.raises(FileError, match="was changed since it was written"):
        caption_json(file, None, refuse)


def test_captions_that_were_completed_in_their_file_may_be_made_again_from_its_source(file: Path) -> None:
    path = caption_json(file, None, Reader()).path
    (file.parent / "images" / "gone.jpg").write_text("a fish")
    caption_json(path, None, Reader())
    assert caption_json(file, None, Reader()).path == path


def test_a_file_of_that_name_that_is_somebody_elses_stays(file: Path) -> None:
    (file.parent / "images" / "captions.csv").write_text("mine")
    with pytest.raises(FileError, match=r"captions\.csv: is there already"):
        caption_folder(file.parent / "images", None, refuse)
    assert not (file.parent / "images" / "captions.json").exists()
