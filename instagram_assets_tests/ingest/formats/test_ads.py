"""A team's table of ads is read as a spreadsheet keeps it; what is no ad is set aside with its row and the reason."""

import csv
import io
import json
import zipfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from upath import UPath

from instagram_assets.errors import FileError
from instagram_assets.ingest import inbox, landing
from instagram_assets.ingest.formats.ads import NO_AD
from instagram_assets.ingest.manifests import manifest_path, read_manifest
from instagram_assets.ingest.normalize import normalize_records
from instagram_assets.ingest.observations import affected_cells, quarantine_table, read_ads
from instagram_assets.ingest.post_ids import post_id_of
from instagram_assets.ingest.reader.record_reader import read_records
from instagram_assets.settings import load_settings
from instagram_assets_tests.ingest.formats.tables import as_xlsx
from instagram_assets_tests.ingest.records import LIMITS, source, write

NAMES = ["Post URL", "Captions", "Views", "Likes", "Comments", "Date"]
CODE = "DNQuxufAih9"
URL = f"https://www.instagram.com/reel/{CODE}/"
Rows = list[list[Any]]


def ad(**changes: Any) -> list[Any]:
    """A row of the table; names are those of NAMES in lower case, without a blank."""
    row = {"posturl": URL, "captions": "새 간식", "views": 5000, "likes": 120, "comments": 4, "date": "2025-07-29"}
    return list({**row, **changes}.values())


def as_text(rows: Rows, separator: str = ",") -> bytes:
    stream = io.StringIO(newline="")
    csv.writer(stream, delimiter=separator).writerows(["" if cell is None else cell for cell in row] for row in rows)
    return stream.getvalue().encode("utf-8-sig")


class Landed:
    """What becomes of a table of ads: its rows, and what is wrong with others, by their order."""

    def __init__(self, folder: Path, content: bytes, name: str = "ads.xlsx") -> None:
        lake = UPath(folder / "lake")
        self.file = landing.land_file(write(folder, content, name), lake, settings=load_settings())
        self.ads = sorted(read_ads(lake).to_pylist(), key=lambda row: row["source_index"])
        self.problems = [
            f"{row['field']}: {row['reason']}".removeprefix(": ") for row in quarantine_table(lake).to_pylist()
        ]


def test_an_ad_is_known_by_its_post_and_keeps_what_the_table_says(tmp_path: Path) -> None:
    for content, name in ((as_xlsx([NAMES, ad()]), "ads.xlsx"), (as_text([NAMES, ad()]), "ads.csv")):
        found = Landed(tmp_path / name, content, name)
        (row,) = found.ads
        assert (found.file.format, found.file.ads, found.file.posts, found.problems) == ("ads", 1, 0, [])
        assert row["ad_id"] == str(post_id_of(CODE))
        assert (row["url"], row["caption"]) == (URL, "새 간식")
        assert (row["views"], row["likes"], row["comments"]) == (5000, 120, 4)
        assert row["taken_at"] == datetime(2025, 7, 28, 15, tzinfo=UTC)
        assert row["warnings"] == []


@pytest.mark.parametrize(
    "names",
    [
        ["post_url", "caption", "views", "likes", "comments", "date"],
        ["POST URL", " Captions", "VIEWS ", "LIKES", "COMMENTS", "DATE"],
    ],
)
def test_names_of_columns_count_in_any_case_and_with_blanks_or_underscores(names: list[str], tmp_path: Path) -> None:
    assert len(Landed(tmp_path, as_text([names, ad()]), "ads.csv").ads) == 1


@pytest.mark.parametrize(
    "cell",
    [
        datetime(2025, 7, 29),
        date(2025, 7, 29),
        "2025-07-29",
        "2025/7/29",
        "2025. 7. 29.",
        "2025.07.29",
        "2025-07-29 00:00",
        "2025-07-28T15:00:00Z",
        45867,
    ],
    ids=str,
)
def test_a_date_may_be_one_of_the_spreadsheet_or_a_text_with_the_year_first(cell: Any, tmp_path: Path) -> None:
    (row,) = Landed(tmp_path, as_xlsx([NAMES, ad(date=cell)])).ads
    assert row["taken_at"] == datetime(2025, 7, 28, 15, tzinfo=UTC)


