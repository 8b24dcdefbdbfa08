"""A lake of the first layout is rewritten once, to the same rows and the same bytes, whatever interrupts it."""

import shutil
from datetime import date, timedelta
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner
from upath import UPath

from instagram_assets.cli import app
from instagram_assets.errors import StorageError
from instagram_assets.schemas import CLUSTERS, EMBEDDINGS, POSTS_RAW, PROFILES_RAW, SEARCH_DATASET
from instagram_assets.settings import settings
from instagram_assets.storage.lake import files, open_lake, read_table
from instagram_assets.storage.lake_writer import write_cells
from instagram_assets.storage.layout import LAYOUT_FILE, Layout, read_layout
from instagram_assets.storage.migration import migrate
from instagram_assets_tests.faults.harness import Fault, Worker
from instagram_assets_tests.faults.lake import IMPORTS

ACCOUNTS = ["007", "_jane", "sun_diary"]
DAYS = [date(2025, 12, 30) + timedelta(days=number) for number in range(5)]


def put(root: Path, name: str, table: pa.Table, *cell: str) -> None:
    """A file as the first layout had it."""
    folder = root.joinpath(name, *cell)
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, folder / "part.parquet", compression="zstd", write_page_checksum=True)


def posts_of(account: str, day: date) -> pa.Table:
    rows = [{"account": account, "day": day, "post_id": f"{day}-{n}", "observed_at": None} for n in (2, 1)]
    return POSTS_RAW.table([dict(row) for row in rows])


def vectors_of(account: str, day: date) -> pa.Table:
    width = 4 if day.year == 2025 else 8
    table = EMBEDDINGS.table([{"account": account, "day": day, "post_id": "1", "position": 0, "image_id": "i"}])
    vectors = pa.array([[0.5] * width], pa.list_(pa.float32(), width))
    return table.set_column(table.schema.get_field_index("embedding"), "embedding", vectors)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A lake of the first layout: tables by cell, by account, by search and without partitions, and its copies."""
    root = tmp_path / "data" / "lake"
    for account in ACCOUNTS:
        of_account = f"account={quote(account, safe='')}"
        for day in DAYS:
            put(root, "raw_posts", posts_of(account, day), of_account, f"day={day}")
            put(root, "embeddings", vectors_of(account, day), of_account, f"day={day}")
            put(root, "token_counts", pa.table({"word": ["비"]}), of_account, f"day={day}")
        put(root, "raw_profiles", PROFILES_RAW.table([{"account": account, "followers": 1}]), of_account)
        put(root, "read", posts_of(account, DAYS[0]), "raw_posts", of_account)
    put(root, "clusters", CLUSTERS.table([{"scope": "all", "image_id": "i", "cluster": 0}]))
    put(root, "search_dataset", SEARCH_DATASET.table([{"search": "고양이", "rank": 1}]), f"search={quote('고양이')}")
    return root


def content(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_a_lake_of_the_first_layout_has_the_same_rows_in_one_file_per_account_and_month(old: Path) -> None:
    root = UPath(old)
    assert migrate(root)
    rows = read_table(root, "raw_posts").to_pylist()
    expected = [(account, day, f"{day}-{n}") for account in ACCOUNTS for day in DAYS for n in (1, 2)]
    assert [(row["account"], row["day"], row["post_id"]) for row in rows] == expected
    assert [len(vector) for vector in read_table(root, "embeddings")["embedding"].to_pylist()] == [4, 4, 8, 8, 8] * 3
    assert read_table(root, "raw_profiles")["account"].to_pylist() == ACCOUNTS
    assert read_table(root, "clusters")["image_id"].to_pylist() == ["i"]
    assert read_table(root, "search_dataset")["search"].to_pylist() == ["고양이"]
    assert [path.name for path in files(root, "raw_posts", ["_jane"])] == ["2025-12.parquet", "2026-01.parquet"]
    assert read_layout(root) == Layout(first_year=2025)
    assert not list(old.glob("**/*=*"))
    assert not (old / "read").exists()
    assert not (old / "token_counts").exists()
    assert not migrate(root)


def test_a_second_try_and_a_try_after_twenty_kills_give_the_same_bytes(old: Path, tmp_path: Path) -> None:
    again, killed = tmp_path / "again", tmp_path / "killed"
    for copy in (again, killed):
        shutil.copytree(old, copy)
    migrate(UPath(old))
    migrate(UPath(again))
    assert content(again) == content(old)
    with Worker("instagram_assets_tests.faults.lake:migrate_lake", IMPORTS) as worker:
        deaths = [worker.run(killed, [str(killed)], Fault("kill", 3 + number)).fired for number in range(20)]
        assert all(deaths)
        assert worker.run(killed, [str(killed)]).exit == 0
    assert content(killed) == content(old)


def test_the_first_run_that_meets_an_old_lake_rewrites_it(old: Path, data_dir: Path) -> None:
    assert data_dir / "lake" == old
    assert read_table(open_lake(settings()), "raw_posts").num_rows == len(ACCOUNTS) * len(DAYS) * 2


def test_a_lake_of_a_later_version_is_refused_with_words(tmp_path: Path) -> None:
    (tmp_path / LAYOUT_FILE).write_text('{"version": 9, "first_year": 2020}')
    with pytest.raises(StorageError, match="layout has version 9, and this program knows 2"):
        migrate(UPath(tmp_path))
    with pytest.raises(StorageError, match="layout has version 9"):
        write_cells(UPath(tmp_path), "raw_posts", ["sun"], (DAYS[0], DAYS[0]), posts_of("sun", DAYS[0]))


def test_a_damaged_old_file_is_named_and_nothing_of_its_account_is_taken_away(old: Path) -> None:
    damaged = old / "raw_posts" / "account=sun_diary" / "day=2025-12-31" / "part.parquet"
    damaged.write_bytes(damaged.read_bytes()[:100])
    with pytest.raises(StorageError, match=r"day=2025-12-31.*instagram-assets migrate"):
        migrate(UPath(old))
    assert len(list((old / "raw_posts" / "account=sun_diary").iterdir())) == len(DAYS)
    damaged.unlink()
    assert migrate(UPath(old))
    assert read_table(UPath(old), "raw_posts").num_rows == len(ACCOUNTS) * len(DAYS) * 2 - 2


def test_a_migration_in_an_object_store_gives_the_same_rows(old: Path, store: str) -> None:
    from instagram_assets_tests.servers.object_store import store_path

    root = store_path(store, f"migration-{old.parent.parent.name}")
    root.fs.put(str(old), root.path, recursive=True)
    assert migrate(root)
    migrate(UPath(old))
    for name in ("raw_posts", "embeddings", "raw_profiles"):
        assert read_table(root, name) == read_table(UPath(old), name)


def test_the_command_tells_how_far_it_is_and_what_it_did(old: Path, data_dir: Path) -> None:
    done = CliRunner().invoke(app, ["migrate"])
    assert (done.exit_code, done.stdout) == (0, f"{old}: rewritten\n"), done.output
    assert done.stderr.startswith("tables 5/5")  # the views are dropped
    assert CliRunner().invoke(app, ["migrate"]).stdout == f"{old}: nothing to do\n"
