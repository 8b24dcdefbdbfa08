"""Tables as CSV come back as the records that they were made of, whatever spreadsheet wrote them again."""

import contextlib
import csv
import gzip
import io
import tempfile
import tracemalloc
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from upath import UPath

from instagram_assets.datasets.csv import write_csv
from instagram_assets.errors import FileError
from instagram_assets.ingest import landing
from instagram_assets.ingest.normalize import NormalizedRecords, normalize_records
from instagram_assets.ingest.observations import quarantine_table, read_posts
from instagram_assets.ingest.reader.csv_tables import table_in
from instagram_assets.ingest.reader.json_values import BadRecord
from instagram_assets.ingest.reader.record_reader import read_records
from instagram_assets.settings import load_settings
from instagram_assets_tests.ingest.formats import tables, writers
from instagram_assets_tests.ingest.formats.tables import as_csv
from instagram_assets_tests.ingest.formats.writers import ALBUM, Plain, Record
from instagram_assets_tests.ingest.records import LIMITS, SEEN, post, profile, source, write

LISTED = st.lists(writers.posts(), min_size=1, max_size=4, unique_by=lambda post: post.number)


def read(content: bytes, name: str = "posts.csv") -> list[Any]:
    with tempfile.TemporaryDirectory() as folder:
        return [record for _, record in read_records(write(Path(folder), content, name), LIMITS)]


def normalized(records: list[Any]) -> NormalizedRecords:
    assert not [record.error for record in records if isinstance(record, BadRecord)]
    return normalize_records(enumerate(records), source())


def as_from_json(records: list[Record]) -> list[Record]:
    """What a table can say of records: it has no empty texts."""
    return [{key: value for key, value in record.items() if value != ""} for record in records]


def assert_equal(found: list[Any], expected: list[Record]) -> None:
    ours, theirs = normalized(found), normalized(as_from_json(expected))
    assert [problem.error for problem in ours.problems] == [problem.error for problem in theirs.problems]
    for name, table in theirs.tables.items():
        assert ours.tables[name].to_pylist() == table.to_pylist()


@given(LISTED, st.sampled_from(",;\t"), st.sampled_from(["\r\n", "\n"]), st.booleans())
@settings(max_examples=150, deadline=None)
def test_posts_come_back_from_apifys_csv_as_from_its_json(
    posts: list[Plain], separator: str, end: str, bom: bool
) -> None:
    records = [writers.apify(post) for post in posts]
    assert_equal(read(as_csv(records, separator, end, bom=bom)), records)


def test_profiles_reels_and_error_items_come_back_from_apifys_csv_as_from_its_json() -> None:
    reel = post(
        type="Video", productType="clips", videoUrl="https://cdn.example/v.mp4", videoDuration=12.5, isPinned=True
    )
    error = {"error": "not_found", "errorDescription": "Post does not exist"}
    for records in ([reel, error, post(isCommentsDisabled=False)], [error], [profile(latestPosts=[post(), reel])]):
        assert_equal(read(as_csv(records)), records)


def test_an_album_of_twelve_is_in_the_order_of_its_numbers() -> None:
    children = [{"type": "Image", "displayUrl": f"https://cdn.example/{n}.jpg"} for n in range(12)]
    (record,) = read(as_csv([post(type="Sidecar", childPosts=children)]))
    assert record["childPosts"] == children


def test_texts_stay_texts_and_numbers_become_numbers(tmp_path: Path) -> None:
    (record,) = read(as_csv([post(caption="true", id="0012", ownerId="44000000001", likesCount=0, alt="12")]))
    assert (record["caption"], record["id"], record["ownerId"]) == ("true", "0012", "44000000001")
    assert (record["likesCount"], record["isSponsored"], record["alt"]) == (0, False, "12")


@pytest.mark.parametrize("said", ["TRUE", "True", "true", "1"])
def test_yes_and_no_are_read_however_a_spreadsheet_writes_them(said: str) -> None:
    content = as_csv([post(isPinned=True)]).replace(b'"true"', f'"{said}"'.encode())
    (row,) = normalized(read(content)).tables["posts"].to_pylist()
    assert (row["pinned"], row["warnings"]) == (True, [])