def test_a_date_that_lost_its_form_is_read_from_a_csv_too(tmp_path: Path) -> None:
    (row,) = Landed(tmp_path, as_text([NAMES, ad(date="45867")], ";"), "ads.csv").ads
    assert row["taken_at"] == datetime(2025, 7, 28, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cell", "problem"),
    [
        ("29/07/2025", "Date: sheet 'Sheet', row 2: '29/07/2025' is no date with the year first: write 2025-07-29"),
        ("Jul 29", "Date: sheet 'Sheet', row 2: 'Jul 29' is no date with the year first"),
        ("2025-02-30", "Date: sheet 'Sheet', row 2: '2025-02-30' is no possible date"),
        ("1999-01-01", "is before Instagram began"),
        (datetime(2200, 1, 1), "is in the future"),
        (7, "is before Instagram began"),
        (None, "Date: sheet 'Sheet', row 2: is empty: where cells are merged, split them and fill each one"),
    ],
    ids=str,
)
def test_what_is_no_date_is_told_with_its_row_and_what_to_write(cell: Any, problem: str, tmp_path: Path) -> None:
    found = Landed(tmp_path, as_xlsx([NAMES, ad(date=cell), ad()]))
    assert len(found.ads) == 1
    (told,) = found.problems
    assert problem in told


def test_merged_cells_a_title_blank_rows_and_totals_harm_no_ad(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet: Any = book.worksheets[0]
    sheet.title = "가을"
    rows: Rows = [
        ["Ads of autumn"],
        [],
        [*NAMES, "Spend"],
        [*ad(date=datetime(2025, 7, 29)), 9.5],
        [*ad(posturl="https://example.com/ads?id=7", date=None), 1],
        [None] * 7,
        [" ", "", None, None, None, None, None],
        [*ad(posturl=None), 3],
        ["October"],
        [*ad(posturl="https://example.com/ads?id=8", likes=None), 2],
        ["Total", None, 15000, 360, 12, None, 15.5],
        [None, None, 15000, 360, 12, None, 15.5],
    ]
    for row in rows:
        sheet.append(row)
    sheet.merge_cells("A1:G1")
    sheet.merge_cells("F4:F5")
    sheet.merge_cells("A9:G9")
    stream = io.BytesIO()
    book.save(stream)
    found = Landed(tmp_path, stream.getvalue())
    assert [row["ad_id"] for row in found.ads] == [str(post_id_of(CODE)), "https://example.com/ads?id=8"]
    assert [row["likes"] for row in found.ads] == [120, None]
    assert found.file.unknown_fields == ("Spend",)
    merged, totals = "where cells are merged, split them and fill each one", NO_AD
    assert found.problems == [
        f"Date: sheet '가을', row 5: is empty: {merged}",
        f"Post URL: sheet '가을', row 8: is empty: {merged}",
        *(f"sheet '가을', row {row}: has no address and no date: {totals}" for row in (9, 11, 12)),
    ]


def test_a_row_below_merged_cells_is_told_with_what_to_do(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet: Any = book.worksheets[0]
    for row in (NAMES, ad(), ad(posturl=None, date=None)):
        sheet.append(row)
    for column in "AF":
        sheet.merge_cells(f"{column}2:{column}3")
    stream = io.BytesIO()
    book.save(stream)
    (told,) = Landed(tmp_path, stream.getvalue()).problems
    assert told.startswith("sheet 'Sheet', row 3: has no address and no date: ")
    assert "a row of totals" in told
    assert told.endswith("or one below merged cells: split them and fill each one")


def test_a_csv_saved_from_such_a_sheet_is_read_alike(tmp_path: Path) -> None:
    rows: Rows = [["Ads of autumn", *[None] * 5], [None] * 6, NAMES, ad(), ["합계", None, 5000, 120, 4, None]]
    found = Landed(tmp_path, as_text(rows), "ads.csv")
    assert len(found.ads) == 1
    assert found.problems == [f"line 5: has no address and no date: {NO_AD}"]


@pytest.mark.parametrize(
    ("cell", "number"), [("1,234", 1234), ("12,345,678", 12_345_678), (12.0, 12), ("7", 7), (-1, None), (None, None)]
)
def test_a_count_may_have_commas_between_thousands_and_hidden_likes_are_unknown(
    cell: Any, number: int | None, tmp_path: Path
) -> None:
    (row,) = Landed(tmp_path, as_xlsx([NAMES, ad(likes=cell)])).ads
    assert row["likes"] == number


@pytest.mark.parametrize("cell", ["1.2k", "1,23", "12만", "many", 3.7, "1.234,5"])
def test_any_other_count_is_told_with_its_row(cell: Any, tmp_path: Path) -> None:
    found = Landed(tmp_path, as_xlsx([NAMES, ad(), ad(views=cell)]))
    assert len(found.ads) == 1
    (told,) = found.problems
    assert told.startswith("Views: sheet 'Sheet', row 3: ")
    assert "is not a whole number" in told


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"views": "=1+2"},
            "Views: sheet 'Sheet', row 3: '=1+2' is not a whole number but a formula without a saved result",
        ),
        (
            {"likes": "=C3*2"},
            "Likes: sheet 'Sheet', row 3: '=C3*2' is not a whole number but a formula without a saved result",
        ),
        (
            {"date": "=TODAY()"},
            "Date: sheet 'Sheet', row 3: '=TODAY()' is no date but a formula without a saved result",
        ),
        ({"posturl": '="https://"&A2'}, "Post URL: sheet 'Sheet', row 3: '=\"https://\"&A2' is no address"),
    ],
)
def test_a_formula_whose_result_was_never_saved_is_told(changes: dict[str, str], told: str, tmp_path: Path) -> None:
    found = Landed(tmp_path, as_xlsx([NAMES, ad(), ad(**changes), ad(posturl="https://a.example/1")]))
    assert len(found.ads) == 2
    (problem,) = found.problems
    assert problem.startswith(told)


