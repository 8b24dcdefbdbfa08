"""What stamps of the lake's files promise: another one when rows are others, the same for the same rows anywhere."""

import os
from pathlib import Path

import pytest
from upath import UPath

from instagram_assets.errors import DamagedError
from instagram_assets.storage.fingerprints import stamps
from instagram_assets.storage.parquet_files import to_bytes
from instagram_assets_tests.datasets.tables import post, posts


def _write(root: Path, data: bytes) -> UPath:
    path = root / "posts/mina.draws/2024-05.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return UPath(root)


def test_equal_rows_have_one_stamp_whatever_the_clock_says(tmp_path: Path):
    here = _write(tmp_path / "here", to_bytes(posts(post("1"))))
    there = _write(tmp_path / "there", to_bytes(posts(post("1"))))
    os.utime(tmp_path / "there/posts/mina.draws/2024-05.parquet", (0, 0))
    assert list(stamps(here, "posts").values()) == list(stamps(there, "posts").values())


@pytest.mark.parametrize("change", [{"likes": 31}, {"caption": "그림 1\n\n오늘더"}, {"verified": True}])
def test_one_other_value_is_another_stamp_in_a_file_of_the_same_age(tmp_path: Path, change: dict[str, object]):
    root = _write(tmp_path, to_bytes(posts(post("1"))))
    (path,) = stamps(root, "posts")
    before, moment = stamps(root, "posts")[path], os.stat(path.path).st_mtime
    _write(tmp_path, to_bytes(posts({**post("1"), **change})))
    os.utime(path.path, (moment, moment))
    assert stamps(root, "posts")[path] != before


def test_a_file_of_an_earlier_version_has_a_stamp_of_its_bytes(tmp_path: Path):
    whole = to_bytes(posts(post("1")))
    at = len(whole) - 8 - int.from_bytes(whole[-8:-4], "little")
    earlier = whole[: at - 12] + b"IAcr" + whole[at - 4 :]
    assert len(set(stamps(_write(tmp_path, earlier), "posts").values())) == 1
    changed = bytes([*earlier[:100], earlier[100] ^ 1, *earlier[101:]])
    before = stamps(UPath(tmp_path), "posts")
    assert stamps(_write(tmp_path, changed), "posts") != before


@pytest.mark.parametrize("data", [b"", b"PAR1", b"no Parquet file at all"])
def test_a_file_that_is_none_is_an_error_that_names_it(tmp_path: Path, data: bytes):
    with pytest.raises(DamagedError, match=r"2024-05\.parquet: damaged"):
        stamps(_write(tmp_path, data), "posts")
