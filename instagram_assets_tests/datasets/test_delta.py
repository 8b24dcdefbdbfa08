"""What the Delta tables promise: the lake's rows, typed; only what changed is written; nothing twice."""

import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from deltalake import DeltaTable, write_deltalake
from upath import UPath

from instagram_assets import schemas
from instagram_assets.datasets.delta import write_delta
from instagram_assets.errors import StorageError
from instagram_assets.storage.lake import read_table
from instagram_assets.storage.lake_writer import write_asset
from instagram_assets_tests.datasets.delta_lakes import (
    ACCOUNTS,
    JUNE,
    MAY,
    empty,
    ids,
    labels,
    lake,
    made,
    put,
    rows,
)
from instagram_assets_tests.datasets.tables import post


def _files(target: Path, table: str = "posts") -> set[str]:
    return {path.rpartition("/posts/")[2] for path in DeltaTable(f"{target}/{table}").file_uris()}


def test_a_table_has_the_lakes_rows_and_types_and_the_month(tmp_path: Path):
    root = lake(tmp_path / "lake")
    assert made(root, tmp_path / "delta")["posts"].rows == 2 * len(ACCOUNTS)
    expected = sorted(read_table(root, "posts").to_pylist(), key=lambda row: row["post_id"])
    assert rows(tmp_path / "delta") == [{**row, "month": f"{row['day']:%Y-%m}"} for row in expected]
    found = DeltaTable(tmp_path / "delta/posts").to_pyarrow_table().schema
    assert found.types[:-1] == schemas.POSTS.schema.types
    assert found.names == [*schemas.POSTS.schema.names, "month"]


def test_reels_are_those_posts_and_a_table_without_rows_is_not_there(tmp_path: Path):
    root = lake(tmp_path / "lake")
    made(root, tmp_path / "delta")
    assert {(row["kind"], row["day"]) for row in rows(tmp_path / "delta", "reels")} == {("reel", JUNE)}
    assert sorted(path.name for path in (tmp_path / "delta").iterdir()) == ["posts", "reels"]


def test_where_there_is_no_row_not_even_a_folder_is_made_or_left(tmp_path: Path):
    root = lake(tmp_path / "lake", post("1"))
    write_asset(root, "viral_hypotheses", schemas.VIRAL_HYPOTHESES.empty())
    labels(root)
    (tmp_path / "delta" / "viral_hypotheses").mkdir(parents=True)  # as earlier versions left it
    for _ in range(2):
        assert set(made(root, tmp_path / "delta")) == {"posts"}
        assert [path.name for path in (tmp_path / "delta").iterdir()] == ["posts"]


def test_labels_analyses_ads_and_hypotheses_are_tables_too(tmp_path: Path):
    root = lake(tmp_path / "lake", post("1"))
    labels(root, "1", "2")
    analysis = {"post_id": "1", "account": "mina.draws", "day": MAY, "topics": ["draw"], "status": "ok"}
    put(root, {**analysis, "timeline": [{"start": 0.0, "end": 1.5, "event": "draws"}]}, asset="reel_analyses")
    write_asset(
        root, "raw_ads", schemas.RAW_ADS.table([{"ad_id": "7", "observed_at": datetime(2024, 5, 2, tzinfo=UTC)}])
    )
    hypothesis: dict[str, object] = {"week": date(2024, 4, 29), "kind": "contrast", "hypothesis": "Short ones"}
    write_asset(root, "viral_hypotheses", schemas.VIRAL_HYPOTHESES.table([hypothesis]))
    assert {name: table.rows for name, table in made(root, tmp_path / "delta").items()} == {
        "posts": 1,
        "viral_labels": 2,
        "reel_analyses": 1,
        "ads": 1,
        "viral_hypotheses": 1,
    }
    (row,) = rows(tmp_path / "delta", "reel_analyses")
    assert row["timeline"] == [{"start": 0.0, "end": 1.5, "event": "draws", "dialogue": None}]
    assert [row["ad_id"] for row in rows(tmp_path / "delta", "ads")] == ["7"]


def test_the_oldest_readers_and_writers_of_delta_can_use_it_though_columns_are_all_null(tmp_path: Path):
    root = lake(tmp_path / "lake", post("1", location=None, duration=None, caption=None, hashtags=None, media=None))
    labels(root, "1")
    for name in made(root, tmp_path / "delta"):
        protocol = DeltaTable(tmp_path / "delta" / name).protocol()
        assert (protocol.min_reader_version, protocol.min_writer_version) == (1, 2)
        assert (protocol.reader_features, protocol.writer_features) == (None, None)


