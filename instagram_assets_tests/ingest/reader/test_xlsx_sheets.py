"""Excel workbooks come back as the records that they were made of, also where Excel changed their cells."""

import csv
import io
import os
import re
import tempfile
import zipfile
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from upath import UPath

from instagram_assets.errors import FileError
from instagram_assets.ingest import landing
from instagram_assets.ingest.observations import quarantine_table, read_posts
from instagram_assets.ingest.reader import xlsx_sheets
from instagram_assets.ingest.reader.json_values import BadRecord
from instagram_assets.ingest.reader.record_reader import read_records
from instagram_assets.settings import load_settings
from instagram_assets_tests.ingest.formats import writers
from instagram_assets_tests.ingest.formats.tables import as_xlsx, rows, with_parts
from instagram_assets_tests.ingest.formats.writers import ALBUM, Plain
from instagram_assets_tests.ingest.reader.test_csv_tables import KEYS, assert_equal, normalized, own
from instagram_assets_tests.ingest.records import LIMITS, SEOUL, post, profile, write

# What XML has not.
NO_XML = re.compile("[\ufffe\uffff]")


def read(content: bytes) -> list[Any]:
    with tempfile.TemporaryDirectory() as folder:
        return [record for _, record in read_records(write(Path(folder), content, "posts.xlsx"), LIMITS)]


def table(**cells: Any) -> list[list[Any]]:
    """Rows of one post as Excel holds it; a change to ... takes the cell away."""
    names, row = rows([post(images=["https://cdn.example/a_n.jpg"])])
    found = {**dict(zip(names, row, strict=True)), **cells}
    return [list(found), list(found.values())]


@given(st.lists(writers.posts(), min_size=1, max_size=3, unique_by=lambda post: post.number))
@settings(max_examples=40, deadline=None)
def test_posts_come_back_from_a_workbook_as_from_json(posts: list[Plain]) -> None:
    records = [
        writers.apify(post._replace(caption="".join(c for c in post.caption if ord(c) & 0xFFFE != 0xFFFE)))
        for post in posts
    ]
    assert_equal(read(as_xlsx(rows(records))), records)


def test_profiles_and_our_own_dataset_come_back_from_a_workbook() -> None:
    records = [profile(latestPosts=[post()])]
    assert_equal(read(as_xlsx(rows(records))), records)
    record = own({key: post()[key] for key in KEYS} | {"caption": "한 줄", "hashtags": ["산책", "b"]})
    joined = {
        **record,
        **{key: ",".join(record[key]).replace("1,2", "1\\,2") for key in ("hashtags", "coauthors", "imageUrls")},
    }
    joined = {key: value for key, value in joined.items() if value != []}
    assert_equal(read(as_xlsx([list(joined), list(joined.values())])), [record])


def test_every_sheet_that_has_records_is_read_and_others_are_passed_over() -> None:
    notes = [["what to do", "who"], ["call", "Jo"]]
    found = read(as_xlsx(notes, table(), [], table(id="2", caption=None)))
    assert [record["id"] for record in found] == ["3697661021377407101", "2"]


def test_rows_above_the_names_and_between_the_records_may_be_empty() -> None:
    names, row = table()
    found = read(as_xlsx([[None], [None], names, [None], row, [" "], [*row, 1]]))
    assert [isinstance(record, BadRecord) for record in found] == [False, True]
    assert "row 7: more cells than the first row has names" in found[1].error.reason


def test_what_excel_made_of_texts_is_text_again() -> None:
    (row,) = (
        normalized(read(as_xlsx(table(caption=2024, alt=True, ownerFullName=3.0, locationName=1.5))))
        .tables["posts"]
        .to_pylist()
    )
    assert (row["caption"], row["alt"], row["owner_full_name"], row["location"]) == ("2024", "TRUE", "3", "1.5")
    assert row["warnings"] == []


def test_an_id_that_excel_rounded_stays_the_number_that_it_is() -> None:
    (record,) = read(as_xlsx(table(id=3.69766102137740e18, ownerId=1001)))
    assert (record["id"], record["ownerId"]) == (3.69766102137740e18, 1001)


def test_a_date_in_a_cell_is_a_time_in_the_time_zone_of_the_settings() -> None:
    when = datetime(2025, 7, 29, 20, 15, 43)
    (row,) = normalized(read(as_xlsx(table(timestamp=when)))).tables["posts"].to_pylist()
    assert row["taken_at"] == when.replace(tzinfo=SEOUL).astimezone(UTC)
    assert "no time zone" in row["warnings"][0]


def test_an_error_of_excel_is_nothing_and_its_escaped_characters_are_characters() -> None:
    (record,) = read(as_xlsx(table(caption="#NAME?", alt="a_x000D_\nb")))
    assert "caption" not in record
    assert record["alt"] == "a\r\nb"


SHEET, BOOK, TEXTS = "xl/worksheets/sheet1.xml", "xl/workbook.xml", "xl/sharedStrings.xml"
LISTS = ("hashtags", "coauthors", "imageUrls")
ODD = [b"", b'"', b"<", b"</row>", b"99999999999", b"&#0;", b"&x;", b"-1"]
SMALL = as_xlsx(table(timestamp=datetime(2025, 7, 29, 20, 15, 43)))