@pytest.mark.parametrize(
    ("url", "account", "ad_id"),
    [
        (f"https://www.instagram.com/Sun_Diary/p/{CODE}/?utm_source=x", "sun_diary", str(post_id_of(CODE))),
        (f"instagram.com/p/{CODE}", None, str(post_id_of(CODE))),
        ("https://www.facebook.com/ads/library/?id=123", None, "https://www.facebook.com/ads/library/?id=123"),
    ],
)
def test_whose_an_ad_is_may_stand_in_its_address(url: str, account: str | None, ad_id: str, tmp_path: Path) -> None:
    (row,) = Landed(tmp_path, as_xlsx([NAMES, ad(posturl=url)])).ads
    assert (row["account"], row["ad_id"]) == (account, ad_id)


def test_a_column_of_accounts_says_whose_an_ad_is(tmp_path: Path) -> None:
    rows = [[*NAMES, "Account"], [*ad(), "@Sun_Diary"], [*ad(posturl="https://a.example/1"), "no such name!"]]
    first, second = Landed(tmp_path, as_xlsx(rows)).ads
    assert (first["account"], first["warnings"]) == ("sun_diary", [])
    assert second["account"] is None
    assert second["warnings"] == ["Account: 'no such name!' is no account name, taken as unknown"]


@pytest.mark.parametrize("url", ["see link", "Link", 7, "C:\\ads\\1.png"])
def test_what_is_no_address_is_told_with_its_row(url: Any, tmp_path: Path) -> None:
    found = Landed(tmp_path, as_xlsx([NAMES, ad(), ad(posturl=url)]))
    (told,) = found.problems
    assert told.startswith("Post URL: sheet 'Sheet', row 3: ")
    assert "is no address: write it out" in told


def test_of_an_ad_that_stands_twice_the_larger_numbers_stay_and_each_look_is_kept(tmp_path: Path) -> None:
    lake, options = UPath(tmp_path / "lake"), load_settings()
    moments = [datetime(2025, 8, day, tzinfo=UTC) for day in (1, 2)]
    for moment, views in zip(moments, (10, 30), strict=True):
        content = as_xlsx([NAMES, ad(views=views), ad(views=views - 5)])
        landing.land_file(write(tmp_path, content, f"{views}.xlsx"), lake, settings=options, observed_at=moment)
    rows = read_ads(lake).to_pylist()
    assert [(row["observed_at"], row["views"]) for row in rows] == [*zip(moments, (10, 30), strict=True)]


def test_the_same_table_as_csv_and_workbook_is_read_once(tmp_path: Path) -> None:
    lake, options = UPath(tmp_path / "lake"), load_settings()
    rows = [NAMES, ad(), ad(posturl="https://example.com/ads?id=8")]
    for content, name in ((as_xlsx(rows), "ads.xlsx"), (as_text(rows), "ads.csv")):
        landing.land_file(write(tmp_path, content, name), lake, settings=options)
    assert read_ads(lake).num_rows == 2


