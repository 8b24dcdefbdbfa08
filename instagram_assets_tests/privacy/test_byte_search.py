"""What was planted anywhere, in any form, is found; what only looks like it is not."""

import base64
import bz2
import gzip
import io
import json
import lzma
import os
import sqlite3
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from instagram_assets.privacy.byte_patterns import BytePatterns
from instagram_assets.privacy.byte_search import search_bytes, search_folders
from instagram_assets.schemas import POSTS_RAW
from instagram_assets.storage.parquet_files import to_bytes

NAME, DOTTED, POST, CODE, SHA = "sun_diary", "_mo.on", "3141592653589793238", "CuT_-shortc", "ab12" * 16
WORDS = [NAME, DOTTED, POST, CODE, SHA]
NEEDLES = BytePatterns([NAME, DOTTED, "#육아일기"], [POST, CODE, SHA, "4455"])

FORMS: dict[str, Callable[[str], bytes]] = {
    "plain": lambda word: f"x @{word}! y".encode(),
    "upper case": lambda word: f"x @{word if word in (POST, CODE, SHA) else word.upper()}! y".encode(),
    "utf-16-le": lambda word: f"가 @{word} 나".encode("utf-16-le"),
    "utf-16-be": lambda word: f"가 @{word} 나".encode("utf-16-be"),
    "utf-16 at an odd place": lambda word: b"x" + f"가 {word} 나".encode("utf-16-le"),
    "JSON": lambda word: json.dumps({"by": f"\n{word}\t"}).encode(),
    "JSON escapes": lambda word: "".join(f"\\u{ord(letter):04X}" for letter in word).encode(),
    "percent": lambda word: f"a/{quote(f'@{word}', safe='')}/b".encode(),
    "all percent": lambda word: "".join(f"%{ord(each):02x}" if not each.isalnum() else each for each in word).encode(),
    "folder name": lambda word: (f"%5F{word[1:]}" if word[0] == "_" else word).encode(),
    "base64": lambda word: base64.b64encode(f"@{word}:".encode()),
    "base64, one further": lambda word: base64.b64encode(f"a@{word}:".encode()),
    "base64, two further": lambda word: base64.b64encode(f"ab@{word}:".encode()),
    "base64url": lambda word: base64.urlsafe_b64encode(f">?>?@{word}>?".encode()),
}


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("form", FORMS)
def test_each_form_is_found(word: str, form: str) -> None:
    assert search_bytes(FORMS[form](word), NEEDLES)
    assert search_bytes(b"\n" * 1000 + FORMS[form](word) + b"\n" * 1000, NEEDLES)


@pytest.mark.parametrize(
    "text",
    [
        "sun_diary2 xsun_diary sun_diary.b a.sun_diary sun_diaryy",
        f"1{POST} {POST}1 a{POST}",
        f"{CODE}x {CODE[:-1]}",
        f"{SHA}0 {SHA[1:]}",
        "#육아일기 14455 44556",
        base64.b64encode(b"xsun_diary2").decode(),
        base64.b64encode(f"a{POST}1".encode()).decode(),
    ],
)
def test_longer_words_are_others(text: str) -> None:
    assert not search_bytes(text.encode(), NEEDLES)
    assert not search_bytes(text.encode("utf-16-le"), NEEDLES)


def _parquet(word: str) -> bytes:
    row: dict[str, object] = {"account": "bob", "media": [{"url": f"https://example.org/{word}"}]}
    return to_bytes(POSTS_RAW.table([row] * 300))


def _metadata(word: str) -> bytes:
    stream = io.BytesIO()
    table = pa.table({"a": [1]}).replace_schema_metadata({"who": word})
    pq.write_table(table, stream, compression="zstd")
    return stream.getvalue()


def _tar(word: str) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        member = tarfile.TarInfo("a.json.gz")
        body = gzip.compress(f'"{word}"'.encode())
        member.size = len(body)
        archive.addfile(member, io.BytesIO(body))
    return stream.getvalue()


def _zip(name: str, body: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, body)
    return stream.getvalue()


PACKED: dict[str, Callable[[str], bytes]] = {
    "a column of Parquet": _parquet,
    "the metadata of Parquet": _metadata,
    "gzip": lambda word: gzip.compress(f'"{word}"'.encode() + os.urandom(10)),
    "xz": lambda word: lzma.compress(f'"{word}"'.encode()),
    "a member of a zip": lambda word: _zip("a.txt", f'"{word}"'.encode()),
    "the name of a member of a zip": lambda word: _zip(f"posts/{word}/a.txt", b""),
    "a tar of gzip": _tar,
    "a Parquet file in a zip in a zip": lambda word: _zip("b.zip", _zip("c.parquet", _parquet(word))),
}


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("packing", PACKED)
def test_it_is_found_in_what_is_packed(word: str, packing: str) -> None:
    assert search_bytes(PACKED[packing](word), NEEDLES)
    assert not search_bytes(PACKED[packing]("nobody"), NEEDLES)


