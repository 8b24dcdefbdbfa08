"""What views promise: the rows of their SQL, as asked for, in bounded memory, and nothing else of this machine."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from upath import UPath

from instagram_assets.errors import QueryError, StorageError
from instagram_assets.schemas import CONTRACTS, TOKEN_COUNTS, TOKENS, VIEWS
from instagram_assets.storage import duckdb_connection, sql_views
from instagram_assets.storage.sql_views import accounts_of, open_view, read_view
from instagram_assets_tests.storage.lakes import filled

FIRST = date(2026, 10, 30)
ACCOUNTS = ["007", "sea.mom", "sun_diary", "육아일기"]


def tokens(posts: int = 40, words: int = 3) -> pa.Table:
    rows: list[dict[str, Any]] = [
        {
            "post_id": str(number),
            "account": ACCOUNTS[number % len(ACCOUNTS)],
            "day": FIRST + timedelta(days=number // 10),
            "tokens": [{"word": f"{number % 7}.{place}", "pos": "noun"} for place in range(words)],
        }
        for number in range(posts)
    ]
    return TOKENS.table(rows)


@pytest.fixture
def spills(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder for what does not fit into memory; nothing may stay there."""
    folder = tmp_path / "spills"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_reads_columns_that_there_are_and_gives_those_of_its_contract(root: UPath, name: str) -> None:
    view = VIEWS[name]
    assert view.contract is CONTRACTS[name]
    for table, columns in view.reads.items():
        assert set(columns) <= set(CONTRACTS[table].schema.names)
    assert read_view(root, name).schema.equals(view.contract.schema)
    assert accounts_of(root, name) == []


def test_accounts_and_days_narrow_a_view(root: UPath) -> None:
    filled(root, tokens=tokens())
    whole = read_view(root, "token_counts").to_pylist()
    assert accounts_of(root, "token_counts") == ACCOUNTS
    for accounts in (None, [], ["sea.mom"], ["sun_diary", "007", "nobody", "007"]):
        for days in (None, (FIRST, FIRST), (FIRST + timedelta(1), FIRST + timedelta(2)), (date(2020, 1, 1), FIRST)):
            expected = [
                row
                for row in whole
                if (accounts is None or row["account"] in accounts) and (not days or days[0] <= row["day"] <= days[1])
            ]
            found = read_view(root, "token_counts", accounts, days)
            assert found.to_pylist() == expected
            assert found.schema.equals(TOKEN_COUNTS.schema)


