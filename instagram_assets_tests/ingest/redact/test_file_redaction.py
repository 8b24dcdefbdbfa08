"""A file without what is forgotten is the file that never had it; one that never had it is not written at all."""

import gzip
import json
import lzma
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from instagram_assets.ingest.redact.file_redaction import UNCHANGED, scrub_file
from instagram_assets.ingest.redact.redactor import GONE, scrub_json
from instagram_assets_tests.ingest.records import post, profile
from instagram_assets_tests.ingest.redact.accounts import (
    FORGOTTEN,
    PSEUDONYM,
    RAW,
    mentioning,
    moon_post,
    moon_profile,
    table,
)

Records = list[dict[str, Any]]
Write = Callable[[Records], bytes]


def lines(records: Records) -> bytes:
    return "".join(f"{json.dumps(record, ensure_ascii=False)}\r\n" for record in records).encode()


def by_column(records: Records) -> bytes:
    names = dict.fromkeys(name for record in records for name in record)
    labels = range(10, 10 + len(records))
    columns = {name: {str(n): r.get(name) for n, r in zip(labels, records, strict=True)} for name in names}
    return json.dumps(columns).encode()


def split(records: Records) -> bytes:
    names = list(dict.fromkeys(name for record in records for name in record))
    return json.dumps({"columns": names, "data": [[record.get(name) for name in names] for record in records]}).encode()


FORMS: dict[str, Write] = {
    "array": lambda records: json.dumps(records, indent=2).encode(),
    "array of one line": lambda records: json.dumps(records, ensure_ascii=False).encode(),
    "lines": lines,
    "wrapper": lambda records: json.dumps({"items": records, "more": False}, indent=1).encode(),
    "utf-16": lambda records: json.dumps(records, indent=1, ensure_ascii=False).encode("utf-16"),
    "cp949": lambda records: json.dumps(records, indent=1, ensure_ascii=False).encode("cp949"),
    "byte order mark": lambda records: json.dumps(records, indent=1).encode("utf-8-sig"),
    "gzip": lambda records: gzip.compress(lines(records)),
    "xz": lambda records: lzma.compress(json.dumps(records, indent=0).encode()),
    "CSV": lambda records: table(records).encode("utf-8-sig"),
    "TSV": lambda records: table(records, "\t", "\n").encode(),
    "semicolons": lambda records: f"sep=;\n{table(records, ';')}".encode(),
    "pandas columns": by_column,
    "pandas split": split,
    "JSON in JSON": lambda records: json.dumps(json.dumps(records)).encode(),
}


def unpacked(content: bytes) -> bytes:
    if content.startswith(b"\x1f\x8b"):
        return gzip.decompress(content)
    return lzma.decompress(content) if content.startswith(b"\xfd7zXZ") else content


def scrubbed(content: bytes, folder: Path) -> bytes | None:
    """The file's bytes without what is forgotten, null where nothing of it is left; the same where it held nothing."""
    path, target = folder / "export", folder / "scrubbed"
    path.write_bytes(content)
    target.unlink(missing_ok=True)
    found = scrub_file(path, target, FORGOTTEN)
    assert path.read_bytes() == content
    assert target.exists() == found.changed
    if found.is_gone:
        return None
    return target.read_bytes() if found.changed else content


@pytest.mark.parametrize("form", FORMS)
def test_a_file_becomes_the_one_that_never_had_the_account(form: str, tmp_path: Path) -> None:
    write = FORMS[form]
    found = scrubbed(write([moon_post(), post(), mentioning("sun_diary")]), tmp_path)
    assert found is not None
    wanted = unpacked(write([moon_post(), mentioning(PSEUDONYM)]))
    if "pandas columns" in form:
        wanted = wanted.replace(b'"11":', b'"12":')
    assert unpacked(found) == wanted


@pytest.mark.parametrize("form", FORMS)
def test_a_file_that_holds_nothing_of_it_is_not_written(form: str, tmp_path: Path) -> None:
    content = FORMS[form]([moon_post(), mentioning("sun_diary2"), moon_post(caption="sun_diary.b xsun_diary")])
    assert scrubbed(content, tmp_path) == content


@pytest.mark.parametrize("form", FORMS)
def test_of_a_file_that_is_all_of_it_nothing_is_left(form: str, tmp_path: Path) -> None:
    assert scrubbed(FORMS[form]([post(), post(caption="twice")]), tmp_path) is None


