"""A name or id of the lake is found in whatever form it stands in a file, and no whole name is told."""

import base64
import bz2
import gzip
import io
import json
import lzma
import os
import pickle
import random
import socket
import zipfile
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from instagram_assets.privacy.identifier_leaks import (
    IdentifierLeak,
    NamedFile,
    find_identifier_leaks,
    foreign_files,
    named_files,
)
from instagram_assets.privacy.lake_names import LakeNames, make_lake_names
from instagram_assets.privacy.pseudonyms import Pseudonymizer

NAME, POST_ID, SHORTCODE, OWNER_ID = "sun_diary", "3141592653589793238", "Cx-9_aBcDeF", "27182818284"
LAKE = make_lake_names([NAME, "video"], ["love", "sol.garden"], [POST_ID, SHORTCODE, OWNER_ID, "12345"])

TEXTS = {
    "a caption": '{"caption": "with @sun_diary"}',
    "a name without a sign": "id,caption\n1,by sun_diary",
    "of somebody who is mentioned": "with @love",
    "distinctive, without a sign": "sol.garden",
    "a file": "images/SUN_DIARY.jpg",
    "escaped": r'{"caption": "\u0040\u0073un_diary"}',
    "behind an escaped newline": r'"line\nsun_diary"',
    "percent, twice": "https://x.example/?next=%252Fsun%255Fdiary%252F",
    "percent, four times": "%2525255F".join(("sun", "diary")),
    "entities, twice": "&amp;#64;love and &amp;amp;#x40;love",
    "escaped, twice": r"{\\\"caption\\\": \\\"\\\\u0073un_diary\\\"}",
    "percent of an entity": "%26%2364%3Blove",
    "percent": "https://x.example/%40sun%5Fdiary",
    "base64": base64.b64encode(b"the account is sun_diary, or so").decode(),
    "base64 of a short name": base64.b64encode(NAME.encode()).decode(),
    "base64 of it in a path": f"https://x.example/img/{base64.b64encode(NAME.encode()).decode()}/small.jpg",
    "base64 of it behind a word": f"upload_{base64.b64encode(NAME.encode()).decode()}_final",
    "base64 of it glued to a word": f"park{base64.b64encode(NAME.encode()).decode()}",
    "base64 of it in a message": base64.b64encode(b"\x08\x01\x12\x09sun_diary\x18\xff\xfe\x99\x01").decode(),
    "base64 of it behind a sign": base64.b64encode(b"@" + NAME.encode()).decode(),
    "base64 of it behind two": base64.b64encode(b"=@" + NAME.encode()).decode(),
    "an entity": "&#64;love",
    "a small sign": "﹫love",
    "an unseen sign": "@\u200blove",
    "full-width letters": "ｓｕｎ_diary",
    "base64 of UTF-16": base64.b64encode("the account is sun_diary".encode("utf-16-le")).decode(),
    "a post": f'"id": "{POST_ID}"',
    "a shortcode": f"https://www.instagram.com/p/{SHORTCODE}/",
    "a short id, whole": '{"owner_id": "12345"}',
}
LONG = base64.b64encode(f"{'a note to all of you, ' * 5}and to sun_diary, too; {'well ' * 30}".encode()).decode()


@pytest.mark.parametrize("width", [30, 64, 76])
@pytest.mark.parametrize("between", ["\n", "\r\n", "\n  ", "\n> ", " \n"])
@pytest.mark.parametrize("form", ["text", "JSON", "CSV", "a column"])
def test_base64_that_is_broken_over_lines_is_read(tmp_path: Path, width: int, between: str, form: str) -> None:
    broken = between.join(LONG[at : at + width] for at in range(0, len(LONG), width))
    if form == "a column":
        pq.write_table(pa.table({"caption": ["그림", f"see {broken}", "놀이"]}), tmp_path / "posts.parquet")
    else:
        forms = {
            "text": f"first\n\n{broken}\nlast",
            "JSON": json.dumps([{"caption": broken}]),
            "CSV": f'1,"{broken}"\r\n',
        }
        (tmp_path / "post").write_text(forms[form], newline="")
    assert [found.what for found in _found(tmp_path)] == ["the name sun…"]
    told = Pseudonymizer(bytes(32), LAKE.alone, LAKE.ids).text(f"그림\n{broken}\n그림")
    assert told.startswith("그림\n")
    assert "[link]" in told
    assert not find_identifier_leaks([NamedFile("a.txt", partial(io.BytesIO, told.encode()))], LAKE)