@pytest.mark.parametrize("word", WORDS)
def test_it_is_found_in_a_database(word: str, tmp_path: Path) -> None:
    """In a text, in a compressed value, and in a page that is free."""
    for number, value in enumerate([word, zlib.compress(f'{{"a": "{word}"}}'.encode() * 5)]):
        with closing(sqlite3.connect(tmp_path / f"{number}.sqlite")) as database:
            database.execute("CREATE TABLE said (id INTEGER, before TEXT, what TEXT)")
            database.execute("INSERT INTO said VALUES (1, 'neighbour', ?)", [value])
            database.commit()
    with closing(sqlite3.connect(tmp_path / "2.sqlite")) as database:
        database.execute("PRAGMA secure_delete = OFF")
        database.execute("CREATE TABLE said (what TEXT)")
        database.executemany("INSERT INTO said VALUES (?)", [[f"{'-' * 900}{word}{'-' * 900}"]] * 20)
        database.commit()
        database.execute("DELETE FROM said")
        database.commit()
    found = {Path(place.path).name for place in search_folders([tmp_path], NEEDLES).found}
    assert found == {"0.sqlite", "1.sqlite", "2.sqlite"}


def test_names_of_files_and_folders_are_looked_at(tmp_path: Path) -> None:
    (tmp_path / "%5Fmo.on").mkdir()
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / f"{NAME}.json").write_bytes(b"{}")
    (tmp_path / "b").write_bytes(b"{}")
    searched = search_folders([tmp_path], NEEDLES)
    assert {(Path(place.path).name, place.part) for place in searched.found} == {
        ("%5Fmo.on", "name"),
        (f"{NAME}.json", "name"),
    }
    assert searched.files == 2


def test_of_a_link_only_the_name_is_looked_at(tmp_path: Path) -> None:
    (tmp_path / "others").mkdir()
    (tmp_path / "others" / "note.txt").write_text(NAME)
    (tmp_path / "data").mkdir()
    for name in ("file", "folder", f"{NAME}.txt", NAME):
        to = tmp_path / "others" if "." not in name and name != "file" else tmp_path / "others" / "note.txt"
        (tmp_path / "data" / name).symlink_to(to)
    found = {Path(place.path).name for place in search_folders([tmp_path / "data"], NEEDLES).found}
    assert found == {f"{NAME}.txt", NAME}


def test_of_a_pipe_only_the_name_is_looked_at(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / NAME)
    (found,) = search_folders([tmp_path], NEEDLES).found
    assert found.part == "name"


@pytest.mark.parametrize(("local", "central", "value"), [(6, 8, 1), (8, 10, 99), (4, 6, 99)])
def test_a_zip_that_cannot_be_unpacked_ends_no_search(local: int, central: int, value: int) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("posts.json", "[]")
    content = bytearray(packed.getvalue())
    content[local] = content[content.find(b"PK\x01\x02") + central] = value
    assert not search_bytes(bytes(content), NEEDLES)
    assert search_bytes(bytes(content) + NAME.encode(), NEEDLES)


def test_it_is_found_across_the_pieces_of_a_long_file(tmp_path: Path) -> None:
    for before in range((8 << 20) - 25, (8 << 20) + 5, 6):
        path = tmp_path / "long.txt"
        path.write_bytes(b" " * before + POST.encode() + b" " * 100)
        assert search_folders([tmp_path], NEEDLES).found
        path.write_bytes(b" " * before + b"9" + POST.encode() + b" " * 100)
        assert not search_folders([tmp_path], NEEDLES).found


LONGER = f"x{NAME}", f"{NAME}2", f"{NAME}.more", f"more.{NAME}", f"{NAME}_", f"{NAME}.jpg2"
TEXTS = [form for name, form in FORMS.items() if name not in ("folder name", "upper case", "JSON escapes")]


@given(st.sampled_from(LONGER), st.integers(0, 20), st.integers(420, 500), st.sampled_from(TEXTS))
def test_a_longer_name_is_another_however_near_the_next_one_is(
    longer: str, before: int, between: int, form: Callable[[str], bytes]
) -> None:
    """What is looked at around a find ends somewhere in the next longer name, whose beginning is the word."""
    said = f"{'y' * before} {longer} {'z' * between} {longer} {'y' * between}"
    assert not search_bytes(form(said), NEEDLES)
    assert search_bytes(form(f"{said} {NAME} {longer}"), NEEDLES)


@pytest.mark.parametrize("longer", LONGER[:3])
@pytest.mark.parametrize("distance", [1024, 9])
def test_a_longer_name_is_another_also_where_a_long_file_is_parted(longer: str, distance: int, tmp_path: Path) -> None:
    path = tmp_path / "long.txt"
    for at in ((8 << 20) - distance, (8 << 20) - 2048 - len(longer) + distance % 20):
        path.write_bytes(b" " * at + longer.encode() + b" " * 3000)
        assert not search_folders([tmp_path], NEEDLES).found
        path.write_bytes(b" " * at + NAME.encode() + b" " * 3000)
        assert len(search_folders([tmp_path], NEEDLES).found) == 1


@given(st.binary(max_size=300), st.sampled_from(WORDS), st.binary(max_size=300))
def test_it_is_found_between_any_bytes(before: bytes, word: str, after: bytes) -> None:
    assert search_bytes(before + b" " + word.encode() + b" " + after, NEEDLES)


@given(st.binary(max_size=600))
def test_any_bytes_can_be_searched(data: bytes) -> None:
    assert not search_bytes(data, NEEDLES)
    for pack in (gzip.compress, bz2.compress, lzma.compress):
        assert not search_bytes(pack(data)[:-3], NEEDLES)
