"""Every label that can be trusted is taken; every other row is named with its line, field and reason."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instagram_assets.age.labels import MAX_AGE, MIN_AGE, Labels, read_labels
from instagram_assets.errors import FileError

YEAR = 2026


def read(path: Path, content: str | bytes, cutoff: int = 21) -> Labels:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_labels(path, cutoff, YEAR)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "labels.csv"


def ages(labels: Labels) -> dict[str, int]:
    return dict(zip(*(labels.table[name].to_pylist() for name in ("username", "age")), strict=True))


def refusals(labels: Labels) -> list[tuple[int, str, str]]:
    return [(row["line"], row["username"], row["field"]) for row in labels.refused.to_pylist()]


def test_the_label_is_one_from_the_cutoff_age_on(file: Path) -> None:
    found = read(file, "username,age\nann,20\nbob,21\ncho,22\n")
    assert found.table.to_pylist() == [
        {"username": "ann", "label": 0, "age": 20},
        {"username": "bob", "label": 1, "age": 21},
        {"username": "cho", "label": 1, "age": 22},
    ]
    assert read(file, "username,age\nann,20\nbob,21\n", cutoff=20).table["label"].to_pylist() == [1, 1]


def test_names_of_columns_may_be_those_of_the_source(file: Path) -> None:
    found = read(file, ",user.name,labeled age,gender\n0,@Ann_1,20.0,f\n1,@bob.x,33.0,m\n")
    assert ages(found) == {"ann_1": 20, "bob.x": 33}


def test_a_year_of_birth_counts_from_the_given_year(file: Path) -> None:
    found = read(file, "username;Birth Year\nann;2005\nbob;2006\ncho;1990.0\n")
    assert ages(found) == {"ann": 21, "bob": 20, "cho": 36}
    assert found.table["label"].to_pylist() == [1, 0, 1]
    assert ages(read_labels(file, 21, YEAR + 1))["bob"] == 21


@pytest.mark.parametrize("age", ["-1", "0", "121", "200", "twenty", "21.5", "", " ", "2 1", "+21", "1e1", "nan", "²"])
def test_an_impossible_age_is_refused_with_its_line_and_keeps_no_other_waiting(file: Path, age: str) -> None:
    found = read(file, f'username,age\nann,20\n@Bob,"{age}"\ncho,30\n')
    assert ages(found) == {"ann": 20, "cho": 30}
    assert refusals(found) == [(3, "bob", "age")]
    assert found.refused["reason"][0].as_py()


@pytest.mark.parametrize(
    ("age", "reason"),
    [
        ("-1", "'-1' is not possible; allowed: 1 to 120"),
        ("-21.0", "'-21.0' is not possible; allowed: 1 to 120"),
        ("9" * 5000, f"'{'9' * 60}'… is not possible; allowed: 1 to 120"),
        ("+21", "'+21' has a sign; write digits only"),
        ("21.5", "'21.5' is no whole number; write digits only"),
    ],
)
def test_the_reason_is_true_of_what_was_written(file: Path, age: str, reason: str) -> None:
    assert read(file, f"username,age\nann,20\nbob,{age}\n").refused["reason"].to_pylist() == [reason]


@pytest.mark.parametrize("year", ["05", "'05", "2005-03-01", "2027", "1890", "20050", "unknown"])
def test_an_impossible_year_of_birth_is_refused(file: Path, year: str) -> None:
    found = read(file, f"username,birth_year\nann,2000\nbob,{year}\n")
    assert (ages(found), refusals(found)) == ({"ann": 26}, [(3, "bob", "birth_year")])


def test_age_and_year_of_birth_must_agree_give_or_take_a_birthday(file: Path) -> None:
    content = "username,age,birth_year\nann,20,2006\nbob,19,2006\ncho,30,2006\ndan,,2006\neve,40,\n"
    found = read(file, content)
    assert ages(found) == {"ann": 20, "bob": 19, "dan": 20, "eve": 40}
    assert refusals(found) == [(4, "cho", "age")]


def test_two_ages_for_one_user_refuse_both_and_say_where_they_stand(file: Path) -> None:
    found = read(file, "username,age\nann,20\nbob,30\n@Ann,35\nbob,30\n")
    assert ages(found) == {"bob": 30}
    assert refusals(found) == [(2, "ann", "age"), (4, "ann", "age")]
    assert "line 2 says 20, line 4 says 35" in found.refused["reason"][0].as_py()


def test_a_bad_row_never_takes_a_good_one_of_the_same_user_along(file: Path) -> None:
    found = read(file, "username,age\nann,twenty\nann,20\n")
    assert (ages(found), refusals(found)) == ({"ann": 20}, [(2, "ann", "age")])


@pytest.mark.parametrize("name", ["", "@", "지수", "a\x1b[2J", "a/b", "-1", "=1+1", "a" * 65, "ann smith"])
def test_a_name_that_no_account_can_have_is_refused(file: Path, name: str) -> None:
    found = read(file, f"username,age\nbob,30\n{name},20\n")
    assert ages(found) == {"bob": 30}
    assert refusals(found) == [(3, "", "username")]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_any_usual_separator_and_line_end_is_understood(file: Path, separator: str, end: str) -> None:
    rows = [["username", "note, or; more", "age"], ["ann", "", "20"], ["bob", "x", "30"], ["", "", ""]]
    if separator in ",;":
        rows[0][1] = f'"{rows[0][1]}"'
    assert ages(read(file, end.join(separator.join(row) for row in rows))) == {"ann": 20, "bob": 30}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949"])
def test_a_file_that_a_korean_spreadsheet_saved_is_read(file: Path, encoding: str) -> None:
    assert ages(read(file, "username,이름,age\nann,지수 학생,20\nbob,민준,30\n".encode(encoding))) == {
        "ann": 20,
        "bob": 30,
    }


def test_a_file_in_an_encoding_that_cannot_be_told_names_line_and_remedy(file: Path) -> None:
    with pytest.raises(FileError, match=r"labels\.csv, line 3: this is not UTF-8.*INGEST__ENCODING"):
        read(file, b"username,name,age\nann,Ann,20\nbob,B\xf6b,30\n")


def test_a_missing_column_is_named_with_what_was_found(file: Path) -> None:
    with pytest.raises(
        FileError, match=r"line 1: there is no column `age` or `birth_year` \(found: username, height\)"
    ):
        read(file, "username,height\nann,180\n")
    with pytest.raises(FileError, match="there is no column `username`"):
        read(file, "name,age\nann,18\n")
    with pytest.raises(FileError, match=r"`user\.name` and `username` both say `username`"):
        read(file, "user.name,username,age\nann,ann,20\n")


@pytest.mark.parametrize("content", ["", "\n \n", "\ufeff"])
def test_an_empty_file_says_so(file: Path, content: str) -> None:
    with pytest.raises(FileError, match="the file is empty"):
        read(file, content)


def test_a_file_without_one_usable_row_says_what_is_wrong_with_the_first(file: Path) -> None:
    with pytest.raises(FileError, match="no row below the header"):
        read(file, "username,age\n")
    with pytest.raises(
        FileError, match=r"line 2: none of its 2 rows can be used; age: 'twenty' is no whole number; write digits only"
    ):
        read(file, "username,age\nann,twenty\nbob,-1\n")


def test_a_quote_that_is_never_closed_names_the_line_where_it_opens(file: Path) -> None:
    with pytest.raises(FileError, match="line 3: a quote is opened here and never closed"):
        read(file, 'username,age\nann,20\nbob,"30\ncho,40\n')


def test_a_row_with_too_many_cells_or_a_stray_quote_is_refused_alone(file: Path) -> None:
    found = read(file, 'username,age\nann,20\nbob,30,40\n"cho"x,20\ndan,50,,\neve\n')
    assert ages(found) == {"ann": 20, "dan": 50}
    assert [row[0] for row in refusals(found)] == [3, 4, 6]


def test_rows_that_a_stray_quote_swallowed_are_told(file: Path) -> None:
    found = read(file, 'username,age\nann,20\nbob,"30\ncho,40\n"dan",50\neve,60\n')
    assert ages(found) == {"ann": 20, "eve": 60}
    assert found.refused["line"].to_pylist() == [3]
    assert "up to line 5" in found.refused["reason"][0].as_py()


def test_a_spreadsheet_is_told_from_a_table(tmp_path: Path) -> None:
    (tmp_path / "labels.xlsx").write_bytes(b"PK\x03\x04")
    with pytest.raises(FileError, match="Save it as CSV UTF-8"):
        read_labels(tmp_path / "labels.xlsx", 21, YEAR)


def test_a_folder_or_a_missing_file_is_told_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="this is a folder"):
        read_labels(tmp_path, 21, YEAR)
    with pytest.raises(FileError, match=r"gone\.csv: cannot be read \(No such file"):
        read_labels(tmp_path / "gone.csv", 21, YEAR)


NAMES = st.from_regex(r"[a-z0-9_]{1,8}", fullmatch=True)


@given(
    st.dictionaries(NAMES, st.integers(MIN_AGE, MAX_AGE), min_size=1, max_size=30),
    st.integers(1, 120),
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from(["utf-8", "utf-8-sig", "cp949"]),
    st.booleans(),
    st.booleans(),
)
def test_every_label_that_was_written_comes_back(
    tmp_path_factory: pytest.TempPathFactory,
    people: dict[str, int],
    cutoff: int,
    separator: str,
    encoding: str,
    by_year: bool,
    at_sign: bool,
) -> None:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator, lineterminator="\r\n")
    writer.writerow(["user.name", "메모 또는 비고", "birth_year" if by_year else "labeled age"])
    for name, age in people.items():
        said = YEAR - age if by_year else age
        writer.writerow([f"@{name.upper()}" if at_sign else name, f'줄\n"인용" {separator} 끝', said])
    path = tmp_path_factory.mktemp("labels") / "labels.csv"
    path.write_bytes(text.getvalue().encode(encoding))
    found = read_labels(path, cutoff, YEAR)
    assert ages(found) == people
    assert found.table["label"].to_pylist() == [int(age >= cutoff) for age in people.values()]
    assert not found.refused.num_rows


@given(st.binary(max_size=300) | st.text(st.sampled_from('username,ag;\t"\n\r@1920 지'), max_size=200).map(str.encode))
def test_no_bytes_raise_anything_but_an_error_with_a_remedy(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.mktemp("labels") / "labels.csv"
    path.write_bytes(b"username,age\n" + content)
    try:
        found = read_labels(path, 21, YEAR)
    except FileError as error:
        said = [error.remedy]
    else:
        said = [*found.table["username"].to_pylist(), *found.refused["reason"].to_pylist()]
    assert all(said)
