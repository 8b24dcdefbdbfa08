"""What a replaced folder promises: the old one or the new one, whole, whatever happens."""

import itertools
import subprocess
import sys
from pathlib import Path

import pytest

from instagram_assets.errors import StorageError
from instagram_assets.storage.folder_swap import replace_folder


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_new_folder_takes_the_place_of_the_old(tmp_path: Path):
    folder = tmp_path / "deep" / "dataset"
    replace_folder(folder, lambda new: (new / "old.txt").write_text("old"))
    replace_folder(folder, lambda new: (new / "new.txt").write_text("new"))
    assert _names(folder) == ["new.txt"]
    assert _names(folder.parent) == ["dataset"]


def test_a_failure_leaves_the_old_folder_and_the_next_call_cleans_up(tmp_path: Path):
    folder = tmp_path / "dataset"

    def broken(new: Path) -> None:
        (new / "half.txt").write_text("half")
        raise RuntimeError

    replace_folder(folder, lambda new: (new / "old.txt").write_text("old"))
    with pytest.raises(RuntimeError):
        replace_folder(folder, broken)
    assert _names(folder) == ["old.txt"]
    replace_folder(folder, lambda new: (new / "new.txt").write_text("new"))
    assert _names(tmp_path) == ["dataset"]
    assert _names(folder) == ["new.txt"]


def test_a_file_that_comes_while_it_is_written_stops_it(tmp_path: Path):
    folder = tmp_path / "dataset"
    replace_folder(folder, lambda new: (new / "old.txt").write_text("old"))

    def fill(new: Path) -> None:
        (new / "new.txt").write_text("new")
        (folder / "notes.md").write_text("mine")

    with pytest.raises(StorageError, match=r"notes\.md"):
        replace_folder(folder, fill, lambda name: name.endswith(".txt"))
    assert _names(folder) == ["notes.md", "old.txt"]


# A process that ends without a word at the call, of those that change the disk, that comes after N others.
_DYING = """
import os, sys
from pathlib import Path
from instagram_assets.storage.folder_swap import replace_folder

left = int(sys.argv[2])

def dying(call):
    def step(*arguments, **options):
        global left
        if left == 0:
            os._exit(1)
        left -= 1
        return call(*arguments, **options)
    return step

for name in ("mkdir", "rename", "rmdir", "unlink", "fsync"):
    setattr(os, name, dying(getattr(os, name)))
replace_folder(Path(sys.argv[1]), lambda new: (new / "new.txt").write_text("new"))
"""


def test_killed_at_any_step_a_whole_folder_remains(tmp_path: Path):
    for survived in itertools.count():
        folder = tmp_path / str(survived) / "dataset"
        replace_folder(folder, lambda new: (new / "old.txt").write_text("old"))
        child = subprocess.run([sys.executable, "-c", _DYING, str(folder), str(survived)])
        with pytest.raises(RuntimeError):
            replace_folder(folder, _stop)
        assert _names(folder) in (["old.txt"], ["new.txt"])
        replace_folder(folder, lambda new: (new / "newest.txt").write_text("newest"))
        assert _names(folder.parent) == ["dataset"]
        assert _names(folder) == ["newest.txt"]
        if child.returncode == 0:
            assert survived > 5
            return


def _stop(_: Path) -> None:
    raise RuntimeError