def test_numbers_and_white_space_beside_a_name_stay_as_they_are(tmp_path: Path) -> None:
    line = '{ "likesCount":1.50e2,"x":[ 1.10 ,"@Sun_Diary"],"y" : 0.30000000000000004, "é":"\\u00e9\\/" }'
    found = scrubbed(f"[\n{line}\n,\n 7 ]".encode(), tmp_path)
    assert found == f"[\n{line}\n,\n 7 ]".replace("Sun_Diary", PSEUDONYM).encode()


def test_escaped_names_are_found(tmp_path: Path) -> None:
    escaped = "".join(f"\\u{ord(sign):04x}" for sign in "sun_diary")
    caption = json.dumps([moon_post()]).replace("with @moon.cafe", f"@{escaped} https:\\/\\/instagram.com\\/sun_diary")
    found = scrubbed(caption.encode(), tmp_path)
    assert found is not None
    assert json.loads(found)[0]["caption"].endswith(f"@{PSEUDONYM} https://instagram.com/{PSEUDONYM}")


def test_posts_and_people_inside_a_profile_of_another_are_judged_for_themselves() -> None:
    person = {"username": "sun_diary", "id": "1001", "full_name": "Sun Diary", "profile_pic_url": "https://x/y.jpg"}
    record = moon_profile(latestPosts=[post(), moon_post()], relatedProfiles=[{**person, "is_private": True}])
    found = scrub_json(record, FORGOTTEN)
    assert found["latestPosts"] == [moon_post()]
    assert found["relatedProfiles"] == [{"username": PSEUDONYM, "id": "forgotten", "is_private": True}]
    assert not any(word in json.dumps(found) for word in RAW)


@pytest.mark.parametrize(
    "record",
    [
        post(),
        post(ownerUsername="moon.cafe", ownerId="2002"),
        post(inputUrl="https://www.instagram.com/moon.cafe/", ownerUsername=..., id="1", shortCode="x", url="y"),
        post(id=..., ownerUsername="moon.cafe", ownerId="2", inputUrl="moon.cafe"),
        post(id="9", shortCode="x", url="y", ownerUsername=..., ownerId="1001.0", inputUrl="moon.cafe"),
        post(id="9", shortCode="x", url="y", ownerUsername=..., ownerId=1001.0, inputUrl="moon.cafe"),
        profile(),
        {"error": "not_found", "errorDescription": "no such page", "username": "sun_diary"},
        {"commentUrl": "https://www.instagram.com/p/DNQuxufAih9/c/1/", "text": "nice", "ownerUsername": "moon.cafe"},
        {"commentUrl": "https://www.instagram.com/p/DNQuxufAih-/c/1/", "text": "nice", "ownerUsername": "sun_diary"},
        {"data": {"user": {"username": "sun_diary", "id": "1001", "biography": "x", "edge_followed_by": {"count": 1}}}},
        {"node": {"shortcode": "DNQuxufAih9", "owner": {"id": "9"}}, "instaloader": {"node_type": "Post"}},
        {"pk": 3697661021377407101, "code": "a", "media_type": 1, "taken_at": 1, "user": {"pk": 5}},
        {"Post URL": "https://www.instagram.com/p/DNQuxufAih9/", "Date": "2025-01-01", "Views": 1, "Likes": 2},
    ],
)
def test_a_record_about_what_is_forgotten_goes_whole(record: dict[str, Any]) -> None:
    assert scrub_json(record, FORGOTTEN) is GONE


def is_named(text: str) -> bool:
    return any(word.casefold() in text.casefold() for word in (*RAW, "1001"))


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@settings(deadline=None, max_examples=200)
@given(values)
def test_a_value_without_the_account_is_the_same_object(value: Any) -> None:
    assume(not is_named(repr(value)))
    assert scrub_json(value, FORGOTTEN) is value


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=300) | st.text(max_size=200).map(str.encode))
def test_bytes_of_any_kind_without_the_account_are_not_written(content: bytes) -> None:
    assume(not is_named(content.decode("latin-1")))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "export")
        path.write_bytes(content)
        assert scrub_file(path, Path(folder, "target"), FORGOTTEN) == UNCHANGED
