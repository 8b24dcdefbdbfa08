"""What a malformed export leads to once it has landed: rows of `docs/bad-inputs.md`."""

import gzip
import json
import lzma
import os
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from upath import UPath

from instagram_assets.errors import FileError
from instagram_assets.ingest import landing
from instagram_assets.ingest.inbox import land_files
from instagram_assets.ingest.manifests import pending_files
from instagram_assets.ingest.merge import merge_posts
from instagram_assets.ingest.observations import landed_files, quarantine_table, read_posts, read_profiles
from instagram_assets.ingest.post_ids import shortcode_of
from instagram_assets.settings import Settings, load_settings
from instagram_assets_tests.ingest.records import post, profile, write

SETTINGS = load_settings(start_day=date(2015, 1, 1))
FIRST, LAST = date(2010, 1, 1), date(2100, 1, 1)
GOOD = json.dumps(post())


def landed(folder: Path, content: object, name: str = "posts.json", settings: Settings = SETTINGS) -> UPath:
    lake = UPath(folder / "lake")
    landing.land_file(write(folder, content, name), lake, settings=settings)
    return lake


def rows(lake: UPath, kind: Any = "posts", account: str = "sun_diary") -> list[dict[str, Any]]:
    return read_posts(lake, kind, [account], FIRST, LAST).to_pylist()


def only(folder: Path, content: object) -> dict[str, Any]:
    """The only row of a file whose only record is good."""
    lake = landed(folder, content)
    assert quarantine_table(lake).to_pylist() == []
    (row,) = rows(lake)
    return row


WITH_CP949 = json.dumps([post(caption="안녕하세요 여러분")], ensure_ascii=False).encode("cp949")

REJECTED: dict[str, tuple[object, str]] = {
    "empty file: zero bytes": (b"", "empty"),
    "empty file: white space": (b" \n\t \n", "empty"),
    "cut file: cut in a text": (f"[{GOOD},{GOOD[:60]}", "middle of"),
    "cut file: cut between records": (f"[{GOOD},", "middle of"),
    "cut file: cut after a record": (f"[{GOOD}", "middle of"),
    "other encoding: utf 16": (f"[{GOOD}]".encode("utf-16"), "utf-16"),
    "other encoding: utf 16 without mark": (f"[{GOOD}]".encode("utf-16-be"), "INGEST__ENCODING=utf-16-be"),
    "other encoding: cp949": (WITH_CP949, "INGEST__ENCODING=cp949"),
    "other encoding: cp949 lines": (WITH_CP949[1:-1], "INGEST__ENCODING=cp949"),
    "byte that is not UTF-8: not utf 8 in an array": (b'[{"id": "1", "caption": "a\xffb"}]', "byte 26"),
    "JSON that is not JSON: comma at the end": (f"[\n{GOOD},\n]", "line 3, column 1"),
    "JSON that is not JSON: single quotes": ("[{'id': '1'}]", "line 1, column 3"),
    "JSON that is not JSON: comment": (f"[{GOOD}, // the first\n{GOOD}]", "line 1"),
    "JSON that is not JSON: two arrays": (f"[{GOOD}]\n[{GOOD}]", "line 2, column 1"),
    "JSON that is not JSON: two objects on a line": (f"{GOOD}{GOOD}", "something stands after"),
    "single value: null": ("null", "null"),
    "single value: text": ('"posts"', "one text"),
    "single value: number": ("12", "one number"),
    "packed file: zip": (b"PK\x03\x04" + bytes(100), "zip"),
    "packed file: cut gzip": (gzip.compress(GOOD.encode())[:-9], "gzip data ends too early"),
    "packed file: cut xz": (lzma.compress(GOOD.encode())[:-9], "xz data ends too early"),
    "packed file: damaged xz": (lzma.compress(GOOD.encode())[:12] + bytes(90), "xz data is damaged"),
    "packed file: xz bomb": (lambda: lzma.compress(b" " * (80 << 20)), "unpacks to more than"),
    "packed file: packed twice": (lzma.compress(gzip.compress(GOOD.encode())), "packed twice"),
    "packed file: gzip bomb": (lambda: gzip.compress(b" " * (80 << 20), 9), "unpacks to more than"),
}


