"""What people decide about images by hand is kept, of everybody who decides."""

import subprocess
import sys
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from upath import UPath

from instagram_assets.datasets.manual_overrides import LONGEST_WHY, decide, read_overrides
from instagram_assets.errors import SearchRequestError, StorageError
from instagram_assets.schemas.search import Override
from instagram_assets.settings import Settings
from instagram_assets.status.integrity import IntegrityCheck
from instagram_assets.storage.lake import open_lake, read_table, values_in
from instagram_assets_tests.servers.object_store import object_store, store_path

AT = datetime(2026, 11, 27, 9, 30, tzinfo=UTC)
SEARCH = "내 고양이"


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    with object_store() as address:
        yield address


@pytest.fixture(params=["disk", "object store"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> UPath:
    """An empty lake."""
    if request.param == "disk":
        return UPath(tmp_path / "lake")
    return store_path(request.getfixturevalue("store"), uuid.uuid4().hex)


def test_what_was_decided_is_read_with_its_time_and_reason(root: UPath) -> None:
    assert read_overrides(root, SEARCH) == {}
    decide(root, SEARCH, ["b", "a"], "drop", " a dog ", AT)
    now = decide(root, SEARCH, ["c"], "keep", "", AT + timedelta(hours=1))
    assert now == read_overrides(root, SEARCH)
    assert now == {
        "a": Override("drop", "a dog", AT),
        "b": Override("drop", "a dog", AT),
        "c": Override("keep", "", AT + timedelta(hours=1)),
    }
    assert [row["search"] for row in read_table(root, "overrides").to_pylist()] == [SEARCH] * 3


def test_the_newest_decision_holds_and_can_be_taken_back(root: UPath) -> None:
    decide(root, SEARCH, ["a", "b"], "drop", "blurred", AT)
    decide(root, SEARCH, ["a"], "keep", "not so blurred", AT + timedelta(minutes=1))
    assert decide(root, SEARCH, ["b", "unknown"], None, "", AT) == {
        "a": Override("keep", "not so blurred", AT + timedelta(minutes=1))
    }
    assert decide(root, SEARCH, ["a"], None, "", AT) == {} == read_overrides(root, SEARCH)


def test_searches_do_not_touch_each_other(root: UPath) -> None:
    decide(root, "cats", ["a"], "drop", "", AT)
    decide(root, "dogs", ["a"], "keep", "", AT)
    decide(root, "dogs", ["a"], None, "", AT)
    assert read_overrides(root, "cats") == {"a": Override("drop", "", AT)}


def test_a_search_without_decisions_leaves_no_folder_on_a_disk(tmp_path: Path) -> None:
    lake = UPath(tmp_path / "lake")
    decide(lake, SEARCH, ["a"], "drop", "", AT)
    decide(lake, SEARCH, ["a"], None, "", AT)
    assert values_in(lake, "overrides") == set()


def test_threads_that_decide_at_once_lose_nothing(root: UPath) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: decide(root, SEARCH, [f"{number:03}"], "drop", "", AT), range(24)))
    assert sorted(read_overrides(root, SEARCH)) == [f"{number:03}" for number in range(24)]


PROGRAM = """
import sys
from datetime import UTC, datetime
from upath import UPath
from instagram_assets.datasets.manual_overrides import decide
for number in range(15):
    decide(UPath(sys.argv[1]), "cats", [f"{sys.argv[2]}{number}"], "keep", "", datetime(2026, 11, 27, tzinfo=UTC))
"""


def test_two_processes_that_decide_at_once_lose_nothing(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    writers = [subprocess.Popen([sys.executable, "-c", PROGRAM, str(lake), letter]) for letter in "ab"]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    assert read_overrides(UPath(lake), "cats").keys() == {
        f"{letter}{number}" for letter in "ab" for number in range(15)
    }


@pytest.mark.parametrize(
    ("decision", "why", "said"),
    [
        ("delete", "", "decision 'delete': it is keep, drop, or null"),
        ("drop", "x" * (LONGEST_WHY + 1), "why has 1001 characters; 1000 are allowed"),
        ("drop", "a\u202ebc", r"why holds the control character U\+202E"),
        ("keep", "\x1b[31mred", r"why holds the control character U\+001B"),
    ],
)
def test_what_is_no_decision_is_refused_and_nothing_is_written(
    tmp_path: Path, decision: str, why: str, said: str
) -> None:
    with pytest.raises(SearchRequestError, match=said):
        decide(UPath(tmp_path / "lake"), SEARCH, ["a"], decision, why, AT)  # pyright: ignore[reportArgumentType]
    assert not (tmp_path / "lake").exists()


def test_damaged_decisions_are_to_be_put_back_since_nothing_makes_them_again(tmp_path: Path) -> None:
    chosen = Settings(data_dir=tmp_path, _env_file=None)  # pyright: ignore[reportCallIssue]
    lake = open_lake(chosen)
    decide(lake, "cats", ["a"], "keep", "", AT)
    (file,) = (tmp_path / "lake" / "overrides").rglob("*.parquet")
    file.write_bytes(b"PAR1garbage")
    with pytest.raises(StorageError, match="from a backup") as raised:
        read_overrides(lake, "cats")
    with pytest.raises(StorageError, match="from a backup"):
        decide(lake, "cats", ["b"], "keep", "", AT)
    (damage,) = IntegrityCheck(lake, chosen).damages()
    assert "restore" in damage.remedy
    assert "materialize" not in f"{raised.value}{damage.remedy}"
    assert file.read_bytes() == b"PAR1garbage"


def test_a_reason_of_several_lines_is_said_in_one() -> None:
    assert Override("drop", "a dog,\n| not a cat", AT).reason == "dropped by hand: a dog, | not a cat"
    assert Override("keep", "", AT).reason == "kept by hand"
