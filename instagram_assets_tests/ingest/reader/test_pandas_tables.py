"""Records that went through pandas come back from whichever form of JSON it wrote, as from the collector's own."""

import io
import json
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instagram_assets.errors import FileError
from instagram_assets.ingest.post_ids import post_id_of
from instagram_assets.ingest.reader.json_values import BadRecord
from instagram_assets.ingest.reader.record_reader import read_records
from instagram_assets_tests.ingest.formats import writers
from instagram_assets_tests.ingest.formats.tables import as_csv
from instagram_assets_tests.ingest.formats.writers import ALBUM, WRITERS, Plain, Record
from instagram_assets_tests.ingest.reader.test_csv_tables import LISTED, normalized
from instagram_assets_tests.ingest.records import LIMITS, errors_of, post, profile, write


def read(content: Any) -> list[Any]:
    with tempfile.TemporaryDirectory() as folder:
        return [record for _, record in read_records(write(Path(folder), content), LIMITS)]


def orient(name: Any, **options: Any) -> Callable[[pd.DataFrame], str]:
    """Times are epochs, or texts from the pandas on that warns of it."""

    def write_it(frame: pd.DataFrame) -> str:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return frame.to_json(orient=name, **options) or ""

    return write_it


def printed(name: Any) -> Callable[[pd.DataFrame], str]:
    """What people write who do not know `to_json`."""
    return lambda frame: json.dumps(frame.to_dict(name), default=str)


FORMS: dict[str, Callable[[pd.DataFrame], str]] = {
    **{name: orient(name) for name in ("columns", "index", "split", "records", "table")},
    "lines": orient("records", lines=True),
    "indented": orient("columns", indent=2),
    "without-index": orient("split", index=False),
    "iso": orient("columns", date_format="iso"),
    "as-a-string": lambda frame: json.dumps(orient("columns")(frame)),
    **{f"to_dict-{name}": printed(name) for name in ("dict", "list", "split", "tight", "index", "records")},
}


def assert_the_same(found: list[Any], expected: list[Record]) -> None:
    ours, theirs = normalized(found), normalized(expected)
    assert ours.problems == theirs.problems == []
    for name, table in theirs.tables.items():
        columns = [name for name in table.column_names if name != "extra"]  # of a table of rows: their numbers
        assert ours.tables[name].select(columns).to_pylist() == table.select(columns).to_pylist()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["apify_posts", "instagrapi"])
@given(posts=LISTED, with_times=st.booleans())
@settings(max_examples=15, deadline=None)
def test_posts_come_back_from_each_form(name: str, form: str, posts: list[Plain], with_times: bool) -> None:
    records = [WRITERS[name](post) for post in posts]
    frame = pd.DataFrame(records)
    if with_times:
        column = "timestamp" if name == "apify_posts" else "taken_at"
        frame[column] = pd.to_datetime(frame[column])
    assert_the_same(read(FORMS[form](frame)), records)


@pytest.mark.parametrize("form", sorted(FORMS.keys() - {"to_dict-records"}))  # whose NaN is a number with a warning
def test_what_a_post_does_not_have_is_not_there_in_a_table_of_posts_that_have_it(form: str) -> None:
    records = [post(likesCount=None, caption=None), post(id="2", shortCode="B", videoUrl="https://cdn.example/v.mp4")]
    assert_the_same(read(FORMS[form](pd.DataFrame(records))), records)
    assert_the_same(read(FORMS[form](pd.DataFrame([profile()]))), [profile()])


@pytest.mark.parametrize("form", ["records", "lines", "columns", "split"])
def test_apifys_csv_that_became_json_is_nested_again(form: str) -> None:
    records = [writers.apify(ALBUM), writers.apify(ALBUM._replace(number=ALBUM.number + 1, media=ALBUM.media[:1]))]
    frame = pd.read_csv(io.BytesIO(as_csv(records)))
    assert_the_same(read(FORMS[form](frame)), records)
    frame = pd.read_csv(io.BytesIO(as_csv([profile(latestPosts=[post(ownerUsername="star")])])))
    assert_the_same(read(FORMS[form](frame)), [profile(latestPosts=[post(ownerUsername="star")])])


@pytest.mark.parametrize("form", ["columns", "index", "split", "to_dict-dict", "to_dict-tight", "to_dict-index"])
def test_a_short_code_that_became_the_label_of_its_row_is_one_again(form: str) -> None:
    codes = ["DNQuxufAih9", "DNQuxufAih-"]
    records = [post(id=str(post_id_of(code)), shortCode=code) for code in codes]
    assert_the_same(read(FORMS[form](pd.DataFrame(records).set_index("shortCode"))), records)


@pytest.mark.parametrize("labels", [["walk", "sea"], [2, 3], ["DNQuxufAih9", "DNQuxufAih8"]])
def test_a_label_that_is_no_short_code_of_its_rows_id_says_nothing(labels: list[Any]) -> None:
    records = [post(id="11", shortCode=...), post(id="12", shortCode=...)]
    found = read(FORMS["index"](pd.DataFrame(records, index=labels)))
    assert not [record for record in found if "shortCode" in record]


def test_error_items_between_posts_are_told_as_such() -> None:
    error = {"error": "not_found", "errorDescription": "Post does not exist"}
    found = read(pd.DataFrame([post(), error]).to_json())
    assert [problem.reason for problem in errors_of(found[1])] == ["source_error: not_found: Post does not exist"]


@pytest.mark.parametrize("content", [[[1, "a", None], [2, "b", {}]], [["x", "y", "z"]]])
def test_rows_without_names_of_columns_are_refused_with_what_to_do(content: Any) -> None:
    with pytest.raises(FileError, match=r"no names of columns \(orient='values'\)\. Write it with DataFrame.to_json\("):
        read(content)


def test_a_row_of_another_length_is_a_bad_record_and_the_rest_goes_on() -> None:
    frame = {"columns": list(post()), "index": [0, 1], "data": [[1, 2, 3], list(post().values())]}
    for content in (frame, [frame]):
        bad, good = read(content)
        assert isinstance(bad, BadRecord)
        assert bad.error.reason == f"a row of 3 values below {len(post())} columns"
        assert good["id"] == post()["id"]


@pytest.mark.parametrize(
    "record",
    [
        {"data": writers.app(writers.ALBUM), "extensions": {}},
        {"posts": [post()], "profiles": [profile()]},
        {"texts": ["a", "b"]},
        {"columns": ["a", "b"], "data": "none"},
        {"0": {"a": 1}, "1": {"a": 2}},
        {},
    ],
)
def test_a_record_that_is_no_table_stays_one_record(record: Record) -> None:
    assert read(record) == [record]


def test_json_that_was_written_as_json_once_more_is_read() -> None:
    for inner in ([post(), post(id="2")], {"items": [post()]}, post()):
        text = json.dumps(inner, ensure_ascii=False)
        assert read(json.dumps(text)) == read(inner)
    with pytest.raises(FileError, match="the file holds one text instead of records"):
        read(json.dumps(json.dumps(json.dumps([post()]))))
