"""A damaged log is told with its version and mended from the lake; nothing is thrown away."""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from deltalake import DeltaTable
from upath import UPath

from instagram_assets.datasets.delta import check, table_location, vacuum, write_delta
from instagram_assets.datasets.delta.locations import TableLocation
from instagram_assets.errors import DamagedError, StorageError
from instagram_assets_tests.datasets.delta_lakes import ACCOUNTS, ids, lake, made, put
from instagram_assets_tests.datasets.tables import post

EXPECTED = [*(str(number) for number in range(1, 41)), "101", "102", "103"]


@pytest.fixture
def root(tmp_path: Path) -> UPath:
    """A lake whose posts are a table of versions 0 to 3."""
    root = lake(tmp_path / "lake")
    made(root, tmp_path / "delta")
    for number in (101, 102, 103):
        put(root, post(str(number), ACCOUNTS[number % 10], day=_day(number)))
        made(root, tmp_path / "delta")
    return root


def _day(number: int) -> date:
    return date(2024, 7, number - 100)


def _place(root: UPath) -> TableLocation:
    return table_location(str(root.parent / "delta"), "posts", {}, {})


def _log(root: UPath, name: str = "") -> Path:
    return Path(root.parent.path) / "delta/posts/_delta_log" / name


def _commit(root: UPath, version: int) -> Path:
    return _log(root, f"{version:020}.json")


def _zero(version: int) -> Callable[[UPath], object]:
    return lambda root: _commit(root, version).write_bytes(b"")


def _gone(version: int) -> Callable[[UPath], object]:
    return lambda root: _commit(root, version).unlink()


def _torn(version: int) -> Callable[[UPath], object]:
    return lambda root: _commit(root, version).write_bytes(
        (data := _commit(root, version).read_bytes())[: len(data) // 2]
    )


def _zeros(version: int) -> Callable[[UPath], object]:
    return lambda root: _commit(root, version).write_bytes(bytes(_commit(root, version).stat().st_size))


@pytest.mark.parametrize(
    ("damage", "version"),
    [
        *((_zero(version), version) for version in (0, 1, 3)),
        *((_torn(version), version) for version in (0, 2, 3)),
        *((_zeros(version), version) for version in (1, 3)),
        *((_gone(version), version) for version in (0, 1, 2)),
    ],
)
@pytest.mark.bad_input("damaged Delta log")
def test_a_damaged_version_is_told_and_the_next_run_makes_the_rows_again(
    root: UPath, damage: Callable[[UPath], object], version: int
):
    damage(root)
    with pytest.raises(DamagedError, match=rf"{version:020}\.json: version {version} of this Delta table is damaged"):
        check(_place(root))
    told: list[str] = []
    write_delta(root, str(root.parent / "delta"), warn=told.append)
    assert f"version {version} was damaged" in told[0]
    check(_place(root))
    assert ids(Path(root.parent.path) / "delta") == EXPECTED
    assert made(root, Path(root.parent.path) / "delta")["posts"].written == 0


def test_what_was_damaged_is_kept_aside(root: UPath):
    before = {path.name: path.read_bytes() for path in _log(root).iterdir()}
    _commit(root, 1).write_bytes(b"")
    told: list[str] = []
    write_delta(root, str(root.parent / "delta"), warn=told.append)
    assert len(told) == 1
    assert told[0].endswith("The table is made again from the lake; what was damaged is in _damaged/1.")
    aside = {path.name: path.read_bytes() for path in (_log(root).parent / "_damaged/1").iterdir()}
    assert aside == {**before, f"{1:020}.json": b""}
    _commit(root, 0).write_bytes(b"")
    write_delta(root, str(root.parent / "delta"), warn=told.append)
    assert told[1].endswith("what was damaged is in _damaged/2.")
    vacuum(root, str(root.parent / "delta"), keep_hours=0)
    assert len(list((_log(root).parent / "_damaged/1").iterdir())) == len(before)
    assert ids(Path(root.parent.path) / "delta") == EXPECTED


def test_of_a_damaged_newest_version_the_ones_before_stay(root: UPath):
    _commit(root, 3).write_bytes(b"")
    write_delta(root, str(root.parent / "delta"), warn=lambda _: None)
    assert DeltaTable(_log(root).parent).version() == 3
    assert DeltaTable(_log(root).parent, version=2).to_pyarrow_table().num_rows == len(EXPECTED) - 1


@pytest.mark.parametrize("content", [b"", b"PAR1 nothing PAR1", None])
def test_a_damaged_checkpoint_loses_nothing_while_the_versions_before_it_are_there(root: UPath, content: bytes | None):
    DeltaTable(_log(root).parent).create_checkpoint()
    (checkpoint,) = _log(root).glob("*.checkpoint.parquet")
    checkpoint.write_bytes(checkpoint.read_bytes()[:-40] if content is None else content)
    with pytest.raises(DamagedError, match=r"checkpoint\.parquet: version 3 of this"):
        check(_place(root))
    told: list[str] = []
    (table, *_) = write_delta(root, str(root.parent / "delta"), warn=told.append)
    assert (table.version, table.written) == (3, 0)
    assert [line for line in told if "Nothing is lost" in line] == told != []
    assert ids(Path(root.parent.path) / "delta") == EXPECTED


def test_a_damaged_checkpoint_whose_versions_are_gone_makes_the_table_again(root: UPath):
    DeltaTable(_log(root).parent).create_checkpoint()
    (checkpoint,) = _log(root).glob("*.checkpoint.parquet")
    checkpoint.write_bytes(b"")
    for version in (0, 1, 2):
        _commit(root, version).unlink()
    write_delta(root, str(root.parent / "delta"), warn=lambda _: None)
    assert ids(Path(root.parent.path) / "delta") == EXPECTED


@pytest.mark.parametrize("hint", [b"", b"{", json.dumps({"version": 2, "size": 5}).encode()])
def test_a_wrong_hint_is_put_away(root: UPath, hint: bytes):
    _log(root, "_last_checkpoint").write_bytes(hint)
    with pytest.raises(DamagedError, match="_last_checkpoint"):
        check(_place(root))
    write_delta(root, str(root.parent / "delta"), warn=lambda _: None)
    assert not _log(root, "_last_checkpoint").exists()
    assert ids(Path(root.parent.path) / "delta") == EXPECTED


def test_a_whole_log_without_a_table_in_it_is_an_error_with_a_remedy(root: UPath):
    for version in range(4):
        _commit(root, version).write_text('{"commitInfo":{}}\n')
    with pytest.raises(StorageError, match=r"posts: its log cannot be read .* Move the folder _delta_log away"):
        write_delta(root, str(root.parent / "delta"))


@pytest.mark.parametrize("harm", ["gone", "short", "empty"])
def test_a_missing_or_cut_file_of_rows_is_written_again(root: UPath, harm: str):
    target = Path(root.parent.path) / "delta"
    file = next(Path(target / "posts").glob("month=2024-05/*.parquet"))
    if harm == "gone":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:-100] if harm == "short" else b"")
    assert made(root, target)["posts"].written == 1
    assert ids(target) == EXPECTED


def test_a_long_log_is_summed_up_and_its_old_part_may_go(root: UPath):
    target = Path(root.parent.path) / "delta"
    for number in range(25):
        put(root, post("1", ACCOUNTS[0], likes=number))
        made(root, target)
    assert len(list(_log(root).glob("*.checkpoint.parquet"))) == 1
    for version in range(10):
        _commit(root, version).unlink()
    assert made(root, target)["posts"].written == 0
    assert ids(target) == EXPECTED