def test_columns_carry_their_meanings(tmp_path: Path):
    made(lake(tmp_path / "lake"), tmp_path / "delta")
    fields = {field.name: field for field in DeltaTable(tmp_path / "delta/posts").schema().fields}
    assert fields["likes"].metadata["comment"] == "Likes; null when hidden or unknown"
    assert "partitioned" in str(fields["month"].metadata["comment"])


def test_a_second_run_makes_no_new_version(tmp_path: Path):
    root = lake(tmp_path / "lake")
    labels(root, "1")
    first = made(root, tmp_path / "delta")
    again = made(root, tmp_path / "delta")
    assert again == {name: table._replace(written=0) for name, table in first.items()}
    assert {table.version for table in again.values()} == {0}


def test_a_copy_of_the_lake_is_the_same_lake(tmp_path: Path):
    root = lake(tmp_path / "lake")
    made(root, tmp_path / "delta")
    copy = lake(tmp_path / "copy")
    assert made(copy, tmp_path / "delta")["posts"].version == 0


def test_only_the_changed_accounts_month_is_replaced(tmp_path: Path):
    root = lake(tmp_path / "lake")
    made(root, tmp_path / "delta")
    before = _files(tmp_path / "delta")
    put(root, post("1", ACCOUNTS[0], likes=99))
    table = made(root, tmp_path / "delta")["posts"]
    assert (table.version, table.written, table.removed) == (1, 1, 1)
    assert len(before & _files(tmp_path / "delta")) == len(before) - 1
    assert [row["likes"] for row in rows(tmp_path / "delta") if row["post_id"] == "1"] == [99]
    assert ids(tmp_path / "delta") == [str(number) for number in range(1, 41)]


def test_a_new_account_leaves_other_files_as_they_are(tmp_path: Path):
    root = lake(tmp_path / "lake")
    made(root, tmp_path / "delta")
    put(root, post("99", "drawing.10b"))
    table = made(root, tmp_path / "delta")["posts"]
    assert (table.rows, table.removed) == (41, 1)
    assert table.written <= 2
    assert ids(tmp_path / "delta")[-1] == "99"


def test_what_is_gone_from_the_lake_is_gone_from_the_table(tmp_path: Path):
    root = lake(tmp_path / "lake")
    made(root, tmp_path / "delta")
    for account in ACCOUNTS:
        empty(root, account, MAY)
    assert made(root, tmp_path / "delta")["posts"].rows == len(ACCOUNTS)
    assert DeltaTable(tmp_path / "delta/posts").partitions() == [{"month": "2024-06"}]
    for account in ACCOUNTS:
        empty(root, account, JUNE)
    table = made(root, tmp_path / "delta")["posts"]
    assert (table.rows, table.files) == (0, 0)
    assert rows(tmp_path / "delta") == []
    assert made(root, tmp_path / "delta")["posts"].version == table.version


def test_labels_that_change_replace_the_old_ones(tmp_path: Path):
    root = lake(tmp_path / "lake")
    labels(root, "1", "2")
    made(root, tmp_path / "delta")
    labels(root, "1", "2", viral=False)
    made(root, tmp_path / "delta")
    assert [(row["id"], row["viral"]) for row in rows(tmp_path / "delta", "viral_labels")] == [
        ("1", False),
        ("2", False),
    ]


def test_accounts_without_reels_are_looked_at_once(tmp_path: Path):
    root = lake(tmp_path / "lake", post("1", "amy"), post("2", "zoe", kind="reel"))
    made(root, tmp_path / "delta")
    (log,) = (tmp_path / "delta/reels/_delta_log").glob("*.json")
    told = json.loads(log.read_text().splitlines()[0])["commitInfo"]["instagram_assets"]
    files = DeltaTable(tmp_path / "delta/reels").file_uris()
    assert len(files) + len(told["empty"]) == len(DeltaTable(tmp_path / "delta/posts").file_uris())


def test_many_accounts_and_days_are_few_files(tmp_path: Path):
    names = [f"account.{number:03}" for number in range(200)]
    root = lake(tmp_path / "lake", *(post(str(number), name) for number, name in enumerate(names, start=1)))
    assert 10 <= made(root, tmp_path / "delta")["posts"].files <= 50