def test_base64_of_wide_letters_that_is_broken_over_lines_is_read(tmp_path: Path) -> None:
    for before in range(3):
        coded = base64.encodebytes(b"x" * before + f"the account is {NAME}, {'and so on ' * 9}".encode("utf-16-le"))
        (tmp_path / "mail.txt").write_bytes(coded)
        assert _found(tmp_path)


def test_lines_of_ids_and_hashes_are_no_base64(tmp_path: Path) -> None:
    dice = random.Random(7)
    names = make_lake_names(["".join(dice.choices("abcdefghijklmnopqrstuvwxyz_", k=4)) for _ in range(500)])

    def coded(data: bytes) -> str:
        return base64.b64encode(data, altchars=b"xy").decode().rstrip("=")  # of other signs words would begin

    lines = [
        *(f"person_{dice.getrandbits(64):016x}" for _ in range(3000)),
        *(coded(dice.randbytes(8)) for _ in range(3000)),
        *(dice.randbytes(32).hex() for _ in range(3000)),
        *(str(3_000_000_000_000_000_000 + dice.getrandbits(60)) for _ in range(3000)),
        *(coded(dice.randbytes(57)) for _ in range(6000)),
    ]
    (tmp_path / "ids.txt").write_text("\n".join(lines))
    assert not find_identifier_leaks(named_files([tmp_path]), names)


FREE = [
    '{"account": "person_0123456789abcdef", "type": "video", "likes": 12345, "caption": "I love you"}',
    "sun_diary_2 xsun_diary 31415926535897932389 cx-9_abcdef",
]


@pytest.mark.parametrize("what", TEXTS)
def test_it_is_found_in_a_text(tmp_path: Path, what: str) -> None:
    (tmp_path / "post.csv").write_text(f"first\n{TEXTS[what]}\n", encoding="utf-8")
    (found, *_) = _found(tmp_path)
    assert found.file == f"{tmp_path.name}/post.csv"
    assert _tells_no_name(found)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp949"])
def test_in_every_encoding(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "post.json").write_bytes(f"오늘도 @{NAME} 님".encode(encoding))
    assert _found(tmp_path)


@pytest.mark.parametrize("what", [each for each in TEXTS if "base64" in each or "percent" in each or "ent" in each])
@pytest.mark.parametrize("form", ["text", "JSON lines", "JSON, escaped"])
def test_with_the_line_where_it_stands_in_disguise(tmp_path: Path, what: str, form: str) -> None:
    plain = ["xsun_diary, xlove %41 &#65; Z2FyZGVu sol.gardens"] * 3
    lines = [*plain, TEXTS[what], *plain]
    if form != "text":
        lines = [json.dumps({"caption": line}).replace("/", "\\/" if "escaped" in form else "/") for line in lines]
    (tmp_path / "posts").write_text("\n".join(lines), encoding="utf-8")
    assert {found.where for found in _found(tmp_path)} == {"line 4"}


def test_with_the_line_where_broken_base64_begins(tmp_path: Path) -> None:
    (tmp_path / "mail").write_text("first\n\n" + "\n".join(LONG[at : at + 8] for at in range(0, len(LONG), 8)))
    assert {found.where for found in _found(tmp_path)} == {"line 3"}


def test_with_the_line_where_it_stands(tmp_path: Path) -> None:
    lines = [json.dumps({"caption": "그림"})] * 100
    (tmp_path / "posts.json").write_text("\n".join([*lines, '{"caption": "@sun_diary"}', *lines]))
    (found,) = _found(tmp_path)
    assert str(found) == f"{tmp_path.name}/posts.json, line 101: the name sun…"