@pytest.mark.parametrize("case", REJECTED)
def test_a_bad_file_is_refused_whole_and_says_where(case: str, tmp_path: Path) -> None:
    content, message = REJECTED[case]
    with pytest.raises(FileError) as caught:
        landed(tmp_path, content() if callable(content) else content)
    assert message in str(caught.value)
    assert "posts.json" in str(caught.value)
    lake = UPath(tmp_path / "lake")
    assert landed_files(lake, FIRST, LAST).num_rows == 0
    assert pending_files(lake) == []


QUARANTINED: dict[str, tuple[object, str, str]] = {
    "element that is no record: null": (None, "", "null instead of an object"),
    "element that is no record: number": (3, "", "number instead of an object"),
    "element that is no record: list": ([1], "", "list instead of an object"),
    "negative count: negative comments": (post(commentsCount=-2), "commentsCount", "negative"),
    "negative count: negative likes": (post(likesCount=-7), "likesCount", "negative"),
    "count as text: with comma": (
        post(likesCount="1,234"),
        "likesCount",
        "not a whole number; write digits alone, as 1234",
    ),
    "count as text: with k": (post(likesCount="1.2k"), "likesCount", "not a whole number; write digits alone"),
    "count as text: with man": (post(likesCount="12만"), "likesCount", "not a whole number"),
    "count that is no integer: fraction": (post(likesCount=3.7), "likesCount", "not a whole number"),
    "count that is no integer: true": (post(likesCount=True), "likesCount", "not a whole number"),
    "time in another form: no time": (post(timestamp=None), "timestamp", "missing"),
    "impossible year: zero": (post(timestamp=0), "timestamp", "before Instagram"),
    "impossible year: year 1": (post(timestamp="empty file: 01 01T00:00:00"), "timestamp", "no possible time"),
    "impossible year: year 9999": (post(timestamp="9999-12-31T23:59:59Z"), "timestamp", "future"),
    "impossible year: before instagram": (post(timestamp="2010-10-05T23:59:59Z"), "timestamp", "before Instagram"),
    "time that never was: 30 february": (post(timestamp="2025-02-30T10:00:00Z"), "timestamp", "no possible time"),
    "name that is a path: parent folder": (post(ownerUsername="../../etc"), "ownerUsername", "no account name"),
    "name that is a path: absolute": (post(ownerUsername="/etc/passwd"), "ownerUsername", "no account name"),
    "name that is a path: trailing dot": (post(ownerUsername="sun."), "ownerUsername", "no account name"),
    "name that is a path: double dot": (post(ownerUsername="s..n"), "ownerUsername", "no account name"),
    "name that is a path: too long": (post(ownerUsername="s" * 256), "ownerUsername", "no account name"),
    "name that is a path: empty": (post(ownerUsername=""), "ownerUsername", "no account name"),
    "name that is a path: zero byte": (post(ownerUsername="sun\x00"), "ownerUsername", "no account name"),
    "name that is a path: line end": (post(ownerUsername="sun\n"), "ownerUsername", "no account name"),
    "name with foreign letters: homoglyph": (post(ownerUsername="sun_di\u0430ry"), "ownerUsername", "no account name"),
    "name with foreign letters: emoji": (post(ownerUsername="sun☀"), "ownerUsername", "no account name"),
    "post without an owner's name: no owner": (post(ownerUsername=..., inputUrl=...), "ownerUsername", "missing"),
    "unknown or nested type: unknown type": (post(type="Hologram"), "type", "none of"),
    "unknown or nested type: sidecar alone": (post(type="Sidecar", displayUrl=None), "childPosts", "without children"),
    "deeply nested record: nested 100,000 deep": (
        '{"a":' * 100_000 + "1" + "}" * 100_000,
        "",
        "nested deeper than 1,000",
    ),
    "deeply nested record: a list 100,000 deep": ("[" * 100_000 + "]" * 100_000, "", "nested deeper than 1,000"),
    "deeply nested record: and 30 deep and a doubled key": (
        GOOD[:-1] + f', "id": "2", "x": {"[" * 100_000}{"]" * 100_000}}}',
        "",
        "nested deeper than 1,000",
    ),
    "wrapped records: error item": (
        {"error": "not_found", "errorDescription": "Post does not exist"},
        "error",
        "source_error: not_found",
    ),
}


