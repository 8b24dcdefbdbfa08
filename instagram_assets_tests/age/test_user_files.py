"""Each user's file is read whatever wrote it, and a bad one keeps nobody else waiting."""

import csv
import gzip
import json
import lzma
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instagram_assets.age.user_texts import normalised_text, scan_user_folder, texts_of_folder
from instagram_assets.errors import FileError
from instagram_assets_tests.conftest import post
from instagram_assets_tests.ingest.archive_helper import NAME, archived, record, written
from instagram_assets_tests.ingest.formats import writers
from instagram_assets_tests.ingest.formats.tables import as_csv, as_xlsx, rows
from instagram_assets_tests.ingest.formats.writers import ALBUM


def texts(folder: Path, *usernames: str) -> dict[str, list[str]]:
    table = texts_of_folder(folder, usernames or None)
    return dict(zip(table["username"].to_pylist(), table["texts"].to_pylist(), strict=True))


def reasons(folder: Path, *usernames: str) -> dict[str, str | None]:
    table = texts_of_folder(folder, usernames or None)
    return dict(zip(table["username"].to_pylist(), table["reason"].to_pylist(), strict=True))


def collected(*captions: str | None) -> dict[str, Any]:
    """A user's file as the collector of the source wrote it."""
    edges = [
        {
            "node": {
                "id": str(number),
                "is_video": False,
                "shortcode": f"C{number}",
                "edge_media_to_caption": {"edges": [] if caption is None else [{"node": {"text": caption}}]},
            }
        }
        for number, caption in enumerate(captions)
    ]
    page = {"has_next_page": False, "end_cursor": None}
    return {"edge_owner_to_timeline_media": {"count": len(edges), "page_info": page, "edges": edges}}