def test_readers_skip_files_of_other_accounts_and_days(tmp_path: Path):
    made(lake(tmp_path / "lake"), tmp_path / "delta")
    table = DeltaTable(tmp_path / "delta/posts")
    for action in table.get_add_actions(flatten=True).to_struct_array().to_pylist():
        content = [row for row in rows(tmp_path / "delta") if row["month"] == action["partition.month"]]
        content = [row for row in content if action["min.account"] <= row["account"] <= action["max.account"]]
        assert len(content) == action["num_records"]
        assert {row["day"] for row in content} == {action["min.day"]}
        moments = {row["taken_at"] for row in content}
        assert action["min.taken_at"] <= min(moments)
        assert max(moments) <= action["max.taken_at"]


def test_a_damaged_table_of_somebody_else_is_left_alone_too(tmp_path: Path):
    root = lake(tmp_path / "lake")
    for _ in range(3):
        write_deltalake(tmp_path / "delta/posts", read_table(root, "posts").select(["post_id"]), mode="append")
    damaged = tmp_path / f"delta/posts/_delta_log/{1:020}.json"
    damaged.write_bytes(b"")
    with pytest.raises(StorageError, match="a Delta table that this program did not make"):
        write_delta(root, str(tmp_path / "delta"))
    assert damaged.exists()


@pytest.mark.parametrize(
    "moment", [datetime(2024, 5, 1, 3, 4, 5, 678_901, UTC), datetime(2024, 5, 1, 3, 4, 5, 999_999, UTC)]
)
def test_a_moment_of_microseconds_is_found_by_its_own_value(tmp_path: Path, moment: datetime):
    import polars as pl

    made(lake(tmp_path / "lake", post("1", taken_at=moment)), tmp_path / "delta")
    found = pl.scan_delta(str(tmp_path / "delta/posts")).filter(pl.col("taken_at") == moment).collect()
    assert found["post_id"].to_list() == ["1"]
    table = DeltaTable(tmp_path / "delta/posts").to_pyarrow_table(filters=[("taken_at", ">=", moment)])
    assert table["post_id"].to_pylist() == ["1"]


def test_a_contract_with_a_new_column_replaces_the_table_in_one_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    root = lake(tmp_path / "lake")
    labels(root, "1")
    made(root, tmp_path / "delta")
    wider = schemas.Contract(
        schemas.VIRAL_LABELS.row,
        (*schemas.VIRAL_LABELS.columns, schemas.Column("colour", schemas.VIRAL_LABELS.columns[0].type, "Its colour")),
        schemas.VIRAL_LABELS.key,
    )
    monkeypatch.setitem(schemas.CONTRACTS, "viral_labels", wider)
    write_asset(root, "viral_labels", wider.table([{"id": "1", "colour": "red"}]))
    assert made(root, tmp_path / "delta")["viral_labels"].version == 1
    assert [(row["id"], row["colour"]) for row in rows(tmp_path / "delta", "viral_labels")] == [("1", "red")]
    assert made(root, tmp_path / "delta")["viral_labels"].version == 1


def test_what_somebody_else_wrote_into_a_table_is_replaced_by_the_lakes_rows(tmp_path: Path):
    root = lake(tmp_path / "lake")
    made(root, tmp_path / "delta")
    table = DeltaTable(tmp_path / "delta/posts")
    write_deltalake(table, table.to_pyarrow_table().slice(0, 3), mode="append")
    DeltaTable(tmp_path / "delta/posts").delete("account = 'drawing.07'")
    assert len(ids(tmp_path / "delta")) != 2 * len(ACCOUNTS)
    made(root, tmp_path / "delta")
    assert ids(tmp_path / "delta") == [str(number) for number in range(1, 41)]


def test_a_table_of_somebody_else_is_left_alone(tmp_path: Path):
    root = lake(tmp_path / "lake")
    mine = read_table(root, "posts").select(["post_id"])
    write_deltalake(tmp_path / "delta/posts", mine)
    with pytest.raises(StorageError, match=r"delta/posts: a Delta table that this program did not make\. Set"):
        write_delta(root, str(tmp_path / "delta"))
    assert DeltaTable(tmp_path / "delta/posts").version() == 0


def test_a_folder_that_cannot_be_made_is_a_clear_error(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="file"):
        write_delta(lake(tmp_path / "lake"), str(tmp_path / "file/delta"))


def test_an_empty_lake_makes_no_table(tmp_path: Path):
    assert write_delta(UPath(tmp_path / "lake"), str(tmp_path / "delta")) == []
    assert not (tmp_path / "delta").exists()
