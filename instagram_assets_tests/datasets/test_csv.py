"""What the CSV promises: it looks as the first users know it, and its reader gives every value back."""

import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instagram_assets.datasets.csv import CsvCounts, keys_of_records, read_csv, write_csv
from instagram_assets.datasets.merged_records import CAPTION_COLUMNS, RECORD_COLUMNS, merged_records
from instagram_assets.datasets.table_parts import one_part
from instagram_assets.errors import ContractError, FileError
from instagram_assets_tests.datasets.tables import caption, captions, image, images, post, posts

_NASTY = st.sampled_from(
    [*"\",|\\\n\r\t =+-@'＝＋－＠#", "|||", "\r\n", "\n\n", "\u2028", "\ufeff", "👶🏻", "한글", "1", "a"]
)
_DIGITS = st.from_regex(r"'{0,2}[0-9]{1,20}", fullmatch=True)
_TEXT = (
    st.lists(_NASTY | st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12).map("".join)
    | _DIGITS
)
_VALUES = {
    pa.string(): _TEXT,
    pa.int64(): st.integers(-(10**17), 10**17),
    pa.float64(): st.floats(allow_nan=False, allow_infinity=False),
    pa.bool_(): st.booleans(),
    pa.list_(pa.string()): st.lists(_TEXT | st.none() | st.just("N"), max_size=4),
    pa.list_(pa.float64()): st.lists(st.floats(allow_nan=False, allow_infinity=False) | st.none(), max_size=4),
}
_ALL_COLUMNS = (*RECORD_COLUMNS, *CAPTION_COLUMNS)
_RECORDS = st.lists(
    st.fixed_dictionaries({column.name: st.none() | _VALUES[column.type] for column in _ALL_COLUMNS}).map(
        lambda record: {**record, "kind": "post"}
    ),
    max_size=3,
)


def _expected(record: dict[str, Any]) -> dict[str, Any]:
    caption = record["caption"]
    return {**record, "caption": caption and re.sub(r"[\r\n]+", "\n", caption)}


def _line(path: Path, record: dict[str, Any], **options: Any) -> str:
    """The cells of one record, as text."""
    write_csv([record], path, kind="post", impression=False, columns=keys_of_records([record]), **options)
    return path.read_bytes().decode("utf-8-sig").removesuffix("\r\n").split("\r\n", 1)[1]


@settings(max_examples=60, deadline=None)
@given(records=_RECORDS, spreadsheet_safe=st.booleans(), options=st.booleans())
def test_the_reader_gives_every_value_back(
    tmp_path_factory: pytest.TempPathFactory, records: list[dict[str, Any]], spreadsheet_safe: bool, options: bool
):
    path = tmp_path_factory.getbasetemp() / "round.csv"
    write_csv(
        records,
        path,
        kind="post",
        impression=options,
        caption_raw=options,
        spreadsheet_safe=spreadsheet_safe,
        columns=[column.name for column in _ALL_COLUMNS],
    )
    back = list(read_csv(path, spreadsheet_safe=spreadsheet_safe))
    raw = [record.pop("caption_raw") for record in back] if options else []
    for record in back:
        record.pop("impression", None)
    assert back == [_expected(record) for record in records]
    assert raw == [record["caption"] for record in records if options]


@settings(deadline=None)
@given(st.lists(_TEXT, min_size=1, max_size=3, unique=True), st.lists(_TEXT | st.none(), min_size=3, max_size=3))
def test_columns_of_others_keep_their_texts(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], texts: list[str | None]
):
    path = tmp_path_factory.getbasetemp() / "foreign.csv"
    record = {f"x{name}": text for name, text in zip(names, texts, strict=False)}
    write_csv([record, record], path, kind="post", impression=False, columns=list(record))
    assert list(read_csv(path)) == [record, record]


def test_an_ordinary_file_looks_as_its_users_know_it(tmp_path: Path):
    record = {
        "id": "17",
        "caption": "문장1\n\n\n문장2 | (b) ||",
        "hashtags": ["그림", "draw"],
        "likesCount": 30,
        "verified": True,
        "videoDuration": 2.5,
        "biography": None,
    }
    path = tmp_path / "post.csv"
    columns = keys_of_records([record])
    write_csv(
        [{**record, "commentsCount": 10, "followersCount": 160}],
        path,
        kind="post",
        columns=[*columns, "commentsCount", "followersCount"],
    )
    assert (
        path.read_bytes()
        == (
            "\ufeffid,caption,hashtags,likesCount,videoDuration,biography,verified,commentsCount,followersCount,impression\r\n"
            '17,문장1|||문장2 | (b) ||,"그림,draw",30,2.5,,True,10,160,0.25\r\n'
        ).encode()
    )