def write(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")


def test_files_of_the_source_are_read(tmp_path: Path) -> None:
    write(tmp_path / "ann.json", collected("first", None, "second 😀"))
    (tmp_path / "@Bob.csv").write_text(',id,text\n0,1,"one, two"\n1,2,\n2,3,"three\nlines"\n', encoding="utf-8")
    assert texts(tmp_path) == {"ann": ["first", "second 😀"], "bob": ["one, two", "three\nlines"]}
    assert texts_of_folder(tmp_path)["left_out"].to_pylist() == [1, 1]


def test_nodes_that_lost_even_their_shortcode_are_read(tmp_path: Path) -> None:
    content = collected("first", "second")
    for edge in content["edge_owner_to_timeline_media"]["edges"]:
        del edge["node"]["shortcode"]
    write(tmp_path / "ann.json", content)
    assert texts(tmp_path) == {"ann": ["first", "second"]}


@pytest.mark.parametrize(
    "content",
    [
        ["one", "", "two"],
        {"texts": ["one", "two"]},
        {"captions": [{"text": "one"}, {"caption": "two"}]},
        [{"text": "one", "id": 1}, {"text": "two"}],
        [post(1, "ann", caption="one"), post(2, "ann", caption="two")],
        {"data": [post(1, "ann", caption="one"), post(2, "ann", caption="two")]},
        {
            "items": [
                {"pk": 1, "code": "A", "caption": {"text": "one"}},
                {"pk": 2, "code": "B", "caption": {"text": "two"}},
            ]
        },
        {"data": {"user": {"username": "ann"} | collected("one", "two")}},
        [collected("one"), collected("two")],
    ],
)
def test_texts_and_posts_of_every_known_form_are_read(tmp_path: Path, content: object) -> None:
    write(tmp_path / "ann.json", content)
    assert texts(tmp_path) == {"ann": ["one", "two"]}


def test_posts_that_others_wrote_do_not_count(tmp_path: Path) -> None:
    by_bob = post(2, "ann", caption="of bob", ownerUsername="Bob")
    write(tmp_path / "ann.json", [post(1, "ann", caption="mine"), by_bob])
    write(tmp_path / "cho.json", [by_bob])
    assert texts(tmp_path) == {"ann": ["mine"], "cho": []}
    assert reasons(tmp_path)["cho"] == "all of its 1 posts are by others"


def test_a_file_that_cannot_be_read_is_its_users_reason_and_nobody_elses(tmp_path: Path) -> None:
    write(tmp_path / "ann.json", ["fine"])
    (tmp_path / "bob.json").write_text('["cut off', encoding="utf-8")
    (tmp_path / "cho.json").write_text("<html>Log in</html>", encoding="utf-8")
    (tmp_path / "dan.csv").write_text("id,likes\n1,2\n", encoding="utf-8")
    (tmp_path / "eve.json").write_text("", encoding="utf-8")
    write(tmp_path / "fay.json", [{"likes": 3}, 7])
    (tmp_path / "gus.json").mkdir()
    write(tmp_path / "jon.json", [1, 2, None])
    write(tmp_path / "hal.json", [{"error": "not_found", "url": "https://www.instagram.com/hal/"}])
    (tmp_path / "ivy.csv").write_text('text\n"never closed\n', encoding="utf-8")
    found = reasons(tmp_path)
    assert texts(tmp_path)["ann"] == ["fine"]
    assert found.pop("ann") is None
    assert sorted(found) == ["bob", "cho", "dan", "eve", "fay", "gus", "hal", "ivy", "jon"]
    for name, said in (
        ("bob", "line 1"),
        ("cho", "a web page (HTML)"),
        ("dan", "no column `text` (found: id, likes)"),
        ("eve", "the file is empty"),
        ("fay", "is no post, reel or profile that we know (its keys: 'likes')"),
        ("gus", "this is a folder"),
        ("hal", "source_error"),
        ("ivy", "line 2: a quote is opened here"),
        ("jon", "record 1: number instead of an object. None of this file can be used: give texts or posts"),
    ):
        assert str(tmp_path / name) in str(found[name])
        assert said in str(found[name])


def test_a_bad_record_never_takes_the_good_ones_along(tmp_path: Path) -> None:
    (tmp_path / "ann.csv").write_text('id,text\n1,one\n2,a,b,c\n3,"x"y\n4,two\n', encoding="utf-8")
    write(tmp_path / "bob.json", ["one", 7, None, {"likes": 3}, ["x"], "two"])
    assert texts(tmp_path) == {"ann": ["one", "two"], "bob": ["one", "two"]}
    assert texts_of_folder(tmp_path)["left_out"].to_pylist() == [2, 4]
    assert set(reasons(tmp_path).values()) == {None}


def test_one_column_of_texts_may_hold_any_separator(tmp_path: Path) -> None:
    (tmp_path / "ann.csv").write_text("\ufefftext\r\nhello, world; how | are\tyou\r\n그래, 응\r\n", encoding="utf-8")
    assert texts(tmp_path) == {"ann": ["hello, world; how | are\tyou", "그래, 응"]}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949"])
def test_a_table_that_a_korean_spreadsheet_saved_is_read(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "ann.csv").write_bytes("날짜\ttext\n오늘\t오늘은 산책\n".encode(encoding))
    assert texts(tmp_path) == {"ann": ["오늘은 산책"]}


def test_packed_files_and_both_kinds_of_one_user_are_joined(tmp_path: Path) -> None:
    (tmp_path / "Ann.json.gz").write_bytes(gzip.compress(b'["from json"]'))
    (tmp_path / "@ann.csv").write_text("text\nfrom csv\n", encoding="utf-8")
    (tmp_path / ".ann.csv").write_text("text\nhidden\n", encoding="utf-8")
    (tmp_path / "notes.txt").write_text("text", encoding="utf-8")
    assert texts(tmp_path) == {"ann": ["from csv", "from json"]}


def test_users_without_a_file_have_a_row_that_says_so(tmp_path: Path) -> None:
    write(tmp_path / "ann.json", ["one"])
    assert reasons(tmp_path, "bob", "ann") == {"bob": "there is no file of this user", "ann": None}


def test_posts_that_have_files_of_their_own_are_gathered_by_their_owner(tmp_path: Path) -> None:
    for number, owner in enumerate(["sun_diary", "moon.cafe", "sun_diary"]):
        seen = ALBUM._replace(number=ALBUM.number + number, owner=owner, caption=f"post {number}")
        name = f"2023-05-0{number + 1}_10-00-00_UTC.json.xz"
        (tmp_path / name).write_bytes(lzma.compress(json.dumps(writers.instaloader(seen)).encode()))
    by_code = ALBUM._replace(owner="Sun_Diary", caption="named by its code")
    write(tmp_path / f"{by_code.code}.json", writers.instaloader(by_code))
    write(
        tmp_path / "sun_diary_1001.json", {"node": {"username": "sun_diary"}, "instaloader": {"node_type": "Profile"}}
    )
    write(tmp_path / "3697661021377407101.jpg.json", writers.gallery_dl(ALBUM._replace(owner="star"))[0])
    write(tmp_path / "sun_diary.json", ["from a file of the user"])
    for other in ("a.jpg", "a.txt", "b.txt"):
        (tmp_path / other).write_bytes(b"x")
    (tmp_path / "more").mkdir()
    found = scan_user_folder(tmp_path)
    assert {user.username: user.texts for user in found.users()} == {
        "moon.cafe": ["post 1"],
        "star": [ALBUM.caption],
        "sun_diary": ["post 0", "post 2", "named by its code", "from a file of the user"],
    }
    assert found.passed == {".jpg": 1, ".txt": 2, "folder": 1}
    assert reasons(tmp_path, "star", "gone") == {"star": None, "gone": "there is no file of this user"}


@pytest.mark.parametrize("name", ["dataset_instagram-post-scraper.json", "posts of may.csv", "posts-2.xlsx"])
def test_posts_of_many_accounts_in_one_file_are_gathered_by_their_owner(name: str, tmp_path: Path) -> None:
    records = [writers.apify(ALBUM._replace(owner=owner, caption=f"by {owner}")) for owner in ("ann", "bob", "ann")]
    contents = {".json": json.dumps(records).encode(), ".csv": as_csv(records), ".xlsx": as_xlsx(rows(records))}
    (tmp_path / name).write_bytes(contents[Path(name).suffix])
    assert texts(tmp_path) == {"ann": ["by ann", "by ann"], "bob": ["by bob"]}


def test_posts_of_a_persons_own_archive_are_its_owners(tmp_path: Path) -> None:
    both = [archived(1), archived(2)]
    content = json.loads(written([record(one) for one in both]))
    for folder, name in ((tmp_path / NAME, "posts_1.json"), (tmp_path / "named", "moon_diary.json")):
        folder.mkdir()
        write(folder / name, content)
    assert texts(tmp_path / NAME) == {"sun_diary": [one.caption for one in both]}
    assert texts(tmp_path / "named") == {"moon_diary": [one.caption for one in both]}


def test_a_file_that_says_no_owner_is_of_whom_it_is_named_after(tmp_path: Path) -> None:
    write(tmp_path / "person-001.json", ["one"])
    (tmp_path / "person-002.csv").write_text("id,text\n1,two\n", encoding="utf-8")
    (tmp_path / "person-003.json").write_text("[", encoding="utf-8")
    assert texts(tmp_path) == {"person-001": ["one"], "person-002": ["two"], "person-003": []}
    assert "ends in the middle" in str(reasons(tmp_path)["person-003"])


def test_a_folder_without_user_files_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"no CSV or JSON file in it\. Put a file such as name\.json"):
        texts_of_folder(tmp_path)
    (tmp_path / "ann.txt").write_text("text", encoding="utf-8")
    with pytest.raises(FileError, match=r"no CSV or JSON file in it; 1 passed over \(1 \.txt\)\."):
        texts_of_folder(tmp_path)
    with pytest.raises(FileError, match="is no folder"):
        texts_of_folder(tmp_path / "gone")