@pytest.mark.parametrize("case", QUARANTINED)
def test_a_bad_record_never_stops_its_file(case: str, tmp_path: Path) -> None:
    bad, field, reason = QUARANTINED[case]
    text = bad if isinstance(bad, str) else json.dumps(bad)
    lake = landed(tmp_path, f"[{GOOD}, {text}]")
    assert len(rows(lake)) == 1
    (row,) = quarantine_table(lake).to_pylist()
    assert (row["file"], row["index"], row["field"]) == ("posts.json", 1, field)
    assert reason in row["reason"]
    assert len(row["record"]) <= 10_000


ACCEPTED: dict[str, tuple[object, dict[str, object]]] = {
    "byte order mark: byte order mark": (b"\xef\xbb\xbf" + f"[{GOOD}]".encode(), {"likes": 120}),
    "lines or an array: lines": (GOOD + "\n\n", {"likes": 120}),
    "lines or an array: one indented record": (json.dumps(post(), indent=1), {"likes": 120}),
    "wrapped records: data": ({"total": 1, "data": [post()], "next": None}, {"likes": 120}),
    "wrapped records: items": ({"items": [post()]}, {"likes": 120}),
    "number that is not finite: nan": ([post(likesCount=float("nan"))], {"likes": None, "likes_hidden": False}),
    "number that is not finite: infinity": ([post(commentsCount=float("-inf"))], {"comments": None}),
    "hidden likes: hidden likes": ([post(likesCount=-1)], {"likes": None, "likes_hidden": True}),
    "count that is no integer: whole float": ([post(likesCount=3.0)], {"likes": 3}),
    "count as text: digits": ([post(likesCount="1234")], {"likes": 1234}),
    "no caption: null": ([post(caption=None)], {"caption": None, "caption_sha256": None}),
    "no caption: missing": ([post(caption=...)], {"caption": None}),
    "no caption: empty": ([post(caption="")], {"caption": "", "hashtags": ["산책", "아기"]}),
    "endless caption: long": ([post(caption="가" * 1_000_000)], {"caption": "가" * 2200, "caption_truncated": True}),
    "control characters: control characters": ([post(caption="a\x00b\x1bc\u202ed\te")], {"caption": "abc\u202ed\te"}),
    "half a character: lone surrogate": (
        '[{"' + GOOD[2:-1] + ', "caption2": "\\ud83d"}]',
        {"extra": '{"caption2": "\ufffd"}'},
    ),
    "decomposed Hangul: nfd": ([post(caption="\u1112\u1161\u11ab")], {"caption": "한"}),
    "separators in a caption: separators": ([post(caption="a|||b\r\nc\u2028d")], {"caption": "a|||b\nc\u2028d"}),
    "odd hashtags: text": ([post(caption=None, hashtags="#a,b")], {"hashtags": ["a,b"]}),
    "odd hashtags: list with null": ([post(caption=None, hashtags=["a", None, "b, c"])], {"hashtags": ["a", "b, c"]}),
    "odd hashtags: null": ([post(caption=None, hashtags=None)], {"hashtags": []}),
    "same record twice: identical": ([post(), post()], {"likes": 120, "warnings": []}),
    "conflicting records: conflicting": ([post(), post(likesCount=150)], {"likes": 150}),
    "id of another post: rounded by javascript": ([post(id=3697661021377407000)], {"post_id": "3697661021377407101"}),
    "id of another post: rounded by a spreadsheet": ([post(id="3.69766E+18")], {"post_id": "3697661021377407101"}),
    "id of another post: another": ([post(id="99")], {"post_id": "3697661021377407101"}),
    "id in another form: number": ([post(id=42, shortCode="q")], {"post_id": "42"}),
    "id in another form: leading zeros": ([post(id="00123", shortCode="B7")], {"post_id": "00123"}),
    "id in another form: post and owner": (
        [post(id="3697661021377407101_456")],
        {"post_id": "3697661021377407101", "warnings": []},
    ),
    "number too large: 5,000 digits": (
        GOOD[:-1] + f', "likesCount": {"9" * 5000}}}',
        {"likes": None, "likes_hidden": False},
    ),
    "number too large: 5,000 digits of a width": (
        GOOD[:-1] + f', "dimensionsWidth": {"9" * 5000}}}',
        {"likes": 120, "width": None},
    ),
    "same key twice: doubled key": (GOOD[:-1] + ', "likesCount": 7}', {"likes": 7}),
    "same key twice: a doubled key and 5,000 digits": (
        GOOD[:-1] + f', "likesCount": {"9" * 5000}, "likesCount": 8}}',
        {"likes": 8},
    ),
    "same key twice: a doubled wrapper": (f'{{"items": [], "items": [{GOOD}]}}', {"likes": 120}),
    "time in another form: offset": ([post(timestamp="2025-07-29T20:15:43+09:00")], {"day": date(2025, 7, 29)}),
    "time in another form: seconds": ([post(timestamp=1753787743)], {"day": date(2025, 7, 29)}),
    "time in another form: milliseconds": ([post(timestamp=1753787743000)], {"day": date(2025, 7, 29)}),
    "time in another form: microseconds": ([post(timestamp=1753787743000000)], {"day": date(2025, 7, 29)}),
    "time in another form: text": ([post(timestamp="1753787743")], {"day": date(2025, 7, 29)}),
    "midnight: before midnight": ([post(timestamp="2025-07-29T14:59:59Z")], {"day": date(2025, 7, 29)}),
    "midnight: after midnight": ([post(timestamp="2025-07-29T15:00:00Z")], {"day": date(2025, 7, 30)}),
    "name that is a path: device": ([post(ownerUsername="CON")], {"owner": "con"}),
    "unknown or nested type: sidecar with a cover": ([post(type="Sidecar")], {"type": "sidecar", "likes": 120}),
    "name in capital letters: upper case": (
        [post(ownerUsername="Sun_Diary", inputUrl="Sun_Diary")],
        {"owner": "sun_diary"},
    ),
    "post without an owner's name: account from input": (
        [post(ownerUsername=...)],
        {"owner": None, "owner_id": "1001"},
    ),
    "deeply nested record: nested 900 deep": (f'[{GOOD[:-1]}, "deep": {"[" * 900}{"]" * 900}}}]', {"likes": 120}),
    "changed fields: unknown fields": (
        [post(moonPhase={"b": 1, "a": float("nan")})],
        {"extra": '{"moonPhase": {"a": null, "b": 1}}'},
    ),
    "packed file: xz": (lzma.compress(f"[{GOOD}]".encode()), {"likes": 120}),
    "packed file: gzip": (gzip.compress(f"[{GOOD}]".encode()), {"likes": 120}),
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_an_odd_record_is_taken_in_its_normal_form(case: str, tmp_path: Path) -> None:
    content, expected = ACCEPTED[case]
    row = only(tmp_path, content)
    assert {name: row[name] for name in expected} == expected


WARNED: dict[str, tuple[object, str]] = {
    "number that is not finite: nan": (post(likesCount=float("nan")), "likesCount"),
    "number too large: above 2 to the 63": (post(likesCount=2**63), "likesCount: 9223372036854775808 is too large"),
    "number too large: a text above 2 to the 63": (post(likesCount="9" * 19), "likesCount"),
    "number too large: 5,000 digits": (
        GOOD[:-1] + f', "likesCount": {"9" * 5000}}}',
        "likesCount: an infinite number or one of over 100 digits",
    ),
    "number too large: 5,000 digits without a column": (
        GOOD[:-1] + f', "big": [{"9" * 5000}]}}',
        "big: holds a number",
    ),
    "endless caption: many hashtags": (post(caption=" ".join(f"#{n}" for n in range(300))), "hashtags"),
    "half a character: lone surrogate": (post(caption="a\ud83db"), "caption: broken characters"),
    "unknown or nested type: sidecar with a cover": (post(type="Sidecar"), "childPosts: a sidecar without children"),
    "id of another post: another": (
        post(id="99"),
        "id: 99 is not the post of DNQuxufAih9, which is 3697661021377407101",
    ),
    "time in another form: naive": (post(timestamp="2025-07-29T20:15:43"), "read as Asia/Seoul"),
    "address that is none: address too long": (post(url="https://a.example/" + "x" * 9000), "url"),
}


@pytest.mark.parametrize("case", WARNED)
def test_what_was_odd_is_said_in_the_warnings(case: str, tmp_path: Path) -> None:
    record, warning = WARNED[case]
    lake = landed(tmp_path, f"[{record if isinstance(record, str) else json.dumps(record)}]")
    (row,) = rows(lake)
    assert any(warning in said for said in row["warnings"])
    assert landed_files(lake, FIRST, LAST)["warnings"].to_pylist() == [1]


@pytest.mark.bad_input("cut file")
def test_complete_lines_are_kept_and_the_cut_one_is_quarantined(tmp_path: Path) -> None:
    lake = landed(tmp_path, f"{GOOD}\n{json.dumps(post(id='2', shortCode='B'))}\n{GOOD[:80]}")
    assert [row["post_id"] for row in rows(lake)] == ["2", "3697661021377407101"]
    assert quarantine_table(lake)["index"].to_pylist() == [2]


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.bad_input("byte that is not UTF-8")
def test_one_line_that_is_not_utf_8_is_quarantined_alone(place: int, tmp_path: Path) -> None:
    lines = [json.dumps(post(id=str(n), shortCode=f"C{n}"), ensure_ascii=False).encode() for n in range(3)]
    lines[place] = lines[place].replace(b"moon", b"mo\xffon")
    lake = landed(tmp_path, b"\n".join(lines))
    assert len(rows(lake)) == 2
    assert quarantine_table(lake)["index"].to_pylist() == [place]


@pytest.mark.bad_input("other encoding")
def test_another_encoding_is_read_when_the_setting_names_it(tmp_path: Path) -> None:
    settings = load_settings(ingest={"encoding": "cp949"})
    (row,) = rows(landed(tmp_path, WITH_CP949, settings=settings))
    assert row["caption"] == "안녕하세요 여러분"


@pytest.mark.bad_input("empty array")
def test_an_empty_array_lands_with_no_rows_and_a_warning(tmp_path: Path) -> None:
    (file,) = landed_files(landed(tmp_path, "[]"), FIRST, LAST).to_pylist()
    assert (file["records"], file["posts"], file["warnings"]) == (0, 0, 1)


@pytest.mark.parametrize("followers", [0, None, ...], ids=["zero", "null", "missing"])
@pytest.mark.bad_input("no followers")
def test_a_profile_without_followers_is_taken_with_a_warning(followers: Any, tmp_path: Path) -> None:
    lake = landed(tmp_path, [profile(followersCount=followers)])
    (row,) = read_profiles(lake, ["sun_diary"]).to_pylist()
    assert row["followers"] == (0 if followers == 0 else None)
    assert "followersCount" in row["warnings"][0]


@pytest.mark.bad_input("control characters")
def test_the_hash_is_of_the_caption_as_received(tmp_path: Path) -> None:
    hashes = {only(tmp_path / str(n), [post(caption=text)])["caption_sha256"] for n, text in enumerate(["a\x00", "a"])}
    assert len(hashes) == 2


@pytest.mark.bad_input("same record twice", "conflicting records")
def test_doubled_observations_are_counted_and_conflicts_said(tmp_path: Path) -> None:
    lake = landed(tmp_path, [post(), post(likesCount=150), post()])
    (row,) = rows(lake)
    assert "conflict" in row["warnings"][-1]
    (file,) = landed_files(lake, FIRST, LAST).to_pylist()
    assert (file["posts"], file["duplicates"], file["warnings"]) == (3, 2, 2)


@pytest.mark.bad_input("id of another post")
def test_an_id_that_is_not_its_shortcodes_is_another_look_at_the_shortcodes_post(tmp_path: Path) -> None:
    records = [post(), post(id="99", likesCount=7), post(id="5", shortCode="F")]
    lake = landed(tmp_path, records)
    assert [(row["post_id"], row["likes"]) for row in rows(lake)] == [("3697661021377407101", 120), ("5", 120)]
    assert quarantine_table(lake).num_rows == 0


@pytest.mark.bad_input("id of another post")
def test_two_posts_that_agree_with_themselves_are_two_posts(tmp_path: Path) -> None:
    numbers = [3697661021377407101, 3697661021377407102]
    lake = landed(tmp_path, [post(id=str(number), shortCode=shortcode_of(number)) for number in numbers])
    assert [(row["post_id"], row["warnings"]) for row in rows(lake)] == [(str(number), []) for number in numbers]


@pytest.mark.bad_input("time that never was")
def test_a_local_time_that_clocks_skip_is_quarantined(tmp_path: Path) -> None:
    settings = load_settings(time_zone="America/New_York")
    lake = landed(tmp_path, [post(timestamp="2025-03-09T02:30:00")], settings=settings)
    assert "clocks skip" in quarantine_table(lake)["reason"].to_pylist()[0]


@pytest.mark.bad_input("post without an owner's name", "post without a profile")
def test_owner_is_found_by_id_first_and_the_nearest_profile_counts(tmp_path: Path) -> None:
    lake = landed(tmp_path, [post(ownerUsername=...), post(id="2", shortCode="B", ownerId="77", ownerUsername="gone")])
    landing.land_file(
        write(tmp_path, [profile(username="sun_renamed", followersCount=500)], "p_2025-08-30.json"),
        lake,
        settings=SETTINGS,
    )
    posts = read_posts(lake, "posts", ["sun_diary"], FIRST, LAST)
    merged = merge_posts(posts, posts.slice(0, 0), read_profiles(lake, ["sun_renamed"]), "all").to_pylist()
    assert [(row["post_id"], row["owner"], row["followers"]) for row in merged] == [
        ("2", "gone", None),
        ("3697661021377407101", "sun_renamed", 500),
    ]


@pytest.mark.bad_input("unknown or nested type")
def test_children_of_children_take_their_parents_place(tmp_path: Path) -> None:
    leaf = {"type": "Image", "displayUrl": "https://cdn.example/1.jpg"}
    video = {"type": "Video", "displayUrl": "https://cdn.example/2.jpg", "videoUrl": "https://cdn.example/2.mp4"}
    nested = {"type": "Sidecar", "childPosts": [{"childPosts": [leaf]}, video]}
    row = only(tmp_path, [post(type="Sidecar", childPosts=[nested, leaf])])
    assert [(m["position"], m["kind"], m["url"][-5:]) for m in row["media"]] == [
        (0, "image", "1.jpg"),
        (1, "image", "2.jpg"),
        (1, "video", "2.mp4"),
        (2, "image", "1.jpg"),
    ]


@pytest.mark.bad_input("changed fields")
def test_a_field_missing_in_many_records_fails_the_file(tmp_path: Path) -> None:
    records = [post(id=str(n), shortCode=str(n)) for n in range(20)]
    records += [post(id=f"x{n}", timestamp=...) for n in range(3)]
    with pytest.raises(FileError, match=r"schema drift: timestamp is missing in 3 of 23 records \(13%\)"):
        landed(tmp_path, records)


@pytest.mark.bad_input("changed fields")
def test_error_items_do_not_count_as_drift(tmp_path: Path) -> None:
    records = [post(), *({"error": "not_found", "inputUrl": f"a{n}"} for n in range(50))]
    assert quarantine_table(landed(tmp_path, records)).num_rows == 50


@pytest.mark.parametrize("shape", ["array", "lines"])
@pytest.mark.bad_input("huge file")
def test_a_record_above_the_cap_ends_the_file(shape: str, tmp_path: Path) -> None:
    huge = json.dumps({"id": "1", "caption": "x" * (4 << 20)})
    content = f"[{huge}]" if shape == "array" else f"{GOOD}\n{huge}"
    with pytest.raises(FileError, match="larger than 1 MB"):
        landed(tmp_path, content, settings=load_settings(ingest={"max_record_mb": 1}))


def special(folder: Path, case: str) -> Path:
    path = folder / "inbox" / "posts.json"
    path.parent.mkdir()
    if case == "folder":
        path.mkdir()
    elif case == "pipe":
        os.mkfifo(path)
    elif case == "link out of the folder":
        path.symlink_to(write(folder / "elsewhere", [post()]))
    elif case == "link in a circle":
        path.symlink_to(path)
    return path


@pytest.mark.parametrize("case", ["folder", "pipe", "link out of the folder", "link in a circle", "not there"])
@pytest.mark.bad_input("no plain file")
def test_what_is_no_plain_file_is_refused(case: str, tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"posts\.json"):
        landing.land_file(special(tmp_path, case), UPath(tmp_path / "lake"), settings=SETTINGS)


@pytest.mark.bad_input("no plain file")
def test_a_folder_is_read_through_and_others_in_it_are_counted(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    write(folder, [post()])
    write(folder, "words", "note.txt")
    (folder / "link.json").symlink_to(write(tmp_path / "elsewhere", [post()]))
    os.mkfifo(folder / "pipe.json")
    result = land_files([str(folder)], UPath(tmp_path / "lake"), load_settings(data_dir=tmp_path))
    assert (len(result.landed), result.failures) == (1, [])
    assert result.folders == ["mine: 1 file read, 3 passed over (1 .txt, 1 link, 1 pipe or device)"]


LAND_AS_NOBODY = """
import os, sys
from pathlib import Path
from upath import UPath
from instagram_assets.errors import FileError
from instagram_assets.ingest.landing import land_file
from instagram_assets.settings import load_settings
settings = load_settings()
if os.geteuid() == 0:
    os.setuid(65534)  # who may read everything cannot try this
try:
    land_file(Path(sys.argv[1]), UPath(sys.argv[2]), settings=settings)
except FileError as error:
    print(error)
"""


@pytest.mark.bad_input("no plain file")
def test_a_file_that_may_not_be_read_is_refused() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder), [post()])
        path.chmod(0)
        Path(folder).chmod(0o755)
        command = [sys.executable, "-c", LAND_AS_NOBODY, str(path), f"{folder}/lake"]
        done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert f"{path}: cannot be read (Permission denied)" in done.stdout, done.stderr


def test_rows_keep_their_contract(tmp_path: Path) -> None:
    table = read_posts(landed(tmp_path, [post()]), "posts", ["sun_diary"], FIRST, LAST)
    assert isinstance(table, pa.Table)
    table.validate(full=True)
