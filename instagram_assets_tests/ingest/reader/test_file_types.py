"""A file that is no export is named as what it is, with what to do, and nothing is guessed of it."""

import gzip
import io
import json
import pickle
import sqlite3
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from instagram_assets.errors import FileError
from instagram_assets.ingest.inbox import land_files
from instagram_assets.ingest.reader.json_values import BadRecord
from instagram_assets.ingest.reader.record_reader import read_records
from instagram_assets.settings import load_settings
from instagram_assets.storage.lake import open_lake
from instagram_assets_tests.ingest.formats.tables import as_csv, as_xlsx, rows
from instagram_assets_tests.ingest.records import LIMITS, post, write


def picture(kind: str) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(stream, kind)
    return stream.getvalue()


def zipped(*members: tuple[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in members:
            archive.writestr(name, data)
    return stream.getvalue()


def tarred() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("posts.json"))
    return stream.getvalue()


def database(folder: Path) -> bytes:
    connection = sqlite3.connect(folder / "posts.db")
    connection.execute("create table posts (id)")
    connection.close()
    return (folder / "posts.db").read_bytes()


def parquet(folder: Path) -> bytes:
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"id": ["1"]}), folder / "posts.parquet")
    return (folder / "posts.parquet").read_bytes()


def ftyp(brand: bytes) -> bytes:
    return b"\0\0\0\x18ftyp" + brand + b"\0\0\0\0isommp42" + bytes(100)


HTML = "<!DOCTYPE html>\n<!-- saved from url=(0026)https://www.instagram.com/ -->\n<html><body>오늘</body></html>"
MHTML = (
    "From: <Saved by Blink>\r\nSnapshot-Content-Location: https://www.instagram.com/\r\nMIME-Version: 1.0\r\n\r\n<html>"
)
MAIL = (
    'Date: today\r\nSubject: x\r\nMIME-Version: 1.0\r\nContent-Type: multipart/related;\r\n\ttype="text/html"\r\n\r\n'
)