@pytest.mark.parametrize("kind", ["csv", "json", "posts"])
def test_a_hundred_thousand_posts_of_one_user_are_all_there(tmp_path: Path, kind: str) -> None:
    captions = [f"post {number}, 오늘" for number in range(100_000)]
    if kind == "csv":
        lines = (f'{number},"{caption}"\n' for number, caption in enumerate(captions))
        (tmp_path / "ann.csv").write_text("id,text\n" + "".join(lines), encoding="utf-8")
    else:
        write(tmp_path / "ann.json", captions if kind == "json" else collected(*captions))
    assert texts(tmp_path)["ann"] == captions


@given(
    st.lists(st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1), min_size=1, max_size=20),
    st.sampled_from([",", ";", "\t", "|"]),
    st.booleans(),
)
def test_every_text_that_was_written_comes_back(
    tmp_path_factory: pytest.TempPathFactory, captions: list[str], separator: str, alone: bool
) -> None:
    folder = tmp_path_factory.mktemp("users")
    with open(folder / "ann.csv", "w", encoding="utf-8", newline="") as stream:
        rows = [["text"], *([caption] for caption in captions)]
        numbered = rows if alone else [[str(number), *row] for number, row in enumerate(rows)]
        csv.writer(stream, delimiter=separator).writerows(numbered)
    write(folder / "bob.json", captions)
    wanted = [text for caption in captions if (text := normalised_text(caption))]
    assert texts(folder) == {"ann": wanted, "bob": wanted}


def test_a_very_long_caption_is_kept_whole(tmp_path: Path) -> None:
    long = "가나다 " * 60_000
    write(tmp_path / "ann.json", [long])
    (tmp_path / "bob.csv").write_text(f"id,text\n1,{long}\n", encoding="utf-8")
    assert texts(tmp_path) == {"ann": [long.strip()], "bob": [long.strip()]}
