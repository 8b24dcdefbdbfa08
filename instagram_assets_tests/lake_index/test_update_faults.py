"""However an update of the index ends, the old one or the new one is there, and the next update is fine."""

import os
import resource
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import pytest
from upath import UPath

from instagram_assets.errors import NotReadyError, StorageError
from instagram_assets.lake_index.index_reader import LakeIndex
from instagram_assets.lake_index.update import update_index
from instagram_assets_tests.lake_index import small_lakes
from instagram_assets_tests.lake_index.small_lakes import ZONE, content

_ROOT = Path(__file__).parents[2]
_MOMENTS = (
    ("instagram_assets.lake_index.insert_rows", "remove_unused"),
    ("instagram_assets.lake_index.update", "write_vectors"),
    ("instagram_assets.lake_index.update", "next_file"),
    ("instagram_assets.lake_index.update", "write_atomic"),
)


@pytest.fixture
def root(tmp_path: Path) -> UPath:
    found, random = UPath(tmp_path / "lake"), Random(7)
    small_lakes.write_month(found, "jane", 2026, 9, 4, random)
    small_lakes.write_month(found, "_min", 2026, 10, 4, random)
    small_lakes.write_clusters(found, random)
    return found


@pytest.mark.parametrize(("module", "function"), _MOMENTS)
def test_a_killed_update_is_finished_by_the_next(root: UPath, tmp_path: Path, module: str, function: str) -> None:
    folder = tmp_path / "index"
    update_index(root, folder, ZONE)
    before = content(folder)
    small_lakes.write_month(root, "jane", 2026, 10, 3, Random(8))
    update_index(root, tmp_path / "anew", ZONE)
    wanted = content(tmp_path / "anew")
    script = [sys.executable, "-m", "instagram_assets_tests.lake_index.killed_update"]
    killed = subprocess.run([*script, root.path, str(folder), module, function], cwd=_ROOT, check=False)
    assert killed.returncode == -signal.SIGKILL
    # Whoever opens it then has the old one whole, or the new one.
    assert content(folder) in (before, wanted)
    update_index(root, folder, ZONE)
    assert content(folder) == wanted
    assert len(os.listdir(folder)) == 3


def test_a_first_update_that_is_killed_leaves_no_index(root: UPath, tmp_path: Path) -> None:
    folder = tmp_path / "index"
    script = [sys.executable, "-m", "instagram_assets_tests.lake_index.killed_update"]
    command = [*script, root.path, str(folder), "instagram_assets.lake_index.insert_terms", "sort_terms"]
    assert subprocess.run(command, cwd=_ROOT, check=False).returncode == -signal.SIGKILL
    with pytest.raises(NotReadyError):
        LakeIndex(folder)
    assert update_index(root, folder, ZONE).posts == 8
    assert len(os.listdir(folder)) == 3


def test_two_updates_at_once_wait_for_each_other(root: UPath, tmp_path: Path) -> None:
    folder = tmp_path / "index"
    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(lambda _: update_index(root, folder, ZONE), range(3)))
    assert sorted(each.why for each in done) == ["", "", "first"]


def test_where_the_disk_takes_no_more_the_old_index_stays(root: UPath, tmp_path: Path) -> None:
    folder = tmp_path / "index"
    update_index(root, folder, ZONE)
    before = content(folder)
    small_lakes.write_month(root, "jane", 2026, 10, 3, Random(8))
    command = [sys.executable, "-c", _SMALL_FILES, root.path, str(folder)]
    told = subprocess.run(command, cwd=_ROOT, check=False, capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    assert told.stdout.startswith(f"StorageError {folder}: ")
    assert "Traceback" not in told.stderr
    assert content(folder) == before
    assert update_index(root, folder, ZONE).posts == 11


_SMALL_FILES = f"""
import resource, signal, sys
from pathlib import Path
from upath import UPath
from instagram_assets.errors import StorageError
from instagram_assets.lake_index.update import update_index
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, {resource.RLIM_INFINITY}))
try:
    update_index(UPath(sys.argv[1]), Path(sys.argv[2]), "Asia/Seoul")
except StorageError as error:
    print(type(error).__name__, error)
"""


@pytest.mark.parametrize("number", ["9" * 20, "0" + "9" * 19, f"{2**63 - 1:020}"])
@pytest.mark.parametrize("is_folder", [False, True])
def test_a_planted_file_is_no_version_of_the_index(
    root: UPath, tmp_path: Path, number: str, *, is_folder: bool
) -> None:
    folder = tmp_path / "index"
    update_index(root, folder, ZONE)
    planted = folder / f"index-{number}.duckdb"
    if is_folder:
        planted.mkdir()
    else:
        planted.write_text("no index", "utf-8")
    before = content(folder)
    small_lakes.write_month(root, "jane", 2026, 10, 3, Random(8))
    assert not update_index(root, folder, ZONE).is_new
    assert content(folder) != before
    assert not planted.exists()


@pytest.mark.parametrize("name", ["new", "seen.txt", "vectors-1.bf16", "index-00000000000000000001.duckdb"])
def test_what_is_called_as_ours_and_is_of_another_kind_blocks_no_update(root: UPath, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "index"
    planted = folder / name
    if name == "new":
        folder.mkdir()
        planted.write_text("a file", "utf-8")
    else:
        (planted / "below").mkdir(parents=True)
    assert update_index(root, folder, ZONE).posts == 8
    assert not update_index(root, folder, ZONE).changed
    assert len(os.listdir(folder)) == 3


def test_an_index_folder_that_is_a_file_is_said_with_the_remedy(root: UPath, tmp_path: Path) -> None:
    (tmp_path / "index").write_text("a file", "utf-8")
    with pytest.raises(NotReadyError):
        LakeIndex(tmp_path / "index")
    with pytest.raises(StorageError, match="Move the file away"):
        update_index(root, tmp_path / "index", ZONE)