def part(name: str) -> bytes:
    with zipfile.ZipFile(io.BytesIO(SMALL)) as book:
        return book.read(name)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (as_xlsx([["name", "price"], ["bread", 3]]), "(its sheets: 'Sheet' with name, price)"),
        (with_parts(SMALL, {SHEET: b"<worksheet"}), "this is a damaged workbook"),
        (with_parts(SMALL, {SHEET: None}), "workbook"),
        (with_parts(SMALL, {BOOK: b"<x/>"}), "workbook"),
        (with_parts(SMALL, {TEXTS: b" " * (80 << 20)}), "it unpacks to more than 200 times its size"),
        (SMALL[:-30], "an Office document that is damaged"),
    ],
    ids=["other-columns", "cut-sheet", "no-sheet", "no-sheets", "bomb", "cut"],
)
def test_a_workbook_that_cannot_be_read_says_why(content: bytes, message: str) -> None:
    with pytest.raises(FileError) as caught:
        read(content)
    assert message in str(caught.value)


def test_nobody_waits_for_a_pipe_to_become_a_workbook(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "posts.xlsx")
    with pytest.raises(FileError, match="a pipe or a device"):
        list(read_records(tmp_path / "posts.xlsx", LIMITS))


def test_a_sheet_that_claims_to_be_huge_costs_what_it_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    sheet = part(SHEET)
    start = sheet.index(b'<dimension ref="') + len(b'<dimension ref="')
    huge = sheet[:start] + b"A1:XFD1048576" + sheet[sheet.index(b'"', start) :]
    assert len(read(with_parts(SMALL, {SHEET: huge}))) == 1
    monkeypatch.setattr(xlsx_sheets, "_MOST_ROWS", 3_000)
    far = sheet.replace(b'<row r="2"', b'<row r="999999999"')
    with pytest.raises(FileError, match="more than 3,000 rows"):
        read(with_parts(SMALL, {SHEET: far}))


@given(st.data())
@settings(max_examples=120, deadline=None)
def test_a_workbook_changed_at_any_byte_gives_records_or_a_clear_error(data: st.DataObject) -> None:
    content = bytearray(SMALL)
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = read(bytes(content))
    except FileError:
        return
    assert all(isinstance(record, dict | BadRecord) for record in found)


@given(st.data())
@settings(max_examples=120, deadline=None)
def test_a_workbook_whose_parts_are_changed_gives_records_or_a_clear_error(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from([SHEET, BOOK, TEXTS, "xl/styles.xml", "[Content_Types].xml"]))
    inside = bytearray(part(name))
    at, number = data.draw(st.integers(0, len(inside) - 1)), data.draw(st.integers(0, 40))
    inside[at : at + number] = data.draw(
        st.sampled_from([b"", b'"', b"<", b"</row>", b"99999999999", b"&#0;", b"&x;", b"-1"])
    )
    try:
        found = read(with_parts(SMALL, {name: bytes(inside)}))
    except FileError:
        return
    assert all(isinstance(record, dict | BadRecord) for record in found)


def test_300_posts_of_a_workbook_are_in_the_lake_with_their_times_and_numbers(tmp_path: Path) -> None:
    posts = [
        ALBUM._replace(number=ALBUM.number + n, seconds=ALBUM.seconds - 5_000 * n, likes=n, comments=2 * n)
        for n in range(300)
    ]
    lake = UPath(tmp_path / "lake")
    name = "dataset_instagram-post-scraper_2025-08-13_05-14-16-984.xlsx"
    path = write(tmp_path, as_xlsx(rows([writers.apify(post) for post in posts])), name)
    file = landing.land_file(path, lake, settings=load_settings(start_day=date(2015, 1, 1)))
    assert (file.posts, file.quarantined, file.format, file.unknown_fields) == (300, 0, "apify_posts", ())
    found = read_posts(lake, "posts", [ALBUM.owner], date(2010, 1, 1), date(2100, 1, 1)).to_pylist()
    assert {row["post_id"]: (row["taken_at"], row["likes"], row["comments"]) for row in found} == {
        str(post.number): (post.taken_at, post.likes, post.comments) for post in posts
    }
    assert {row["observed_at"] for row in found} == {datetime(2025, 8, 13, 5, 14, 16, 984_000, UTC)}


def quarantined(folder: Path, content: bytes, name: str) -> list[tuple[int, str]]:
    lake = UPath(folder / "lake")
    landing.land_file(write(folder, content, name), lake, settings=load_settings())
    return [(row["index"], row["reason"]) for row in quarantine_table(lake).to_pylist()]


def test_a_row_of_totals_and_one_with_a_bad_count_are_told_with_sheet_and_row(tmp_path: Path) -> None:
    names, good = table()
    bad = table(likesCount="1,234")[1]
    totals = [{"caption": "Total", "likesCount": 12345}.get(name) for name in names]
    of_count, of_totals = quarantined(tmp_path, as_xlsx([["notes"]], [names, good, bad, totals]), "posts.xlsx")
    assert of_count == (1, "sheet 'Sheet1', row 3: '1,234' is not a whole number; write digits alone, as 1234")
    assert of_totals[0] == 2
    assert of_totals[1].startswith("sheet 'Sheet1', row 4: is no post, reel or profile that we know")


def test_cells_that_were_merged_are_told_as_what_may_lack(tmp_path: Path) -> None:
    names, good = table()
    rest = [
        [
            None if name.startswith("owner") or name == "inputUrl" else cell
            for name, cell in zip(names, row, strict=True)
        ]
        for row in (table(id=str(number), shortCode=None)[1] for number in range(2, 8))
    ]
    for content, name in ((as_xlsx([names, good, *rest]), "posts.xlsx"), (as_text([names, good, *rest]), "posts.csv")):
        with pytest.raises(FileError, match=r"ownerUsername is missing in 6 of 7 .* merged cells .*split them"):
            quarantined(tmp_path, content, name)


def as_text(table: list[list[Any]]) -> bytes:
    """The same as CSV, as a spreadsheet saves it."""
    stream = io.StringIO()
    csv.writer(stream).writerows(table)
    return stream.getvalue().encode()