def test_a_table_that_pandas_wrote_is_read_with_its_lists(tmp_path: Path) -> None:
    import pandas as pd

    children = [{"type": "Image", "displayUrl": f"https://cdn.example/{n}.jpg", "videoUrl": None} for n in range(2)]
    records = [post(type="Sidecar", childPosts=children, alt=None), post(id="2", shortCode="B", likesCount=None)]
    pd.DataFrame(records).to_csv(tmp_path / "posts.csv")
    found = [record for _, record in read_records(tmp_path / "posts.csv", LIMITS)]
    assert_equal(found, records)


def test_excels_own_first_line_names_the_separator() -> None:
    records = [writers.apify(ALBUM)]
    assert_equal(read(b"\xef\xbb\xbfsep=;\r\n" + as_csv(records, ";", bom=False)), records)


def test_cells_that_a_spreadsheet_left_out_at_the_end_of_a_row_are_empty() -> None:
    content = as_csv([post(), post(id="2", shortCode="B")])
    cut = content.removesuffix(b',"1001","false"\r\n') + b"\r\n"
    assert cut != content
    assert [record.get("ownerId") for record in read(cut)] == ["1001", None]


def test_a_bad_row_names_its_line_and_the_rest_goes_on() -> None:
    lines = as_csv([post(caption="a\nb"), post(id="2"), post(id="3"), post(id="4")], end="\n").splitlines(keepends=True)
    good = lines[:3]
    bad = [b'"x","y"z\n', lines[3].rstrip() + b',"and more"\n', lines[3].replace(b"#", b"\xff")]
    found = read(b"".join([*good, *bad, *lines[4:]]))
    assert [record["id"] for record in found if not isinstance(record, BadRecord)] == ["3697661021377407101", "3", "4"]
    reasons = [record.error.reason for record in found if isinstance(record, BadRecord)]
    assert [reason.partition(":")[0] for reason in reasons] == ["line 4", "line 5", "line 6"]
    assert "quote" in reasons[0]
    assert "cells, but the header names" in reasons[1]
    assert "not UTF-8" in reasons[2]


def test_a_table_that_was_cut_keeps_its_whole_rows() -> None:
    content = as_csv([post(), post(id="2")], end="\n")
    first, last = read(content[: content.rindex(b',"Sun Diary"')])
    assert first["id"] == "3697661021377407101"
    assert "ends in the middle of this row" in last.error.reason


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (as_csv([post()])[:-3], "line 2: a quote is opened here and never closed"),
        (as_csv([post()]).replace(b'"likesCount"', b'"caption"'), "columns named twice: caption"),
        ("id,shortCode,timestamp,caption\n1,A,2,안녕하세요 여러분\n".encode("cp949"), "INGEST__ENCODING=cp949"),
        (b"name,price\nbread,3\nmilk,2\n", "a table without a column that we know (its columns: name, price)"),
    ],
)
def test_a_table_that_cannot_be_read_says_why(content: bytes, message: str) -> None:
    with pytest.raises(FileError) as caught:
        read(content)
    assert message in str(caught.value)


def test_a_table_in_another_encoding_is_read_when_it_is_named() -> None:
    content = as_csv([post()], bom=False).decode().encode("cp949")
    limits = LIMITS.model_copy(update={"encoding": "cp949"})
    with tempfile.TemporaryDirectory() as folder:
        ((_, record),) = read_records(write(Path(folder), content), limits)
    assert_equal([record], [post()])


def test_a_header_without_rows_is_a_table_of_no_records() -> None:
    names = as_csv([post()]).partition(b"\r\n")[0]
    assert read(names + b"\r\n") == []
    assert read(gzip.compress(names)) == []


def test_a_header_longer_than_the_beginning_of_its_file_is_known_by_its_first_names() -> None:
    content = as_csv([post()])
    for length in (content.index(b'"likesCount"') + 5, content.index(b'"likesCount"')):
        header = table_in(content[:length])
        assert header is not None
        assert header.names[:4] == list(post())[:4]