@pytest.mark.parametrize(
    ("caption", "cell"),
    [
        ("a\r\nb\u2028c", "a|||b\u2028c"),
        ("a|||b", r"a\|\|\|b"),
        ("a|\n|b", r"a\||||\|b"),
        ("|a|", "|a|"),
        ("\na\n", "|||a|||"),
        ("¯\\_", r"¯\\_"),
        ("", '""'),
        (None, ""),
    ],
)
@pytest.mark.bad_input("no caption", "separators in a caption")
def test_newlines_become_bars_and_bars_stay_bars(tmp_path: Path, caption: str | None, cell: str):
    assert _line(tmp_path / "c.csv", {"id": "1", "caption": caption}) == f"1,{cell}"


@pytest.mark.parametrize(
    ("items", "cell"),
    [
        (["a", "b"], '"a,b"'),
        (["a,b"], r'"a\,b"'),
        ([], '""'),
        ([""], "\\"),
        (["", ""], '","'),
        (["\\"], "\\\\"),
        (None, ""),
    ],
)
@pytest.mark.bad_input("odd hashtags", "quotes and line ends in a cell")
def test_commas_inside_list_items_survive(tmp_path: Path, items: list[str] | None, cell: str):
    path = tmp_path / "list.csv"
    assert _line(path, {"id": "1", "hashtags": items}) == f"1,{cell}"
    assert next(read_csv(path))["hashtags"] == items


@pytest.mark.parametrize(
    "text", ["=1+1", "+82 10", "-1", "@mina.draws", "\tx", "\rx", "＝1", "＋1", "－1", "＠x", "'=1"]
)
@pytest.mark.bad_input("cell that begins a formula")
def test_a_spreadsheet_runs_no_cell_of_a_safe_file(tmp_path: Path, text: str):
    path = tmp_path / "safe.csv"
    record = {"alt": text, "coauthors": [text], "caption": text.replace("\r", "=")}
    cells = _line(path, record, spreadsheet_safe=True)
    assert all(cell.lstrip('"').startswith("'") for cell in cells.split(","))
    assert next(read_csv(path, spreadsheet_safe=True)) == _expected(record) | {"coauthors": [text]}


@pytest.mark.parametrize("digits", ["3687361308854381515", "1234567890123456", "0012", "'3687361308854381515"])
def test_a_spreadsheet_changes_no_id_of_a_safe_file(tmp_path: Path, digits: str):
    """It takes digits for a number, of which it keeps fifteen, and no zeros in front."""
    path, record = tmp_path / "safe.csv", {"id": digits, "ownerId": digits, "taggedUsernames": [digits]}
    assert _line(path, record, spreadsheet_safe=True) == ",".join([f"'{digits}"] * 3)
    assert list(read_csv(path, spreadsheet_safe=True)) == [record]
    assert _line(tmp_path / "exact.csv", record) == ",".join([digits] * 3)


def test_an_id_that_is_a_number_is_kept_whole_too(tmp_path: Path):
    path = tmp_path / "safe.csv"
    write_csv([{"pk": 3687361308854381515}], path, kind=None, impression=False, columns=["pk"], spreadsheet_safe=True)
    assert path.read_bytes().endswith(b"\r\n'3687361308854381515\r\n")
    assert list(read_csv(path, spreadsheet_safe=True)) == [{"pk": "3687361308854381515"}]


def test_a_file_that_the_spreadsheet_saved_without_its_marks_is_read_alike(tmp_path: Path):
    path = tmp_path / "saved.csv"
    path.write_text("id,alt\r\n3687361308854381515,0012\r\n'3687361308854381515,'=1\r\n", newline="")
    records = list(read_csv(path, spreadsheet_safe=True))
    assert [record["id"] for record in records] == ["3687361308854381515"] * 2
    assert [record["alt"] for record in records] == ["0012", "=1"]


def test_a_safe_file_leaves_numbers_and_plain_texts_alone(tmp_path: Path):
    record = {"id": "123456789012345", "caption": "'quoted' 1 = 1", "likesCount": -1, "videoDuration": -0.5}
    assert _line(tmp_path / "safe.csv", record, spreadsheet_safe=True) == "123456789012345,'quoted' 1 = 1,-1,-0.5"


def test_a_file_holds_one_kind_and_counts_the_others(tmp_path: Path):
    table = posts(post("1"), post("2", kind="reel"), post("3"))
    counts = write_csv(merged_records(one_part(posts=table), "all"), tmp_path / "p.csv", kind="post")
    assert counts == CsvCounts(rows=2, left_out=1)
    assert [record["id"] for record in read_csv(tmp_path / "p.csv")] == ["1", "3"]


def test_a_dataset_comes_back_from_csv_as_it_went(tmp_path: Path):
    records = list(
        merged_records(
            one_part(posts=posts(post("1"), post("2", likes=None)), images=images(image("1"), image("1", 1))), "all"
        )
    )
    write_csv(records, tmp_path / "p.csv", kind="post", caption_raw=True)
    first, second = read_csv(tmp_path / "p.csv")
    assert (first["impression"], second["impression"]) == (0.25, None)
    assert first == {**_expected(records[0]), "impression": 0.25, "caption_raw": records[0]["caption"]}


