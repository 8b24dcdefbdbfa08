"""A notebook and a shell ask the lake: each table and view by its name, accounts, days, columns and images."""

import csv
import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pytest
from PIL import Image
from typer.testing import CliRunner
from upath import UPath

from instagram_assets import Lake, QueryError, StorageError
from instagram_assets.automation.shell_runs import bring_up_to_date, land
from instagram_assets.cli import app
from instagram_assets.schemas import CONTRACTS, VIEWS
from instagram_assets.storage import duckdb_connection
from instagram_assets.storage.lake_writer import write_cells
from instagram_assets_tests.conftest import export, post

DAYS = ("2026-10-20", "2026-10-21", "2026-11-02")


@pytest.fixture
def ingested(instance: dg.DagsterInstance, data_dir: Path) -> Path:
    """The data folder after three posts of one account were ingested, on two days of a month and one of the next."""
    land(instance, [export(data_dir / "posts.json", [post(n, day=day) for n, day in enumerate(DAYS)])])
    bring_up_to_date(instance)
    return data_dir


def printed(arguments: Sequence[str]) -> str:
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_rows_are_those_of_the_accounts_days_and_columns_that_were_asked_for(ingested: Path) -> None:
    it = Lake(ingested / "lake")
    assert it.read("posts").schema == CONTRACTS["posts"].schema
    assert it.read("posts", days="2026-11-02", columns=["post_id"]).to_pylist() == [{"post_id": "10002"}]
    assert it.read("posts", "@Sun_Diary", days=(date(2026, 10, 1), "2026-10-20")).num_rows == 1
    assert it.read("posts", ["nobody"]).num_rows == 0
    assert it.read("token_counts", days="2026-10-21", columns=["word"])["word"].to_pylist() == ["산책"]
    assert it.pandas("posts", days="2026-10-20")["post_id"].tolist() == ["10000"]


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda it: it.read("pots"), "There is no table 'pots'"),
        (lambda it: it.read("posts", columns=["like"]), "posts has no column like. It has: post_id"),
        (lambda it: it.read("posts", days="yesterday"), "not a day"),
        (lambda it: it.read("landed_files", days="2026-10-20"), "landed_files is not kept by day"),
        (lambda it: it.sql("select * from pots"), "pots"),
        (lambda it: it.sql("select 'x' frm posts"), "frm"),
        (lambda it: it.sql("copy posts to 'stolen.csv'"), "file system operations are disabled"),
        (lambda it: it.image("0" * 64), "No stored image has the id '000"),
        (lambda it: it.show([]), "There is no image to show"),
        (lambda it: it.read("posts", days=20261020), "not a day, nor two"),
        (lambda it: it.read("posts", days=("2026-10-20",)), "not a day, nor two"),
        (lambda it: it.read("posts", days=("2026-10-22", "2026-10-20")), "the first day comes after the last"),
        (lambda it: it.read("posts", [7]), "not a name, nor a list of names"),
        (lambda it: it.read("posts", columns=["likes", "likes"]), "each once"),
        (lambda it: it.read("posts", columns=[]), "name some columns"),
    ],
)
def test_a_mistake_is_told_in_words(ingested: Path, ask: object, words: str) -> None:
    with pytest.raises(QueryError, match=words):
        ask(Lake(ingested / "lake"))  # pyright: ignore[reportCallIssue]


def test_where_there_is_no_lake_nothing_is_made(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="there is no lake"):
        Lake(tmp_path / "lake")
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_no_lake_is_refused_and_so_is_an_address_of_another_kind(ingested: Path) -> None:
    for where in (ingested, ingested / "lake" / "posts", "/etc", "foo://x", "memory://x"):
        with pytest.raises(StorageError, match="Name the lake's own folder"):
            Lake(where)


def test_sql_knows_every_table_and_view(ingested: Path) -> None:
    it = Lake(ingested / "lake")
    for name in CONTRACTS:
        assert it.sql(f"SELECT * FROM {name}").schema.names == CONTRACTS[name].schema.names
    joined = "SELECT count(*) AS n FROM posts JOIN token_counts USING (account, day) WHERE likes > $1"
    assert it.sql(joined, 9)["n"].to_pylist() == [3]


def test_tables_say_how_many_rows_there_are_and_what_one_is(ingested: Path) -> None:
    listed = {row["name"]: row for row in Lake(ingested / "lake").tables().to_pylist()}
    assert listed["posts"] == {"name": "posts", "rows": 3, "row": CONTRACTS["posts"].row}
    assert {name for name, row in listed.items() if row["rows"] is None} == set(VIEWS)


