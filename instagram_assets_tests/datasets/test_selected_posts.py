"""Some posts of a lake go out as one file: of some accounts and days, with some columns, in three forms."""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner, Result
from upath import UPath

from instagram_assets.cli import app
from instagram_assets.datasets.csv import read_csv
from instagram_assets.datasets.selected_posts import PostSelection, format_columns, write_selection
from instagram_assets.errors import NothingDoneError, QueryError
from instagram_assets_tests.datasets.tables import image, images, post, posts
from instagram_assets_tests.storage.lakes import filled, lake_of

JUNE = date(2024, 6, 2)
POSTS = posts(
    post("1"),
    post("2", day=JUNE, likes=None),
    post("3", kind="reel", type="video", product_type="clips"),
    post("4", account="other"),
)
IMAGES = images(image("1"), image("2", day=JUNE), image("4", account="other"))
Shell = Callable[..., Result]


@pytest.fixture
def root() -> UPath:
    return lake_of(posts=POSTS, images=IMAGES)


@pytest.fixture
def shell(data_dir: Path) -> Shell:
    filled(UPath(data_dir / "lake"), posts=POSTS, images=IMAGES)
    return lambda *words: CliRunner().invoke(app, ["export", *map(str, words)])


def test_json_has_the_posts_of_some_accounts_and_days_with_some_columns(root: UPath, tmp_path: Path) -> None:
    chosen = PostSelection(["mina.draws"], (JUNE, JUNE), ["id", "impression", "images", "likesCount"])
    [file] = write_selection(root, "json", tmp_path, chosen, media="../media")
    assert (file.path.name, file.rows) == ("posts.json", 1)
    assert json.loads(file.path.read_text("utf-8")) == [
        {"id": "2", "impression": None, "images": ["../media/ab/2-0.jpg"], "likesCount": None}
    ]


def test_csv_has_a_file_for_each_kind_with_the_columns_in_the_order_asked_for(root: UPath, tmp_path: Path) -> None:
    files = write_selection(root, "csv", tmp_path, PostSelection(["mina.draws"], None, ["impression", "id"]))
    assert {file.path.name: list(read_csv(file.path)) for file in files} == {
        "post.csv": [{"impression": 0.25, "id": "1"}, {"impression": None, "id": "2"}],
        "reel.csv": [{"impression": 0.25, "id": "3"}],
    }


def test_parquet_is_one_file_of_the_columns_of_the_lake(root: UPath, tmp_path: Path) -> None:
    [file] = write_selection(root, "parquet", tmp_path, PostSelection(days=(date(2024, 5, 1), date(2024, 5, 31))))
    rows = pl.read_parquet(file.path)
    assert rows["post_id"].to_list() == ["1", "3", "4"]
    assert rows.columns == format_columns("parquet")
    [narrow] = write_selection(root, "parquet", tmp_path, PostSelection(["other"], None, ["likes", "images"]))
    assert pl.read_parquet(narrow.path).columns == ["likes", "images"]


@pytest.mark.parametrize("form", ["csv", "json", "parquet"])
def test_all_columns_are_written_when_none_is_named(form: str, root: UPath, tmp_path: Path) -> None:
    files = write_selection(root, form, tmp_path, PostSelection())  # pyright: ignore[reportArgumentType]
    assert sum(file.rows for file in files) == 4


def test_what_there_is_not_is_said_and_no_file_is_replaced(root: UPath, tmp_path: Path) -> None:
    with pytest.raises(QueryError, match=r"json has no column likes\. It has: id, kind"):
        write_selection(root, "json", tmp_path, PostSelection(columns=["id", "likes"]))
    with pytest.raises(NothingDoneError, match="no post of these accounts and days"):
        write_selection(root, "csv", tmp_path, PostSelection(days=(date(2023, 1, 1), date(2023, 1, 2))))
    assert not list(tmp_path.iterdir())


def test_the_shell_writes_a_selection_beside_the_dataset_or_where_it_is_told(shell: Shell, data_dir: Path) -> None:
    made = shell("json", "--accounts", "@other", "--columns", "id, images")
    assert made.exit_code == 0, made.output
    assert made.output.split() == [f"{data_dir}/datasets/selection/posts.json:", "1", "posts"]
    [record] = json.loads((data_dir / "datasets" / "selection" / "posts.json").read_text("utf-8"))
    assert record == {"id": "4", "images": ["../../media/ab/4-0.jpg"]}
    assert shell("csv", "--out", data_dir / "csv").exit_code == 0
    assert len(list(read_csv(data_dir / "csv" / "post.csv"))) == 3
    nobody = shell("csv", "--accounts", "nobody")
    assert nobody.exit_code == 1
    assert "not a known account: nobody" in nobody.output