def test_names_that_nest_beyond_reason_or_number_billions_cost_nothing() -> None:
    names = ["id", "shortCode", "timestamp", "images/999999999", "a/" * 5_000 + "b", "images/0", "x//y", "0/1"]
    stream = io.StringIO(newline="")
    csv.writer(stream).writerows([names, ["1", "A", "2", "last", "deep", "first", "odd", "number"]])
    (record,) = read(stream.getvalue().encode())
    assert record["images"] == ["first", "last"]
    assert record["a/" * 5_000 + "b"] == "deep"
    assert (record["x//y"], record["0/1"]) == ("odd", "number")


def test_memory_does_not_grow_with_the_table(tmp_path: Path) -> None:
    def peak(number: int) -> int:
        path = write(tmp_path, as_csv([post(caption="가" * 500)] * number), "posts.csv")
        tracemalloc.start()
        assert sum(1 for _ in read_records(path, LIMITS)) == number
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    assert peak(8_000) < 2 * peak(2_000)


def test_300_posts_of_a_csv_are_in_the_lake_with_their_times_and_numbers(tmp_path: Path) -> None:
    posts = [
        ALBUM._replace(number=ALBUM.number + n, seconds=ALBUM.seconds - 5_000 * n, likes=n, comments=2 * n)
        for n in range(300)
    ]
    lake = UPath(tmp_path / "lake")
    name = "dataset_instagram-post-scraper_2025-08-13_05-14-16-984.csv"
    path = write(tmp_path, as_csv([writers.apify(post) for post in posts]), name)
    file = landing.land_file(path, lake, settings=load_settings(start_day=date(2015, 1, 1)))
    assert (file.posts, file.quarantined, file.format, file.unknown_fields) == (300, 0, "apify_posts", ())
    rows = read_posts(lake, "posts", [ALBUM.owner], date(2010, 1, 1), date(2100, 1, 1)).to_pylist()
    assert {row["post_id"]: (row["taken_at"], row["likes"], row["comments"]) for row in rows} == {
        str(post.number): (post.taken_at, post.likes, post.comments) for post in posts
    }
    seen = datetime(2025, 8, 13, 5, 14, 16, 984_000, UTC)
    assert {(row["observed_at"], row["caption"], len(row["media"])) for row in rows} == {(seen, ALBUM.caption, 3)}


KEYS = ("id", "type", "shortCode", "url", "timestamp", "ownerUsername", "ownerId", "likesCount", "commentsCount")


def own(post: Record) -> Record:
    """A record of our own merged dataset."""
    return {
        **post,
        "kind": "post",
        "account": "sun_diary",
        "scrapedAt": SEEN.isoformat(),
        "likesHidden": False,
        "coauthors": ["moon.cafe", "star_walk"],
        "taggedUsernames": [],
        "followersCount": 1000,
        "private": False,
        "displayUrl": "https://cdn.example/1.jpg?a=1,2",
        "imageUrls": ["https://cdn.example/1.jpg?a=1,2", "https://cdn.example/2.jpg"],
        "images": [],
    }


@pytest.mark.parametrize("caption", ["한 줄\n둘째, 줄|||끝\\", "", None, "true", "12"])
def test_our_own_csv_is_read_back_value_for_value(caption: str | None, tmp_path: Path) -> None:
    record = own({key: post()[key] for key in KEYS} | {"caption": caption, "hashtags": ["산책", "a,b"]})
    write_csv([record], tmp_path / "posts.csv", kind="post")
    found = [found for _, found in read_records(tmp_path / "posts.csv", LIMITS)]
    ours, theirs = normalized(found), normalize_records([(0, record)], source())
    assert ours.problems == []
    assert ours.formats == theirs.formats == {"merged": 1}
    for name, table in theirs.tables.items():
        assert ours.tables[name].to_pylist() == table.to_pylist()