def test_accounts_in_parts_stand_in_the_order_of_all_together(root: UPath, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(root, tokens=tokens())
    together = read_view(root, "token_counts")
    for files in (1, 3):
        monkeypatch.setattr(sql_views, "_FILES", files)
        assert read_view(root, "token_counts").equals(together)
        with open_view(root, "token_counts") as query:
            assert query("FROM token_counts").num_rows == together.num_rows


def test_one_account_is_read_when_another_is_damaged(tmp_path: Path) -> None:
    root = filled(UPath(tmp_path / "lake"), tokens=tokens())
    damage(tmp_path / "lake", "sea.mom")
    assert read_view(root, "token_counts", ["sun_diary", "007"]).num_rows
    with pytest.raises(StorageError):
        read_view(root, "token_counts", ["sun_diary", "sea.mom"])


def test_a_damaged_file_is_told_in_the_words_of_who_read_it(tmp_path: Path) -> None:
    root = filled(UPath(tmp_path / "lake"), tokens=tokens())
    damage(tmp_path / "lake", "sea.mom")
    with pytest.raises(StorageError) as error:
        read_view(root, "token_counts")
    assert "sea.mom" in str(error.value)
    assert "materialize tokens" in str(error.value)
    assert "Traceback" not in str(error.value)
    assert error.value.__suppress_context__
    with pytest.raises(StorageError, match=r"sea\.mom"), open_view(root, "token_counts"):
        pass


def test_a_view_is_computed_once_and_asked_often(root: UPath) -> None:
    filled(root, tokens=tokens())
    with open_view(root, "token_counts", ["sun_diary"]) as query:
        (first,) = query("SELECT sum(count)::BIGINT AS n FROM token_counts").to_pylist()
        (again,) = query(
            "SELECT sum(a.count)::BIGINT AS n FROM token_counts a JOIN token_counts b USING (word, day)"
        ).to_pylist()
        (one,) = query("SELECT count(*) AS n FROM token_counts WHERE word = $1 AND day = $2", "2.0", FIRST).to_pylist()
    assert (first["n"], again["n"], one["n"]) == (30, 30, 1)


def test_what_does_not_fit_into_memory_goes_to_disk_and_gives_the_same(
    tmp_path: Path, spills: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lots = [different_words(40_000, account) for account in ACCOUNTS]
    root = filled(UPath(tmp_path / "lake"), tokens=pa.concat_tables(lots))
    expected = read_view(root, "token_counts")
    monkeypatch.setattr(duckdb_connection, "_MEMORY", "16MB")
    monkeypatch.setattr(sql_views, "_FILES", 1)
    assert read_view(root, "token_counts").equals(expected)
    with open_view(root, "token_counts") as query:
        assert query("SELECT sum(size) > 0 AS spilled FROM duckdb_temporary_files()")["spilled"].to_pylist() == [True]
        (row,) = query("SELECT count(*) AS rows, count(DISTINCT account) AS accounts FROM token_counts").to_pylist()
    assert (row["rows"], row["accounts"]) == (160_000, 4)


def test_no_room_for_what_does_not_fit_is_told_with_the_remedy(
    tmp_path: Path, spills: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = filled(UPath(tmp_path / "lake"), tokens=different_words(100_000, "sun_diary"))
    monkeypatch.setattr(duckdb_connection, "_MEMORY", "1MB")
    with pytest.raises(StorageError) as error:
        read_view(root, "token_counts")
    assert str(error.value).startswith("token_counts: ")
    assert f"Make room in {spills}, or set TMPDIR" in str(error.value)


def test_sql_reaches_nothing_but_the_lake(tmp_path: Path, root: UPath) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("a\n1\n", "utf-8")
    filled(root, tokens=tokens())
    rows = pa.table({"secret": [1]})
    with open_view(root, "token_counts") as query:
        for sql in (
            f"SELECT * FROM read_csv('{secret}')",
            f"SELECT * FROM '{secret}'",
            f"COPY token_counts TO '{tmp_path / 'out.parquet'}'",
            f"ATTACH '{tmp_path / 'other.db'}'",
            "INSTALL httpfs",
            "LOAD httpfs",
            "SET enable_external_access = true",
            "SELECT * FROM rows",
        ):
            with pytest.raises(QueryError):
                query(sql)
        assert query("SELECT count(*) > 0 AS there FROM token_counts")["there"].to_pylist() == [True]
    assert rows.num_rows
    assert sorted(path.suffix for path in tmp_path.glob("*.*")) == [".csv"]


def damage(lake: Path, account: str) -> None:
    """Flip a bit in the middle of each of an account's files of words."""
    for file in lake.rglob("*.parquet"):
        if account in str(file):
            data = file.read_bytes()
            file.write_bytes(data[:60] + bytes([data[60] ^ 0x10]) + data[61:])


def different_words(count: int, account: str) -> pa.Table:
    """An account's posts of a thousand words of a hundred letters, all of them different."""
    words = pa.array([f"{number:0100}" for number in range(count)])
    pairs = pa.StructArray.from_arrays([words, pa.array(["noun"] * count)], ["word", "pos"])
    posts = count // 1000
    columns: dict[str, Any] = {
        "post_id": [str(number) for number in range(posts)],
        "account": [account] * posts,
        "day": [FIRST] * posts,
        "tokens": pa.ListArray.from_arrays(list(range(0, count + 1, 1000)), pairs),
    }
    return pa.table([columns.get(name, pa.nulls(posts)) for name in TOKENS.schema.names], TOKENS.schema.names)