KINDS: dict[str, tuple[str | bytes | Callable[[Path], bytes], str, str]] = {
    "jpeg": (picture("JPEG"), "a picture (JPEG)", "the JSON file that the collector wrote beside it"),
    "png": (picture("PNG"), "a picture (PNG)", "the JSON file"),
    "webp": (picture("WEBP"), "a picture (WebP)", "the JSON file"),
    "gif": (picture("GIF"), "a picture (GIF)", "the JSON file"),
    "bmp": (picture("BMP"), "a picture (BMP)", "the JSON file"),
    "tiff": (picture("TIFF"), "a picture (TIFF)", "the JSON file"),
    "heic": (ftyp(b"heic"), "a picture (HEIC)", "the JSON file"),
    "mp4": (ftyp(b"isom"), "a video (MP4)", "the JSON file"),
    "webm": (b"\x1aE\xdf\xa3" + bytes(50), "a video (WebM or Matroska)", "the JSON file"),
    "caption": ("오늘의 커피 ☕ #카페", "plain text", "Give the JSON, CSV or XLSX"),
    "caption-of-a-year": ("2025, a good year\nfor coffee", "plain text", "Give the JSON"),
    "caption-in-quotes": ('"To be" or "not"', "plain text", "Give the JSON"),
    "a-quote-without-end": ('"' + "a,b " * 100_000, "plain text", "Give the JSON"),
    "caption-in-korean-code": ("안녕하세요 여러분".encode("cp949"), "plain text", "Give the JSON"),
    "page": (HTML, "a web page (HTML)", "take JSON"),
    "packed-page": (gzip.compress(HTML.encode()), "a web page (HTML)", "take JSON"),
    "saved-page": (MHTML, "a saved web page (MHTML)", "take JSON"),
    "saved-page-of-another-browser": (MAIL, "a saved web page (MHTML)", "take JSON"),
    "xml": ('<?xml version="1.0"?>\n<posts/>', "an XML file", "Give the export itself"),
    "svg": ("<svg xmlns='http://www.w3.org/2000/svg'/>", "an SVG file", "Give the export itself"),
    "pdf": ("%PDF-1.7\n%âãÏÓ", "a PDF document", "Give the export itself"),
    "script": ("window.posts = [{}];", "a script", "from its first [ or {"),
    "callback": ('handle({"items": []});', "a script", "from its first [ or {"),
    "sqlite": (database, "an SQLite database", "as JSON or CSV"),
    "parquet": (parquet, "a Parquet file", "DataFrame.to_json"),
    "pickle": (pickle.dumps([post()]), "a pickle of Python, which is never opened", "DataFrame.to_json"),
    "xls": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504), "an old Office, such as XLS", "XLSX or as CSV"),
    "docx": (zipped(("[Content_Types].xml", b""), ("word/document.xml", b"")), "an Office document", "XLSX or as CSV"),
    "ods": (
        zipped(("mimetype", b"application/vnd.oasis.opendocument.spreadsheet")),
        "an OpenDocument, such as ODS",
        "XLSX or as CSV",
    ),
    "tar": (tarred(), "packed with tar", "Unpack it first"),
    "rar": (b"Rar!\x1a\x07\x01\x00" + bytes(50), "packed with RAR", "Unpack it first"),
    "finder": (b"\0\0\0\1Bud1" + bytes(50), "a note of the macOS Finder", "Give the export itself"),
    "macos": (b"\0\5\x16\7\0\2\0\0Mac OS X" + bytes(50), "what macOS keeps beside a file", "without ._"),
    "unknown": (bytes(range(256)), "data of a kind that we do not know", "Give the export itself"),
    "unknown-without-zeros": (b"\x07\x93\x82\xff" * 40, "data of a kind that we do not know", "Give the export itself"),
    "python": (str([post(caption=None)]), "line 1, column 3: this is in Python's notation, not JSON", "json.dump"),
    "python-lines": (f"{post()}\n{post()}\n", "line 1, column 2: this is in Python's notation", "json.dump"),
    "python-constants": ('{"a": None}', "line 1, column 7: this is in Python's notation", "json.dump"),
    "short-python": ("{'a':1}", "line 1, column 2: this is in Python's notation", "json.dump"),
    "other-table": (
        "name;price\nbread;3\n",
        "a table without a column that we know (its columns: name, price)",
        "names",
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_of_another_kind_is_named_with_what_to_do(kind: str, tmp_path: Path) -> None:
    content, name, remedy = KINDS[kind]
    path = write(tmp_path, content(tmp_path) if callable(content) else content, "posts.json")
    with pytest.raises(FileError) as caught:
        list(read_records(path, LIMITS))
    said = str(caught.value)
    assert name in said
    assert remedy in said
    assert said.startswith(str(path))
    assert "INGEST__ENCODING" not in said


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be", "utf-16", "utf-32"])
def test_an_encoding_is_guessed_of_text_alone(encoding: str, tmp_path: Path) -> None:
    path = write(tmp_path, json.dumps([post()], ensure_ascii=False).encode(encoding))
    with pytest.raises(FileError, match=rf"INGEST__ENCODING={encoding}"):
        list(read_records(path, LIMITS))


def test_a_table_may_begin_like_a_picture_or_a_sound(tmp_path: Path) -> None:
    for name in ("BM", "ID3"):
        path = write(tmp_path, f"{name},id,shortCode,timestamp\nx,1,A,2\n")
        assert [record for _, record in read_records(path, LIMITS)] == [
            {name: "x", "id": "1", "shortCode": "A", "timestamp": "2"}
        ]


STARTS = [
    *(content for content, _, _ in KINDS.values() if isinstance(content, bytes)),
    *(content.encode() for content, _, _ in KINDS.values() if isinstance(content, str)),
    *(as_csv([post()]), as_xlsx(rows([post()])), json.dumps([post()]).encode()),
]


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_any_bytes_behind_any_beginning_give_records_or_a_clear_error(data: Any) -> None:
    start = data.draw(st.sampled_from(STARTS))
    content = start[: data.draw(st.integers(0, len(start)))] + data.draw(st.binary(max_size=100))
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder), content)
        try:
            found = list(read_records(path, LIMITS))
        except FileError as refused:
            found, named = [], refused.file
        else:
            named = str(path)
    assert named == str(path)
    assert all(isinstance(record, dict | BadRecord) for _, record in found)


def test_files_of_every_kind_are_rejected_and_no_program_fails(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    contents = [content for content, _, _ in KINDS.values() if isinstance(content, str | bytes)]
    for number, content in enumerate([*contents, as_csv([post()])]):
        write(inbox, content, f"{number:02}.json")
    chosen = load_settings(data_dir=tmp_path, start_day=date(2015, 1, 1))
    landed = land_files([], open_lake(chosen), chosen)
    assert len(landed.rejected) == len(contents)
    assert landed.left == []
    assert [file.posts for file in landed.landed] == [1]
    assert not [error for error in landed.rejected if "our program failed" in str(error)]
