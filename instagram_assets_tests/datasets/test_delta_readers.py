"""What people read Delta tables with sees the same rows: DuckDB, polars, pandas, SQL in delta-rs itself."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from deltalake import DeltaTable, QueryBuilder
from upath import UPath

from instagram_assets import schemas
from instagram_assets.storage.lake import read_table
from instagram_assets.storage.lake_writer import write_asset
from instagram_assets_tests.datasets.delta_lakes import JUNE, MAY, lake, made, put
from instagram_assets_tests.datasets.tables import post

NAMES = ["007", "true", "_jane", "sun.diary", "#육아일기", "a%20b", "2023"]


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Posts of accounts with names that readers of folders trip over, in two months."""
    folder = tmp_path_factory.mktemp("readers")
    rows = [
        post(str(number), name, day=day, likes=number, kind="reel" if number % 2 else "post", location=None)
        for number, (name, day) in enumerate(((name, day) for name in NAMES for day in (MAY, JUNE)), start=1)
    ]
    root = lake(folder / "lake", *rows)
    analysis = {"post_id": "1", "account": "007", "day": MAY, "status": "ok"}
    put(root, {**analysis, "tags": [{"word": "그림", "score": 0.5}], "key_moments": None}, asset="reel_analyses")
    write_asset(root, "viral_labels", schemas.VIRAL_LABELS.table([_label("1", viral=True), _label("2", viral=None)]))
    made(root, folder / "delta")
    return folder


def _label(post_id: str, *, viral: bool | None) -> dict[str, object]:
    return {"kind": "post", "account": "drawing.00", "id": post_id, "viral": viral}


def _expected(tables: Path) -> list[tuple[Any, ...]]:
    table = read_table(UPath(tables / "lake"), "posts").select(["post_id", "account", "day", "likes"])
    return sorted(tuple(row.values()) for row in table.to_pylist())


def _ask_duckdb(tables: Path, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect() as connection:
        connection.register("posts", DeltaTable(tables / "delta/posts").to_pyarrow_dataset())
        return connection.execute(query).fetchall()


def test_duckdb_reads_it_over_arrow(tables: Path):
    assert _ask_duckdb(tables, "select post_id, account, day, likes from posts order by post_id") == _expected(tables)
    query = "select account, month, hashtags[1] from posts where day = date '2024-06-01' and likes < 3"
    assert _ask_duckdb(tables, query) == [("007", "2024-06", "그림")]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("likes = 9", ["9"]),
        ("likes > 12", ["13", "14"]),
        ("kind = 'reel' and likes < 3", ["1"]),
        ("owner = '007'", ["1", "2"]),
        ("location is null and likes = 4", ["4"]),
        ("location is not null", []),
        ("not verified and post_id = '5'", ["5"]),
        ("followers = 160 and account = '#육아일기'", ["10", "9"]),
        ("month = '2024-06' and account in ('true', '2023')", ["14", "4"]),
        ("day >= date '2024-05-02' and likes <= 2", ["2"]),
    ],
)
def test_no_reader_leaves_out_rows_by_columns_without_bounds(tables: Path, condition: str, expected: list[str]):
    query = f"select post_id from posts where {condition} order by post_id"
    assert [post_id for (post_id,) in _ask_duckdb(tables, query)] == expected
    scan = pl.scan_delta(str(tables / "delta/posts"))
    assert pl.SQLContext(posts=scan).execute(query).collect()["post_id"].to_list() == expected
    asked = QueryBuilder().register("posts", DeltaTable(tables / "delta/posts")).execute(query)
    assert pa.table(asked.read_all())["post_id"].to_pylist() == expected


@pytest.mark.parametrize(
    ("column", "operator", "value", "expected"),
    [("viral", "=", True, 1), ("account", "=", "drawing.00", 2), ("score", "=", None, 0), ("kind", "!=", "post", 0)],
)
def test_nor_does_one_of_a_table_that_is_one_file(
    tables: Path, column: str, operator: str, value: object, expected: int
):
    table = DeltaTable(tables / "delta/viral_labels")
    assert table.to_pyarrow_table(filters=[(column, operator, value)]).num_rows == expected


def test_polars_scans_it(tables: Path):
    scan = pl.scan_delta(str(tables / "delta/posts"))
    assert sorted(scan.select("post_id", "account", "day", "likes").collect().rows()) == _expected(tables)
    some = scan.filter((pl.col("month") == "2024-05") & (pl.col("account") == "#육아일기")).collect()
    assert some["post_id"].to_list() == ["9"]
    assert some["taken_at"].to_list() == [datetime(2024, 5, 1, 3, 9, 15, tzinfo=UTC)]
    assert some["media"].to_list()[0][0]["url"] == "https://cdn.example/9.jpg"
    assert scan.collect_schema()["location"] == pl.String


def test_pandas_reads_it(tables: Path):
    frame: Any = DeltaTable(tables / "delta/posts").to_pandas(types_mapper=pd.ArrowDtype)
    chosen = frame[["post_id", "account", "day", "likes"]].sort_values("post_id")
    assert list(chosen.itertuples(index=False, name=None)) == _expected(tables)
    some: Any = DeltaTable(tables / "delta/reels").to_pandas(columns=["account"], filters=[("month", "=", "2024-05")])
    assert sorted(some["account"]) == sorted(NAMES)


def test_arrow_reads_files_of_one_month_and_account_only(tables: Path):
    table = DeltaTable(tables / "delta/posts")
    found = table.to_pyarrow_table(filters=[("day", "=", date(2024, 5, 1)), ("account", "=", "007")])
    assert found["post_id"].to_pylist() == ["1"]
    of_may = table.file_uris(file_pruning_predicate=[("month", "=", "2024-05")])
    assert 0 < len(of_may) < len(table.file_uris())


def test_sql_of_delta_itself_reads_lists_and_structs(tables: Path):
    found = (
        QueryBuilder()
        .register("analyses", DeltaTable(tables / "delta/reel_analyses"))
        .execute("select account, tags[1]['word'] as word, key_moments from analyses")
    )
    assert pa.table(found.read_all()).to_pylist() == [{"account": "007", "word": "그림", "key_moments": None}]


def test_a_file_of_posts_whose_time_is_unknown_keeps_its_rows(tmp_path: Path):
    made(lake(tmp_path / "lake", post("1", taken_at=None), post("2", "zoe", taken_at=None)), tmp_path / "delta")
    found = DeltaTable(tmp_path / "delta/posts").to_pyarrow_table(filters=[("likes", "=", 30)])
    assert sorted(found["post_id"].to_pylist()) == ["1", "2"]
