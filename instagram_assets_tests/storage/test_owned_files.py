"""What we wrote into a folder that people use, too, is known by its bytes; all else is theirs."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from instagram_assets.errors import FileError, StorageError
from instagram_assets.storage.owned_files import HIDDEN, check_free, claims_of, digest, remove_ours, write_ours

REMEDY = "Take it away"
Write = Callable[..., None]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "photos").mkdir()
    return tmp_path / "photos"


@pytest.fixture
def write(source: Path) -> Write:
    """Writes texts into files of one folder, as made of `source`."""

    def into(files: dict[Path, str], of: Path = source) -> None:
        write_ours({path: lambda new, text=text: new.write_text(text) for path, text in files.items()}, of, REMEDY)

    return into


def test_what_we_wrote_may_be_replaced_and_nothing_half_done_is_left(write: Write, tmp_path: Path) -> None:
    one, two = tmp_path / "out" / "1.txt", tmp_path / "out" / "2.txt"
    write({one: "1", two: "2"})
    write({one: "1", two: "new"})
    assert (one.read_text(), two.read_text()) == ("1", "new")
    assert sorted(path.name for path in one.parent.iterdir()) == [HIDDEN, "1.txt", "2.txt"]
    assert [path.name for path in (one.parent / HIDDEN).iterdir()] == ["written.json"]


@pytest.mark.parametrize("kind", ["file", "link", "folder", "dangling"])
def test_what_is_somebody_elses_is_named_and_stays(write: Write, source: Path, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.txt"
    if kind == "file":
        path.write_text("mine")
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to(source if kind == "link" else tmp_path / "nowhere")
    with pytest.raises(FileError, match=rf"{path}: is there already, .* Take it away\."):
        write({path: "ours"})
    assert path.is_symlink() or path.is_dir() or path.read_text() == "mine"
    assert not (tmp_path / HIDDEN).exists()


def test_a_link_in_the_place_of_our_file_is_somebody_elses(write: Write, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write({path: "ours"})
    path.rename(tmp_path / "b.txt")
    path.symlink_to("b.txt")
    with pytest.raises(FileError, match="was changed since it was written"):
        write({path: "new"})
    assert (tmp_path / "b.txt").read_text() == "ours"


def test_what_was_made_of_something_else_is_named_with_it(write: Write, source: Path, tmp_path: Path) -> None:
    path = tmp_path / "out" / "a.txt"
    write({path: "ours"})
    with pytest.raises(FileError, match=rf"{path}: was made of {source}, and would be overwritten"):
        write({path: "new"}, tmp_path / "more" / "photos")


def test_a_folder_that_is_moved_with_what_was_made_of_it_stays_its_source(write: Write, source: Path) -> None:
    write({source / "a.txt": "ours"})
    moved = source.rename(source.with_name("moved"))
    check_free(moved / "a.txt", moved, REMEDY)


def test_only_our_own_file_is_removed(write: Write, source: Path, tmp_path: Path) -> None:
    ours, changed = tmp_path / "a.txt", tmp_path / "b.txt"
    write({ours: "ours", changed: "ours"})
    changed.write_text("mine")
    for path in (ours, changed, tmp_path / "c.txt"):
        remove_ours(path, source)
    assert (ours.exists(), changed.read_text()) == (False, "mine")
    assert list(claims_of(tmp_path)) == ["b.txt"]


def test_a_run_that_failed_leaves_nothing_and_the_old_file_stays(tmp_path: Path, source: Path, write: Write) -> None:
    path = tmp_path / "a.txt"
    with pytest.raises(RuntimeError):
        write_ours({path: _fail}, source, REMEDY)
    assert [name.name for name in tmp_path.iterdir()] == ["photos"]
    write({path: "ours"})
    with pytest.raises(RuntimeError):
        write_ours({path: _fail}, source, REMEDY)
    assert path.read_text() == "ours"
    write({path: "new"})


@pytest.mark.parametrize("content", ["", "[]", '{"a.txt": 1}', '{"a.txt": {"sha256": null}}', "\0"])
def test_where_what_is_hidden_was_changed_nothing_is_ours(write: Write, tmp_path: Path, content: str) -> None:
    path = tmp_path / "a.txt"
    write({path: "ours"})
    (tmp_path / HIDDEN / "written.json").write_text(content)
    with pytest.raises(FileError, match="is there already"):
        write({path: "new"})
    assert path.read_text() == "ours"


def test_names_need_not_be_text(write: Write, tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.txt")
    write({path: "ours"})
    write({path: "new"})
    assert json.loads((tmp_path / HIDDEN / "written.json").read_bytes())[path.name]["sha256"] == [digest(path)]


def test_a_file_in_the_folders_place_is_told(write: Write, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(StorageError, match=r"file: cannot be written"):
        write({tmp_path / "file" / "a.txt": "ours"})


def _fail(new: Path) -> None:
    new.write_text("half")
    raise RuntimeError