@pytest.mark.parametrize(
    "name",
    [
        *(
            "@sun_diary/part-0.parquet",
            f"{POST_ID}.jpg",
            "sun_diary.csv",
            "posts/SUN_diary/",
            "sun_diary/",
            "a/b/sol.garden/",
        ),
        *(
            "img_sun_diary.jpg",
            "posts_sun_diary_2025.json",
            "sun_diary_게시물.csv",
            "export_sun_diary/",
            "reels_Sun_Diary/1.jpg",
        ),
    ],
)
def test_in_the_name_of_a_file_or_folder_also_of_an_empty_one(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name.endswith("/"):
        path.mkdir(parents=True)
    else:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
    found = _found(tmp_path)
    assert {each.where for each in found} == {"its name"}
    assert all(map(_tells_no_name, found))


@pytest.mark.parametrize(
    "name", ["img_sun_diary_cafe.jpg", "xsun_diary/", "person_0123456789abcdef/", "posts_video.csv"]
)
def test_a_longer_name_of_a_file_or_folder_is_another(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    assert not _found(tmp_path)


def test_an_account_that_is_called_as_our_files_are_is_not_found_in_their_names(tmp_path: Path) -> None:
    (tmp_path / "merged_dataset_all_with_images.json").write_bytes(b"[]")
    assert not find_identifier_leaks(
        named_files([tmp_path]), make_lake_names(["all_with", "merged", "images", "with_images"])
    )


def test_what_a_link_to_a_folder_leads_to_is_not_read_and_told(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "more").symlink_to(tmp_path / "elsewhere")
    (found,) = _found(tmp_path / "out")
    assert str(found).startswith("out/more/, all of it: leads to another folder")


def test_what_lies_beside_an_export_is_searched_and_told_apart(tmp_path: Path) -> None:
    (tmp_path / "post.csv").write_text("id\n@sun_diary")
    (tmp_path / "notes.txt").write_text("first\n@sun_diary")
    (tmp_path / "old" / "sun_diary").mkdir(parents=True)
    (tmp_path / ".post.csv.host.1.0123456789abcdef0123456789abcdef.tmp").write_text("@sun_diary")
    found = find_identifier_leaks(foreign_files(tmp_path, {"post.csv"}), LAKE)
    assert list(map(str, found)) == [
        "notes.txt, not made by this export, line 2: the name sun…",
        "old/sun…/, not made by this export, its name: the name sun…",
    ]
    assert not list(foreign_files(tmp_path / "missing", ()))


@pytest.mark.parametrize(
    "table",
    [
        {"account": ["person_1", NAME]},
        {"mentions": [["a"], ["love", NAME]]},
        {"media": [[{"url": "archive://sun_diary/x.jpg"}]]},
        {"owner_id": ["12345"]},
        {"fixed": pa.array([[NAME]], pa.list_(pa.string(), 1))},
        {"fixed_bytes": pa.array([NAME.encode()], pa.binary(len(NAME)))},
        {"view": pa.array([NAME], pa.string_view())},
        {"raw": [b"\x00 sun_diary \x01"]},
        {"number": pa.array([1, int(POST_ID)], pa.int64())},
        {"unsigned": pa.array([None, int(POST_ID)], pa.uint64())},
        {"numbers": pa.array([[2], None, [int(POST_ID), 3]], pa.list_(pa.int64()))},
        {"inner": pa.array([{"id": int(POST_ID)}], pa.struct([("id", pa.int64())]))},
        {"decimal": pa.array([Decimal(POST_ID)], pa.decimal128(20, 0))},
        {"double": pa.array([float(OWNER_ID), None, float("inf")], pa.float64())},
    ],
)
def test_in_a_column_of_parquet_whatever_its_type(tmp_path: Path, table: dict[str, list[object]]) -> None:
    pq.write_table(pa.table(table), tmp_path / "part-0.parquet", compression="zstd")
    (found,) = _found(tmp_path)
    assert found.where == f"column {next(iter(table))}"
    assert _tells_no_name(found)


def test_short_numbers_of_parquet_are_no_ids(tmp_path: Path) -> None:
    types = [
        *(pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()),
        *(pa.float16(), pa.float32(), pa.float64(), pa.decimal128(5, 2), pa.decimal256(40, 1), pa.bool_()),
    ]
    columns = {str(kind): pa.array([None, 1], pa.int8()).cast(kind) for kind in types}
    pq.write_table(pa.table({**columns, "likes": [12345, 1], "seconds": [12345.0, None]}), tmp_path / "part-0.parquet")
    assert not _found(tmp_path)


def test_in_the_notes_of_parquet(tmp_path: Path) -> None:
    noted = pa.table({"likes": [1]}).replace_schema_metadata({"made of": "raw/sun_diary/2024.json"})
    pq.write_table(noted, tmp_path / "part-0.parquet")
    assert next(found.where for found in _found(tmp_path)) == "metadata of the file"


def test_in_packed_files(tmp_path: Path) -> None:
    (tmp_path / "a.json.gz").write_bytes(gzip.compress(b"@sun_diary"))
    (tmp_path / "b.json.xz").write_bytes(lzma.compress(b"@sun_diary"))
    with zipfile.ZipFile(tmp_path / "c.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("posts.json", "@sun_diary")
    with zipfile.ZipFile(tmp_path / "d.zip", "w") as archive:
        archive.writestr("sun_diary.json", "")
    with zipfile.ZipFile(tmp_path / "e.zip", "w") as archive:
        archive.mkdir("posts_sun_diary")
    (tmp_path / "f.json.bz2").write_bytes(bz2.compress(b"@sun_diary"))
    assert {Path(found.file).name[0] for found in _found(tmp_path)} == set("abcdef")


def test_in_the_bytes_of_a_picture(tmp_path: Path) -> None:
    (tmp_path / "img_0001.jpg").write_bytes(b"\xff\xd8\xff\xe1\0\0Exif by sun_diary \0\0")
    (found, *_) = _found(tmp_path)
    assert found.where == "its bytes"


def test_a_file_that_cannot_be_read_is_not_free(tmp_path: Path) -> None:
    (tmp_path / "part-0.parquet").write_bytes(b"PAR1 torn")
    (found,) = _found(tmp_path)
    assert "cannot be read" in found.what


def test_a_zip_with_a_password_is_not_free_and_its_members_are_not_named(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(_zip_with(flags=1))
    (found,) = _found(tmp_path)
    assert "has a member with a password" in found.what
    assert _tells_no_name(found)


@pytest.mark.parametrize("damage", [{"method": 99}, {"version": 99}, {"method": 99, "flags": 1}])
def test_a_zip_that_is_packed_in_an_unknown_way_is_not_free(tmp_path: Path, damage: dict[str, int]) -> None:
    (tmp_path / "a.zip").write_bytes(_zip_with(**damage))
    (found,) = _found(tmp_path)
    assert found.where == "all of it"
    assert _tells_no_name(found)


def test_a_file_that_may_not_be_opened_is_told_without_its_name(tmp_path: Path) -> None:
    def refused() -> BinaryIO:
        raise PermissionError(13, "Permission denied", f"/data/{NAME}/a.csv")

    (_, found) = find_identifier_leaks([NamedFile(f"{NAME}.csv", refused)], LAKE)
    assert str(found) == "sun….csv, all of it: cannot be read (Permission denied)"


def test_what_is_no_file_is_told_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "device").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.path.relpath(tmp_path / "socket"))
        found = [*_found(tmp_path), *find_identifier_leaks(named_files([tmp_path / "pipe"]), LAKE)]
    assert len(found) == 4
    assert {each.where for each in found} == {"all of it"}
    assert all("is no file" in each.what for each in found)


def _pickled() -> list[bytes]:
    return [pickle.dumps({"account": NAME}, protocol) for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1)]


def _arrow() -> list[bytes]:
    table = pa.table({"account": [NAME] * 100})
    file, stream = io.BytesIO(), io.BytesIO()
    with pa.ipc.new_file(file, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(table)
    with pa.ipc.new_stream(stream, table.schema) as writer:
        writer.write_table(table)
    return [file.getvalue(), stream.getvalue()]


def _numpy() -> bytes:
    kept = io.BytesIO()
    numpy.save(kept, numpy.array([NAME]))
    return kept.getvalue()


@pytest.mark.parametrize(
    "content",
    [*_pickled(), *_arrow(), _numpy(), pa.compress(b"@sun_diary", "zstd", asbytes=True), b"7z\xbc\xaf\x27\x1c"],
)
@pytest.mark.parametrize("packed", [bytes, gzip.compress])
def test_a_form_that_is_not_searched_is_not_free(
    tmp_path: Path, content: bytes, packed: Callable[[bytes], bytes]
) -> None:
    (tmp_path / "accounts").write_bytes(packed(content))
    (found,) = _found(tmp_path)
    assert "which is not searched" in found.what


@pytest.mark.parametrize("text", FREE)
def test_pseudonyms_words_of_our_own_and_longer_names_are_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "post.json").write_text(text)
    assert not _found(tmp_path)


def test_times_and_small_numbers_behind_an_at_are_nobody_though_a_lake_lists_them_as_mentions(tmp_path: Path) -> None:
    (tmp_path / "post.json").write_text("@10pm @7 만나요 3@2, at 10pm")
    assert not find_identifier_leaks(named_files([tmp_path]), make_lake_names([NAME], ["10pm", "7", "2"]))


def test_an_empty_lake_knows_nobody(tmp_path: Path) -> None:
    (tmp_path / "post.json").write_text("@sun_diary")
    assert not find_identifier_leaks(named_files([tmp_path]), LakeNames())


def _found(folder: Path) -> list[IdentifierLeak]:
    return find_identifier_leaks(named_files([folder]), LAKE)


def _zip_with(**damage: int) -> bytes:
    """A zip of one member, with other values in both of the places where its head says how it is to be read."""
    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w") as archive:
        archive.writestr("xsun_diary.json", "@sun_diary")
    content = bytearray(kept.getvalue())
    middle = content.find(b"PK\x01\x02")
    places = {"version": (4, 6), "flags": (6, 8), "method": (8, 10)}
    for what, value in damage.items():
        local, central = places[what]
        content[local] = content[middle + central] = value
    return bytes(content)


def _tells_no_name(found: IdentifierLeak) -> bool:
    return not any(word in str(found).casefold() for word in (NAME, POST_ID, SHORTCODE.casefold(), "sol.garden"))


_SIGNS = st.text(st.sampled_from("a1 @.\\%&;#n\n\"'/_-=+u006가＠\u200b﹫,(){}[]"), max_size=6)

_WRITTEN = [
    *(NAME, "sol.garden", "SUN_diary", "@love", "%73un_diary", "12345", POST_ID, SHORTCODE),
    *(f"kakao: {NAME}", f"{NAME}.kr", "%252573un_diary", "&amp;#64;love", "@10pm", "카톡 ID sol.garden"),
    *(base64.b64encode(said.encode()).decode() for said in (NAME, f"by {NAME}!", f"see {POST_ID} and more of it")),
    base64.b64encode(f"the account is {NAME}".encode("utf-16-le")).decode(),
]
_BROKEN = st.tuples(st.integers(4, 90), st.sampled_from(["\n", "\r\n", "\n ", " \n", "\n> "])).map(
    lambda width: width[1].join(LONG[at : at + width[0]] for at in range(0, len(LONG), width[0]))
)


@given(
    st.lists(
        st.tuples(_SIGNS, st.sampled_from(_WRITTEN) | _BROKEN),
        max_size=4,
    ),
    _SIGNS,
)
def test_what_was_taken_out_of_a_caption_is_not_found_in_it(parts: list[tuple[str, str]], end: str) -> None:
    told = Pseudonymizer(bytes(32), LAKE.alone, LAKE.ids).text("".join([*(a + b for a, b in parts), end]))
    cell = '"' + told.replace('"', '""') + '"'
    for content in (json.dumps({"caption": told}), json.dumps([told], ensure_ascii=False), f"a,b\n{cell},c\n"):
        assert not find_identifier_leaks([NamedFile("posts", partial(io.BytesIO, content.encode()))], LAKE)


@pytest.mark.parametrize(
    "caption",
    ["see sun_diary.Then", "100%sun_diary", "¯\\sol.garden", "\\u0073un_diary", "%73un_diary", "ｓｕｎ_diary"],
)
def test_a_name_that_is_written_oddly_is_taken_out(caption: str) -> None:
    told = Pseudonymizer(bytes(32), LAKE.alone, LAKE.ids).text(caption)
    assert told != caption
    assert not find_identifier_leaks([NamedFile("a.csv", partial(io.BytesIO, told.encode()))], LAKE)