@pytest.mark.parametrize("separator", [",", ";"])
def test_our_own_csv_for_spreadsheets_is_read_without_their_marks(separator: str, tmp_path: Path) -> None:
    record = own({key: post()[key] for key in KEYS} | {"caption": "=1+1", "ownerFullName": "'quoted"})
    write_csv([record], tmp_path / "posts.csv", kind="post", spreadsheet_safe=True)
    again = io.StringIO(newline="")
    with open(tmp_path / "posts.csv", encoding="utf-8-sig", newline="") as stream:
        csv.writer(again, delimiter=separator).writerows(csv.reader(stream))
    (found,) = read(again.getvalue().encode())
    assert (found["id"], found["caption"], found["ownerFullName"]) == (post()["id"], "=1+1", "'quoted")


def test_the_caption_as_it_was_counts_where_our_own_csv_has_it(tmp_path: Path) -> None:
    record = own({key: post()[key] for key in KEYS} | {"caption": "한 줄\n\n\n둘째 줄"})
    write_csv([record], tmp_path / "posts.csv", kind="post", caption_raw=True)
    found = [record for _, record in read_records(tmp_path / "posts.csv", LIMITS)]
    assert normalized(found).tables["posts"].to_pylist() == normalized([record]).tables["posts"].to_pylist()


def test_our_own_csv_is_read_when_a_spreadsheet_has_written_it_again(tmp_path: Path) -> None:
    record = own({key: post()[key] for key in KEYS} | {"caption": "한 줄\n둘째 줄", "hashtags": ["산책", "b"]})
    write_csv([record], tmp_path / "posts.csv", kind="post")
    again = io.StringIO(newline="")
    with open(tmp_path / "posts.csv", encoding="utf-8-sig", newline="") as stream:
        csv.writer(again, delimiter=";").writerows(csv.reader(stream))
    (found,) = read(again.getvalue().encode())
    assert (found["caption"], found["hashtags"], found["likesCount"]) == ("한 줄\n둘째 줄", ["산책", "b"], 120)
    assert found["imageUrls"] == record["imageUrls"]


def test_rows_of_tables_are_what_their_writer_made_of_them() -> None:
    assert tables.rows([{"a": [{"b": 1}], "c": None}]) == [["a/0/b", "c"], [1, None]]


@pytest.mark.parametrize("end", ['"url', '"url"x,', '"'])
def test_names_of_columns_that_do_not_end_are_a_clear_error(end: str) -> None:
    names = '"inputUrl","id","type","shortCode","caption","timestamp","ownerUsername",'
    with pytest.raises(FileError, match="line 1: "):
        read((names + end).encode())


def test_the_number_of_an_id_that_excel_shortened_is_no_post() -> None:
    rows = [{**writers.apify(ALBUM), "id": "3.68736E+18", "shortCode": "", "url": ""}]
    result = normalized(read(as_csv(rows)))
    assert [problem.error.field for problem in result.problems] == ["id"]


@pytest.mark.parametrize("separator", ["|", "^", "~"])
def test_a_table_that_is_parted_by_another_sign_is_told_as_such(separator: str) -> None:
    with pytest.raises(FileError) as caught:
        read(as_csv([post(caption="a, b; c")], separator))
    assert f"cells are parted by {separator!r}. Save it with commas, semicolons or tabs" in str(caught.value)


def test_a_bad_record_of_a_table_is_told_with_its_line(tmp_path: Path) -> None:
    lake = UPath(tmp_path / "lake")
    error = {"error": "not_found", "errorDescription": "Post does not exist"}
    content = as_csv([post(caption="a\nb"), post(likesCount="many"), error])
    landing.land_file(write(tmp_path, content, "posts.csv"), lake, settings=load_settings())
    reasons = [row["reason"] for row in quarantine_table(lake).to_pylist()]
    assert reasons == ["line 4: 'many' is not a whole number", "source_error: not_found: Post does not exist"]


def test_a_file_that_ends_in_the_names_of_its_columns_is_told_as_such() -> None:
    whole = as_csv([post()])
    names = whole[: whole.index(b"\n")].replace(b'"', b"").removeprefix(b"\xef\xbb\xbf")
    quoted = b",".join(b'"%s"' % name.strip() for name in names.split(b","))
    for end in range(len(quoted) // 2, len(quoted)):
        with contextlib.suppress(FileError):
            read(quoted[:end])