@pytest.mark.parametrize(
    "names",
    [
        ["Post URL", "Captions", "Date"],
        ["Captions", "Views", "Likes", "Comments", "Date"],
        ["Post URL", "Views", "Likes", "Comments", "Captions"],
        ["url", "title", "views", "likes", "comments", "date"],
    ],
)
def test_a_table_of_other_columns_is_no_table_of_ads(names: list[str], tmp_path: Path) -> None:
    rows = [names, *[["https://a.example/1", *range(1, len(names))]] * 3]
    for content, name in ((as_xlsx(rows), "other.xlsx"), (as_text(rows), "other.csv")):
        with pytest.raises(FileError, match=r"columns? that we know"):
            list(read_records(write(tmp_path, content, name), LIMITS))


KOREAN = ["게시물", "문구", "조회수", "좋아요", "댓글", "날짜"]


@pytest.mark.parametrize("zipped", [False, True])
def test_a_sheet_whose_columns_are_unknown_is_named_and_the_others_land(tmp_path: Path, zipped: bool) -> None:
    content = as_xlsx([NAMES, ad()], [KOREAN, ad()], [], [["notes"], ["call Jo"]])
    if zipped:
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as packed:
            packed.writestr("ads.xlsx", content)
        content = stream.getvalue()
    name = "ads.zip" if zipped else "ads.xlsx"
    path, lake = write(tmp_path, content, name), UPath(tmp_path / "lake")
    result = inbox.land_files([str(path)], lake, load_settings(data_dir=tmp_path / "data"))
    (file,) = result.landed
    within = " in ads.xlsx" if zipped else ""
    sheets = (f"'Sheet1' with 게시물, 문구, 조회수, 좋아요, 댓글, 날짜{within}", f"'Sheet3' with notes{within}")
    assert (file.ads, file.quarantined, file.passed_over) == (1, 0, sheets)
    known = read_manifest(lake, file.name)
    assert known
    assert known.passed_over == sheets
    told = f"{name}: 2 sheets were passed over, as their columns are none that we know: {sheets[0]}; {sheets[1]}"
    assert told in result.folders


@pytest.mark.parametrize("name", ["ads.csv", "ads.xlsx"])
def test_a_table_of_unknown_columns_is_refused_with_those_that_ads_need(tmp_path: Path, name: str) -> None:
    content = as_text([KOREAN, ad()]) if name == "ads.csv" else as_xlsx([KOREAN, ad()])
    with pytest.raises(
        FileError, match=r"조회수.*a table of ads needs Post URL, Date, and one of Views, Likes and Comm"
    ):
        Landed(tmp_path, content, name)


def test_what_landed_before_ads_were_read_still_counts(tmp_path: Path) -> None:
    lake = UPath(tmp_path / "lake")
    file = landing.land_file(write(tmp_path, as_xlsx([NAMES, ad()]), "ads.xlsx"), lake, settings=load_settings())
    path = manifest_path(lake, file.name)
    known = json.loads(path.read_text())
    assert known.pop("ads") == 1
    path.write_text(json.dumps(known))
    older = read_manifest(lake, file.name)
    assert older
    assert (older.ads, older.records) == (0, 1)
    assert read_ads(lake).num_rows == 0


def test_an_ads_table_has_no_posts_and_touches_no_cell(tmp_path: Path) -> None:
    lake = UPath(tmp_path / "lake")
    file = landing.land_file(write(tmp_path, as_xlsx([NAMES, ad()]), "ads.xlsx"), lake, settings=load_settings())
    assert affected_cells(lake, [file], date(2010, 1, 1), date(2100, 1, 1)) == ([], set())
    assert (file.accounts, file.days) == ((), {})


CELLS = st.none() | st.integers(-5, 10**20) | st.floats() | st.text(max_size=12) | st.booleans() | st.datetimes()


@given(st.lists(st.lists(CELLS, min_size=6, max_size=6), max_size=5))
@settings(max_examples=60, deadline=None)
def test_any_cells_give_ads_or_problems_with_their_row(rows: Rows) -> None:
    records = [
        {**{name: cell for name, cell in zip(NAMES, row, strict=True) if cell is not None}, "(place in the table)": "x"}
        for row in rows
    ]
    for record in records:
        if isinstance(moment := record.get("Date"), datetime):
            record["Date"] = moment.isoformat()
    result = normalize_records(enumerate(records), source())
    assert result.tables["ads"].num_rows + len(result.problems) == len(rows)
    assert all(problem.error.reason.startswith("x: ") for problem in result.problems)
    assert not any(result.tables[name].num_rows for name in ("posts", "reels", "profiles"))


def test_an_ad_is_observed_when_its_table_was_written(tmp_path: Path) -> None:
    (row,) = Landed(tmp_path, as_xlsx([NAMES, ad()])).ads
    assert datetime.now(UTC) - row["observed_at"] < timedelta(minutes=10)
