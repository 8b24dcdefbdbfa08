"""A file of users is understood however it was saved, and each line that names nobody is told with its number."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instagram_assets.collect.account_list_file import NAME_COLUMNS, read_account_list
from instagram_assets.errors import FileError


def write(folder: Path, content: str | bytes) -> Path:
    path = folder / "users.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def names(folder: Path, content: str | bytes) -> tuple[str, ...]:
    return read_account_list(write(folder, content)).names


def refused(folder: Path, content: str | bytes) -> str:
    with pytest.raises(FileError) as caught:
        read_account_list(write(folder, content))
    return str(caught.value).removeprefix(f"{folder}/")


@pytest.mark.parametrize(
    "content",
    [
        "sun_diary\nsea.walks\n",
        "sun_diary\nsea.walks",
        "\ufeffsun_diary\r\nsea.walks\r\n",
        "sun_diary\rsea.walks\r",
        "\n\n  @Sun_Diary \n\n\tSEA.WALKS\n\n",
        "https://www.instagram.com/sun_diary/\ninstagram.com/Sea.Walks?hl=ko\n",
        "# whom we may ask\nsun_diary # since May\n#\n## later\n#----\n// and\nsea.walks  // too\n",
        '"sun_diary"\n"@sea.walks"\n',
        "sun_diary,,\nsea.walks,,\n",
        "username\nsun_diary\nsea.walks\n",
        "User Name;Followers\nsun_diary;1,200\nsea.walks;30\n",
        "name\tusername\nSunny 선\tsun_diary\nSea\tsea.walks\n",
        'id|profile_url|bio\n1|https://instagram.com/sun_diary|"| a ""diary""\n# no comment"\n\n2|@sea.walks|\n',
        "# a table\n\nusername,name\n# of May\nsun_diary,Sunny\n\n,\nsea.walks,\n",
        "아이디,비고\nsun_diary,친구\nsea.walks,\n".encode("cp949"),
        "username\tnote\nsun_diary\t친구\nsea.walks\t\n".encode("utf-16"),
        "username,note\nsun_diary,Jos\xe9\nsea.walks,\n".encode("latin-1"),
    ],
)
def test_the_same_two_users_however_they_are_written(tmp_path: Path, content: str | bytes) -> None:
    assert names(tmp_path, content) == ("sun_diary", "sea.walks")


def test_who_stands_twice_counts_once_and_is_told(tmp_path: Path) -> None:
    found = read_account_list(write(tmp_path, "sun_diary\nsea\n@SUN_DIARY\nhttps://instagram.com/sea/\n"))
    assert found.names == ("sun_diary", "sea")
    assert found.notes == (
        "line 3: sun_diary stands in line 1 already and counts once",
        "line 4: sea stands in line 2 already and counts once",
    )


def test_a_first_line_that_may_be_a_header_or_a_user_is_told(tmp_path: Path) -> None:
    found = read_account_list(write(tmp_path, "user\nsun_diary\n"))
    assert found.names == ("sun_diary",)
    assert found.notes == ("line 1: user is taken for the column's name; @user would be a user",)
    assert names(tmp_path, "@user\nsun_diary\n") == ("user", "sun_diary")
    assert names(tmp_path, "instagram\nsun_diary\n") == ("instagram", "sun_diary")


def test_every_line_that_names_nobody_is_told_with_its_number(tmp_path: Path) -> None:
    text = (
        "# mine\nsun_diary\nsun diary\n#육아일기\n\nhttps://www.instagram.com/p/C1/\n김지은\nsun@diary\nx\x1b[31m\n"
        + "a" * 31
    )
    first, *lines = refused(tmp_path, text).splitlines()
    assert first == "users.csv: 7 lines name no account. Mend what is wrong:"
    assert [line.partition(":")[0] for line in lines] == [
        "line 3, sun diary",
        "line 4, #육아일기",
        "line 6, https",
        "line 7, 김지은",
        "line 8, sun@diary",
        "line 9, x\ufffd[31m",
        "line 10, " + "a" * 31,
    ]
    assert "a comment begins with `# `, with a blank" in lines[1]


def test_rows_of_a_table_are_told_by_the_line_that_they_begin_in(tmp_path: Path) -> None:
    logged = refused(tmp_path, 'username,bio\nsun_diary,"a\nb"\n# c\n,"no\nname"\nsea walks,\n')
    assert logged.splitlines()[1:] == [
        'line 5, "": the column of the names is empty in this row',
        "line 7, sea walks: it holds a blank, which is in no account's name; give each account for itself.",
    ]


def test_of_many_faults_the_first_are_told_and_the_rest_counted(tmp_path: Path) -> None:
    logged = refused(tmp_path, "no name\n" * 1_000).splitlines()
    assert len(logged) == 12
    assert logged[-1] == "and 990 more."


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "users.csv: it names nobody. Give a text file with one name on each line"),
        ("# nobody\n\n", "it names nobody"),
        ("username\n", "it names nobody"),
        ("followers,city\n1,Seoul\n", "line 1: it has 2 columns, and no first line that calls one of them username"),
        ("sun_diary, sea_walks\n", "Write `username` above the column of the names."),
        ("sun_diary\nsea_walks,3\n", "line 2: it has 2 columns"),
        ('sun_diary\n\n"sea_walks\nmoon\n', "line 3: a quote is opened and not closed"),
        (b"PK\x03\x04\x14\0\6\0" + bytes(18) + b"\x13\0\0\0[Content_Types].xml" + bytes(600), "users.csv: this is "),
        (b"SQLite format 3\0" + bytes(100), "this is an SQLite database"),
        (bytes(300), "this is no text"),
    ],
)
def test_a_file_that_names_nobody_says_what_it_is_and_what_to_give(
    tmp_path: Path, content: str | bytes, words: str
) -> None:
    assert words in refused(tmp_path, content)


def test_a_file_that_is_not_there_and_a_folder_are_told(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"cannot be read \(No such file"):
        read_account_list(tmp_path / "users.csv")
    with pytest.raises(FileError, match="this is a folder"):
        read_account_list(tmp_path)


PAGES = ("p", "reel", "reels", "tv", "stories", "explore", "accounts", "direct", "s", "share")  # of no profile
NAME = st.from_regex(r"[a-z0-9_](\.?[a-z0-9_]){0,14}", fullmatch=True).filter(
    lambda name: name not in NAME_COLUMNS + PAGES
)
FORMS = st.sampled_from(
    ["{}", "@{}", " {} ", "https://www.instagram.com/{}/", "instagram.com/{}?igsh=x", '"{}"', '" @{}"', "{}  # a, b"]
)
BETWEEN = st.sampled_from(["", "\n", "# a comment, with a comma\n", "   \n", "#\n"])
END = st.sampled_from(["\n", "\r\n", "\r"])
ENCODING = st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp949"])


@given(st.lists(st.tuples(NAME, FORMS, BETWEEN, st.booleans()), min_size=1, max_size=8), END, ENCODING, st.booleans())
def test_names_come_back_in_their_order_whatever_stands_around_them(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[str, str, str, bool]],
    end: str,
    encoding: str,
    is_table: bool,
) -> None:
    shown = [(form.split("  #")[0] if is_table else form, name, between, big) for name, form, between, big in rows]
    lines = "".join(
        f"{between}{'7,' * is_table}{form.format(name.upper() if big else name)}{',친구' * is_table}\n"
        for form, name, between, big in shown
    )
    text = ("number,user_name,note\n" if is_table else "") + lines
    path = tmp_path_factory.getbasetemp() / "users.txt"
    path.write_bytes(text.replace("\n", end).encode(encoding))
    assert read_account_list(path).names == tuple(dict.fromkeys(name for name, *_ in rows))


@given(st.binary(max_size=300))
def test_any_bytes_are_names_or_an_error_in_words(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "anything.txt"
    path.write_bytes(content)
    try:
        found = read_account_list(path).names
    except FileError as error:
        logged = str(error)
    else:
        logged = "" if found else "nobody was named, and nothing was told"
    assert not logged or logged.startswith(str(path))