def test_captions_of_pictures_are_one_cell_and_come_back(tmp_path: Path):
    table = images(*(image("1", position) for position in range(3)))
    made = captions(caption("10" * 4, "a cat, a dog"), caption("12" * 4, "a cat", score=None))
    records = list(merged_records(one_part(posts=posts(post("1")), images=table, captions=made), "all", captions=True))
    write_csv(records, tmp_path / "p.csv", kind="post", columns=keys_of_records(records))
    assert b',"a cat\\, a dog,\\N,a cat","0.25,\\N,\\N",' in (tmp_path / "p.csv").read_bytes()
    (back,) = read_csv(tmp_path / "p.csv")
    assert back["imageCaptions"] == ["a cat, a dog", None, "a cat"]
    assert back["imageCaptionScores"] == [0.25, None, None]


@pytest.mark.parametrize(
    "hidden", [{"likesCount": -1}, {"likesCount": None}, {"likesHidden": True}, {"followersCount": 0}]
)
def test_foreign_records_without_known_numbers_have_no_impression(tmp_path: Path, hidden: dict[str, Any]):
    record = {"likesCount": 3, "commentsCount": 1, "followersCount": 10, **hidden}
    write_csv([record], tmp_path / "p.csv", kind="post", columns=keys_of_records([record]))
    assert next(read_csv(tmp_path / "p.csv"))["impression"] is None


def test_foreign_columns_follow_the_known_ones_in_readable_form(tmp_path: Path):
    record = {
        "score": 0.5,
        "captions": ["a dog", "two, dogs"],
        "music": {"song": "봄"},
        "mixed": ["a", None],
        "id": "1",
    }
    path = tmp_path / "p.csv"
    write_csv([record], path, kind="post", columns=keys_of_records([record]))
    assert path.read_bytes().decode("utf-8-sig") == (
        "id,impression,score,captions,music,mixed\r\n"
        '1,,0.5,"a dog,two\\, dogs","{""song"": ""봄""}","[""a"", null]"\r\n'
    )


def test_a_key_without_a_column_is_never_lost_silently(tmp_path: Path):
    with pytest.raises(ContractError, match="odd"):
        write_csv([{"id": "1", "odd": 1}], tmp_path / "p.csv", kind="post")
    assert not (tmp_path / "p.csv").exists()


def test_values_of_another_type_come_back_as_the_text_that_they_are(tmp_path: Path):
    record = {"likesCount": "1,234", "videoDuration": "nan", "verified": "maybe", "commentsCount": 3.5}
    write_csv([record], tmp_path / "p.csv", kind="post", impression=False, columns=keys_of_records([record]))
    assert next(read_csv(tmp_path / "p.csv")) == {**record, "commentsCount": "3.5"}


def test_half_a_character_and_nan_do_not_stop_a_file(tmp_path: Path):
    assert _line(tmp_path / "p.csv", {"caption": "a\ud83d", "videoDuration": float("nan")}) == "a\ufffd,"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is empty"),
        ("id,caption\r\n1\r\n", "line 2"),
        ('id,caption\r\n1,"open\r\n', "line 2: a quote"),
        ('id,caption\r\n1,a"b"\r\n', "line 2, column 3"),
        ("id,id\r\n", "twice"),
        ("id\r\n1\r\n\xff", "after line"),
    ],
)
def test_a_damaged_file_is_refused_with_its_line(tmp_path: Path, text: str, problem: str):
    path = tmp_path / "damaged.csv"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(FileError, match=problem):
        list(read_csv(path))


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_files_that_an_editor_saved_again_are_read(tmp_path: Path, end: str):
    path = tmp_path / "edited.csv"
    path.write_bytes(end.join(["\ufeff\ufeffid,hashtags", '1,"a,b"', "", ""]).encode())
    assert list(read_csv(path)) == [{"id": "1", "hashtags": ["a", "b"]}]


def test_pandas_reads_the_file_with_nothing_but_its_defaults(tmp_path: Path):
    import pandas as pd

    table = posts(post("1", caption='그림, "둘"\n셋'), post("2", likes=None, caption=""))
    write_csv(merged_records(one_part(posts=table, images=images(image("1"))), "all"), tmp_path / "p.csv", kind="post")
    frame = pd.read_csv(tmp_path / "p.csv")
    assert frame["caption"].to_list()[0] == '그림, "둘"|||셋'
    assert frame["hashtags"].to_list() == ["그림,draw"] * 2
    assert frame["impression"].to_list()[0] == 0.25
    assert frame["likesCount"].isna().to_list() == [False, True]