def test_images_are_found_by_their_id_and_shown(tmp_path: Path) -> None:
    day = date(2026, 10, 20)
    row = {"image_id": "ab" * 32, "post_id": "1", "account": "a", "day": day, "position": 0}
    stored = CONTRACTS["images"].table([{**row, "path": "ab/one.png", "status": "ok"}])
    write_cells(UPath(tmp_path / "lake"), "images", ["a"], (day, day), stored)
    (tmp_path / "media" / "ab").mkdir(parents=True)
    Image.new("RGB", (40, 30), "red").save(tmp_path / "media" / "ab" / "one.png")
    it = Lake(tmp_path / "lake")
    assert it.image("ab" * 32) == tmp_path / "media" / "ab" / "one.png"
    assert it.show(["ab" * 32]).format == "JPEG"


def test_the_shell_prints_tables_csv_and_json(ingested: Path) -> None:
    question = "select account, count(*) as posts, list(post_id order by post_id) as ids from posts group by all"
    assert "sun_diary" in printed(["sql", question])
    assert json.loads(printed(["sql", question, "--json"])) == [
        {"account": "sun_diary", "posts": 3, "ids": ["10000", "10001", "10002"]}
    ]
    [line] = csv.DictReader(printed(["sql", question, "--csv"]).splitlines())
    assert line == {"account": "sun_diary", "posts": "3", "ids": '["10000", "10001", "10002"]'}
    assert json.loads(printed(["tables", "--json"]))[0]["name"] in CONTRACTS
    failed = CliRunner().invoke(app, ["sql", "select * from pots"])
    assert failed.exit_code == 1
    assert "pots" in failed.output
    many = printed(["sql", "select unnest(range(150)) as n"])
    assert "50 more rows" in many


def test_columns_of_one_name_are_all_there_and_sums_are_integers(ingested: Path) -> None:
    question = (
        "select p.likes, t.account, p.account, sum(p.likes) from posts p join tokens t using (post_id) group by all"
    )
    assert Lake(ingested / "lake").sql(question).to_pylist() == [
        {"likes": 10, "account": "sun_diary", "account_1": "sun_diary", "sum(p.likes)": 30}
    ]
    [line] = csv.DictReader(printed(["sql", question, "--csv"]).splitlines())
    assert (line["account_1"], line["sum(p.likes)"]) == ("sun_diary", "30")


def test_whatever_is_in_a_cell_or_a_name_the_terminal_shows_it_as_text(ingested: Path) -> None:
    shown = printed(["sql", "select chr(27) || '[31mred' as \"[/x]\", 'nan'::double as n"])
    assert "[/x]" in shown
    assert "\x1b[31m" not in shown
    assert json.loads(printed(["sql", "select 'nan'::double as n, 1/0 as m", "--json"])) == [{"n": None, "m": None}]


def test_a_row_of_more_columns_than_fit_is_shown_one_below_the_other(ingested: Path) -> None:
    shown = printed(["sql", "select * from posts order by post_id limit 2"])
    assert all(name in shown for name in CONTRACTS["posts"].schema.names)
    assert "10001" in shown


def test_a_view_needs_no_column_that_it_is_not_made_of(ingested: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Sequence[str] | None] = []
    original = duckdb_connection.read_rows
    monkeypatch.setattr(
        duckdb_connection,
        "read_rows",
        lambda *given, columns: read.append(columns) or original(*given, columns=columns),
    )
    assert Lake(ingested / "lake").sql("select count(*) as n from token_counts")["n"].to_pylist() == [3]
    assert {tuple(columns or ()) for columns in read} == {VIEWS["token_counts"].reads["tokens"]}


def test_ctrl_c_while_files_are_read_stops(ingested: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def pressed(*_: object, **__: object) -> pa.Table:
        raise KeyboardInterrupt

    monkeypatch.setattr(duckdb_connection, "read_rows", pressed)
    with pytest.raises(KeyboardInterrupt):
        Lake(ingested / "lake").sql("select * from posts")


def test_an_empty_answer_keeps_its_columns(ingested: Path) -> None:
    assert (
        Lake(ingested / "lake")
        .sql("SELECT post_id, likes FROM posts WHERE likes < 0")
        .equals(pa.table({"post_id": pa.array([], pa.string()), "likes": pa.array([], pa.int64())}))
    )
