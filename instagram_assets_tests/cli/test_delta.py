"""Delta tables as a user makes and keeps them from a shell."""

from pathlib import Path

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake
from typer.testing import CliRunner

from instagram_assets.cli import app
from instagram_assets_tests.datasets.delta_lakes import ACCOUNTS, MAY, ids, lake, put
from instagram_assets_tests.datasets.tables import post


def _run(*words: object) -> str:
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    return done.output


def test_the_tables_are_written_kept_small_and_written_again(data_dir: Path):
    root = lake(data_dir / "lake")
    assert _run("export", "delta").splitlines()[-1] == str(data_dir / "datasets/delta")
    assert len(ids(data_dir / "datasets/delta")) == 40
    put(root, post("1", ACCOUNTS[0], day=MAY, likes=77))
    assert "datasets/delta/posts: 40 rows, version 1, " in _run("delta", "optimize")
    assert "datasets/delta/posts: 0 files went" in _run("delta", "vacuum")
    assert _run("export", "delta").splitlines()[-1] == str(data_dir / "datasets/delta")
    assert DeltaTable(data_dir / "datasets/delta/posts").version() == 1


def test_they_can_be_written_elsewhere_and_damage_is_told_on_the_way(data_dir: Path, tmp_path: Path):
    lake(data_dir / "lake")
    assert f"{tmp_path}/out/posts: 40 rows, version 0, " in _run("export", "delta", "--out", tmp_path / "out")
    assert f"{tmp_path}/out/posts: 40 rows, version 0, unchanged" in _run("export", "delta", "--out", tmp_path / "out")
    (tmp_path / f"out/posts/_delta_log/{0:020}.json").write_bytes(b"")
    told = _run("export", "delta", "--out", tmp_path / "out")
    assert "version 0 was damaged" in told
    assert f"{tmp_path}/out/posts: 40 rows, version 0, " in told


def test_without_posts_or_tables_it_says_what_to_do(data_dir: Path):
    assert "nothing to write, the lake has no posts" in _run("export", "delta", "--out", data_dir / "out")
    assert "no Delta tables yet. Make them: instagram-assets export delta." in _run("delta", "vacuum")


def test_a_table_of_somebody_else_is_an_error_that_says_so(data_dir: Path, tmp_path: Path):
    lake(data_dir / "lake")
    write_deltalake(tmp_path / "out/posts", pa.table({"mine": [1]}))
    done = CliRunner().invoke(app, ["export", "delta", "--out", str(tmp_path / "out")])
    assert done.exit_code == 1
    assert "a Delta table that this program did not make" in done.output
