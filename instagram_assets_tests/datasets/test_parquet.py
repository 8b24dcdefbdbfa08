"""What the Parquet dataset promises: typed rows that every reader sees alike, replaced as a whole."""

from pathlib import Path

import duckdb
import pandas as pd
import pyarrow.parquet as pq
import pytest

from instagram_assets import schemas
from instagram_assets.datasets.parquet import write_parquet
from instagram_assets.datasets.table_parts import one_part
from instagram_assets.engagement.post_metrics import impressions
from instagram_assets.errors import StorageError
from instagram_assets_tests.datasets.tables import caption, captions, image, images, post, posts


def _write(folder: Path, *rows: dict[str, object]) -> int:
    table = posts(*rows)
    pictures = images(image("1", 1, status="failed"), image("1"), image("2"))
    return write_parquet(one_part(posts=table, images=pictures, impressions=impressions(table)), folder)


def _bytes(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.parquet")}


def test_each_account_is_one_file_with_typed_columns(tmp_path: Path):
    assert _write(tmp_path / "dataset", post("1"), post("2"), post("3", "zoe")) == 3
    assert sorted(_bytes(tmp_path / "dataset")) == ["mina.draws/part-0.parquet", "zoe/part-0.parquet"]
    schema = pq.read_schema(tmp_path / "dataset/zoe/part-0.parquet")
    assert schema.names == [*schemas.POSTS.schema.names, "images", "impression"]
    assert schema.types[:-2] == schemas.POSTS.schema.types


def test_pandas_reads_all_accounts_as_one_table(tmp_path: Path):
    _write(tmp_path / "dataset", post("1"), post("2"), post("3", "zoe", likes=None))
    frame = pd.read_parquet(tmp_path / "dataset").set_index("post_id")
    assert frame["account"].to_dict() == {"1": "mina.draws", "2": "mina.draws", "3": "zoe"}
    assert [[(one["path"], one["status"]) for one in images] for images in frame["images"]] == [
        [("ab/1-0.jpg", "ok"), ("ab/1-1.jpg", "failed")],
        [("ab/2-0.jpg", "ok")],
        [],
    ]
    assert frame["impression"].isna().to_dict() == {"1": False, "2": False, "3": True}
    assert frame["impression"].to_list()[:2] == [0.25, 0.25]


def test_each_image_has_its_caption_and_score(tmp_path: Path):
    table = posts(post("1"))
    pictures = images(image("1"), image("1", 1))
    write_parquet(one_part(posts=table, images=pictures, captions=captions(caption("11" * 4))), tmp_path / "d")
    (shown,) = pq.read_table(tmp_path / "d")["images"].to_pylist()
    assert [(one["caption"], one["caption_score"]) for one in shown] == [(None, None), ("a red square", 0.25)]


def test_duckdb_reads_all_accounts_as_one_table(tmp_path: Path):
    _write(tmp_path / "dataset", post("1"), post("2"), post("3", "zoe"))
    query = "select account, post_id, likes, len(images), hashtags[1] from read_parquet($1) order by post_id"
    rows = duckdb.execute(query, [f"{tmp_path}/dataset/**/*.parquet"]).fetchall()
    assert rows == [("mina.draws", "1", 30, 2, "그림"), ("mina.draws", "2", 30, 1, "그림"), ("zoe", "3", 30, 0, "그림")]


def test_accounts_are_texts_to_every_reader_whatever_their_names(tmp_path: Path):
    names = ["#육아일기", "007", "2023", "_jane", "sun.diary", "true"]
    numbered = list(enumerate(names, start=1))
    assert _write(tmp_path / "dataset", *(post(str(number), name) for number, name in numbered)) == len(names)
    expected = {str(number): name for number, name in numbered}
    frame = pd.read_parquet(tmp_path / "dataset").set_index("post_id")
    assert frame["account"].to_dict() == expected
    query = "select post_id, account from read_parquet($1)"
    assert dict(duckdb.execute(query, [f"{tmp_path}/dataset/**/*.parquet"]).fetchall()) == expected
    table = pq.read_table(tmp_path / "dataset", columns=["post_id", "account"])
    assert dict(zip(*(column.to_pylist() for column in table.columns), strict=True)) == expected


def test_a_collaboration_is_one_row(tmp_path: Path):
    assert _write(tmp_path / "dataset", post("1", "aaa", owner="zoe"), post("1", "zoe")) == 1
    assert list(_bytes(tmp_path / "dataset")) == ["zoe/part-0.parquet"]


def test_equal_posts_give_equal_bytes_in_whatever_order_they_come(tmp_path: Path):
    rows = [post("1"), post("2"), post("3", "zoe")]
    _write(tmp_path / "one", *rows)
    _write(tmp_path / "two", *rows[::-1])
    assert _bytes(tmp_path / "one") == _bytes(tmp_path / "two")


def test_an_account_that_is_gone_leaves_no_file(tmp_path: Path):
    _write(tmp_path / "dataset", post("1"), post("3", "zoe"))
    _write(tmp_path / "dataset", post("1"))
    assert list(_bytes(tmp_path / "dataset")) == ["mina.draws/part-0.parquet"]
    assert [path.name for path in tmp_path.iterdir()] == ["dataset"]


def test_a_dataset_without_posts_still_has_its_columns(tmp_path: Path):
    assert _write(tmp_path / "dataset") == 0
    frame = pd.read_parquet(tmp_path / "dataset")
    assert len(frame) == 0
    assert {"account", "post_id", "images", "impression"} <= set(frame.columns)


@pytest.mark.parametrize("name", ["notes.txt", "account=a/mine.parquet", "more/deep.txt"])
def test_a_file_that_somebody_put_there_stops_it_and_stays(tmp_path: Path, name: str):
    folder = tmp_path / "dataset"
    _write(folder, post("1"))
    before = _bytes(folder)
    (folder / name).parent.mkdir(exist_ok=True, parents=True)
    (folder / name).write_text("mine")
    with pytest.raises(StorageError, match=rf"holds files that are not its own \('{name}'\)\. Move them away"):
        _write(folder, post("1"), post("2"))
    assert (folder / name).read_text() == "mine"
    assert {key: value for key, value in _bytes(folder).items() if key != name} == before
    (folder / name).unlink()
    (folder / ".DS_Store").write_text("litter")
    assert _write(folder, post("1"), post("2")) == 2


def test_a_folder_that_cannot_be_made_is_a_clear_error(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="file: cannot be written"):
        _write(tmp_path / "file" / "dataset", post("1"))
