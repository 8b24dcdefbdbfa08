"""Rows 1 to 43 and 46 of the list of bad inputs: what each must lead to, once a file has landed."""

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

REJECTED = {
    "1-zero-bytes": (b"", "empty"),
    "1-white-space": (b" \n\t \n", "empty"),
    "2-cut-in-a-text": (f"[{GOOD},{GOOD[:60]}", "middle of"),
    "2-cut-between-records": (f"[{GOOD},", "middle of"),
    "2-cut-after-a-record": (f"[{GOOD}", "middle of"),
    "4-utf-16": (f"[{GOOD}]".encode("utf-16"), "utf-16"),
    "4-utf-16-without-mark": (f"[{GOOD}]".encode("utf-16-be"), "INGEST__ENCODING=utf-16-be"),
    "4-cp949": (WITH_CP949, "INGEST__ENCODING=cp949"),
    "4-cp949-lines": (WITH_CP949[1:-1], "INGEST__ENCODING=cp949"),
    "5-not-utf-8-in-an-array": (b'[{"id": "1", "caption": "a\xffb"}]', "byte 26"),
    "7-comma-at-the-end": (f"[\n{GOOD},\n]", "line 3, column 1"),
    "7-single-quotes": ("[{'id': '1'}]", "line 1, column 3"),
    "7-comment": (f"[{GOOD}, // the first\n{GOOD}]", "line 1"),
    "7-two-arrays": (f"[{GOOD}]\n[{GOOD}]", "line 2, column 1"),
    "7-two-objects-on-a-line": (f"{GOOD}{GOOD}", "something stands after"),
    "9-null": ("null", "null"),
    "9-text": ('"posts"', "one text"),
    "9-number": ("12", "one number"),
    "44-zip": (b"PK\x03\x04" + bytes(100), "zip"),
    "44-cut-gzip": (gzip.compress(GOOD.encode())[:-9], "gzip data ends too early"),
    "44-cut-xz": (lzma.compress(GOOD.encode())[:-9], "xz data ends too early"),
    "44-damaged-xz": (lzma.compress(GOOD.encode())[:12] + bytes(90), "xz data is damaged"),
    "44-xz-bomb": (lzma.compress(b" " * (80 << 20)), "unpacks to more than"),
    "44-packed-twice": (lzma.compress(gzip.compress(GOOD.encode())), "packed twice"),
    "44-gzip-bomb": (gzip.compress(b" " * (80 << 20), 9), "unpacks to more than"),
}


@pytest.mark.parametrize("case", REJECTED)
def test_a_bad_file_is_refused_whole_and_says_where(case: str, tmp_path: Path) -> None:
    content, message = REJECTED[case]
    with pytest.raises(FileError) as caught:
        landed(tmp_path, content)
    assert message in str(caught.value)
    assert "posts.json" in str(caught.value)
    lake = UPath(tmp_path / "lake")
    assert landed_files(lake, FIRST, LAST).num_rows == 0
    assert pending_files(lake) == []


QUARANTINED: dict[str, tuple[object, str, str]] = {
    "11-null": (None, "", "null instead of an object"),
    "11-number": (3, "", "number instead of an object"),
    "11-list": ([1], "", "list instead of an object"),
    "14-negative-comments": (post(commentsCount=-2), "commentsCount", "negative"),
    "14-negative-likes": (post(likesCount=-7), "likesCount", "negative"),
    "15-with-comma": (post(likesCount="1,234"), "likesCount", "not a whole number; write digits alone, as 1234"),
    "15-with-k": (post(likesCount="1.2k"), "likesCount", "not a whole number; write digits alone"),
    "15-with-man": (post(likesCount="12만"), "likesCount", "not a whole number"),
    "16-fraction": (post(likesCount=3.7), "likesCount", "not a whole number"),
    "16-true": (post(likesCount=True), "likesCount", "not a whole number"),
    "31-no-time": (post(timestamp=None), "timestamp", "missing"),
    "32-zero": (post(timestamp=0), "timestamp", "before Instagram"),
    "32-year-1": (post(timestamp="0001-01-01T00:00:00"), "timestamp", "no possible time"),
    "32-year-9999": (post(timestamp="9999-12-31T23:59:59Z"), "timestamp", "future"),
    "32-before-instagram": (post(timestamp="2010-10-05T23:59:59Z"), "timestamp", "before Instagram"),
    "33-30-february": (post(timestamp="2025-02-30T10:00:00Z"), "timestamp", "no possible time"),
    "35-parent-folder": (post(ownerUsername="../../etc"), "ownerUsername", "no account name"),
    "35-absolute": (post(ownerUsername="/etc/passwd"), "ownerUsername", "no account name"),
    "35-trailing-dot": (post(ownerUsername="sun."), "ownerUsername", "no account name"),
    "35-double-dot": (post(ownerUsername="s..n"), "ownerUsername", "no account name"),
    "35-too-long": (post(ownerUsername="s" * 256), "ownerUsername", "no account name"),
    "35-empty": (post(ownerUsername=""), "ownerUsername", "no account name"),
    "35-zero-byte": (post(ownerUsername="sun\x00"), "ownerUsername", "no account name"),
    "35-line-end": (post(ownerUsername="sun\n"), "ownerUsername", "no account name"),
    "36-homoglyph": (post(ownerUsername="sun_di\u0430ry"), "ownerUsername", "no account name"),
    "36-emoji": (post(ownerUsername="sun☀"), "ownerUsername", "no account name"),
    "38-no-owner": (post(ownerUsername=..., inputUrl=...), "ownerUsername", "missing"),
    "40-unknown-type": (post(type="Hologram"), "type", "none of"),
    "40-sidecar-alone": (post(type="Sidecar", displayUrl=None), "childPosts", "without children"),
    "41-nested-100,000-deep": ('{"a":' * 100_000 + "1" + "}" * 100_000, "", "nested deeper than 1,000"),
    "41-a-list-100,000-deep": ("[" * 100_000 + "]" * 100_000, "", "nested deeper than 1,000"),
    "41-and-30-deep-and-a-doubled-key": (
        GOOD[:-1] + f', "id": "2", "x": {"[" * 100_000}{"]" * 100_000}}}',
        "",
        "nested deeper than 1,000",
    ),
    "8-error-item": (
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
    "3-byte-order-mark": (b"\xef\xbb\xbf" + f"[{GOOD}]".encode(), {"likes": 120}),
    "6-lines": (GOOD + "\n\n", {"likes": 120}),
    "6-one-indented-record": (json.dumps(post(), indent=1), {"likes": 120}),
    "8-data": ({"total": 1, "data": [post()], "next": None}, {"likes": 120}),
    "8-items": ({"items": [post()]}, {"likes": 120}),
    "12-nan": ([post(likesCount=float("nan"))], {"likes": None, "likes_hidden": False}),
    "12-infinity": ([post(commentsCount=float("-inf"))], {"comments": None}),
    "13-hidden-likes": ([post(likesCount=-1)], {"likes": None, "likes_hidden": True}),
    "16-whole-float": ([post(likesCount=3.0)], {"likes": 3}),
    "15-digits": ([post(likesCount="1234")], {"likes": 1234}),
    "19-null": ([post(caption=None)], {"caption": None, "caption_sha256": None}),
    "19-missing": ([post(caption=...)], {"caption": None}),
    "19-empty": ([post(caption="")], {"caption": "", "hashtags": ["산책", "아기"]}),
    "20-long": ([post(caption="가" * 1_000_000)], {"caption": "가" * 2200, "caption_truncated": True}),
    "21-control-characters": ([post(caption="a\x00b\x1bc\u202ed\te")], {"caption": "abc\u202ed\te"}),
    "22-lone-surrogate": ('[{"' + GOOD[2:-1] + ', "caption2": "\\ud83d"}]', {"extra": '{"caption2": "\ufffd"}'}),
    "23-nfd": ([post(caption="\u1112\u1161\u11ab")], {"caption": "한"}),
    "24-separators": ([post(caption="a|||b\r\nc\u2028d")], {"caption": "a|||b\nc\u2028d"}),
    "25-text": ([post(caption=None, hashtags="#a,b")], {"hashtags": ["a,b"]}),
    "25-list-with-null": ([post(caption=None, hashtags=["a", None, "b, c"])], {"hashtags": ["a", "b, c"]}),
    "25-null": ([post(caption=None, hashtags=None)], {"hashtags": []}),
    "26-identical": ([post(), post()], {"likes": 120, "warnings": []}),
    "27-conflicting": ([post(), post(likesCount=150)], {"likes": 150}),
    "28-rounded-by-javascript": ([post(id=3697661021377407000)], {"post_id": "3697661021377407101"}),
    "28-rounded-by-a-spreadsheet": ([post(id="3.69766E+18")], {"post_id": "3697661021377407101"}),
    "28-another": ([post(id="99")], {"post_id": "3697661021377407101"}),
    "29-number": ([post(id=42, shortCode="q")], {"post_id": "42"}),
    "29-leading-zeros": ([post(id="00123", shortCode="B7")], {"post_id": "00123"}),
    "29-post-and-owner": ([post(id="3697661021377407101_456")], {"post_id": "3697661021377407101", "warnings": []}),
    "17-5,000-digits": (GOOD[:-1] + f', "likesCount": {"9" * 5000}}}', {"likes": None, "likes_hidden": False}),
    "17-5,000-digits-of-a-width": (GOOD[:-1] + f', "dimensionsWidth": {"9" * 5000}}}', {"likes": 120, "width": None}),
    "30-doubled-key": (GOOD[:-1] + ', "likesCount": 7}', {"likes": 7}),
    "30-a-doubled-key-and-5,000-digits": (GOOD[:-1] + f', "likesCount": {"9" * 5000}, "likesCount": 8}}', {"likes": 8}),
    "30-a-doubled-wrapper": (f'{{"items": [], "items": [{GOOD}]}}', {"likes": 120}),
    "31-offset": ([post(timestamp="2025-07-29T20:15:43+09:00")], {"day": date(2025, 7, 29)}),
    "31-seconds": ([post(timestamp=1753787743)], {"day": date(2025, 7, 29)}),
    "31-milliseconds": ([post(timestamp=1753787743000)], {"day": date(2025, 7, 29)}),
    "31-microseconds": ([post(timestamp=1753787743000000)], {"day": date(2025, 7, 29)}),
    "31-text": ([post(timestamp="1753787743")], {"day": date(2025, 7, 29)}),
    "34-before-midnight": ([post(timestamp="2025-07-29T14:59:59Z")], {"day": date(2025, 7, 29)}),
    "34-after-midnight": ([post(timestamp="2025-07-29T15:00:00Z")], {"day": date(2025, 7, 30)}),
    "35-device": ([post(ownerUsername="CON")], {"owner": "con"}),
    "40-sidecar-with-a-cover": ([post(type="Sidecar")], {"type": "sidecar", "likes": 120}),
    "37-upper-case": ([post(ownerUsername="Sun_Diary", inputUrl="Sun_Diary")], {"owner": "sun_diary"}),
    "38-account-from-input": ([post(ownerUsername=...)], {"owner": None, "owner_id": "1001"}),
    "41-nested-900-deep": (f'[{GOOD[:-1]}, "deep": {"[" * 900}{"]" * 900}}}]', {"likes": 120}),
    "42-unknown-fields": (
        [post(moonPhase={"b": 1, "a": float("nan")})],
        {"extra": '{"moonPhase": {"a": null, "b": 1}}'},
    ),
    "44-xz": (lzma.compress(f"[{GOOD}]".encode()), {"likes": 120}),
    "44-gzip": (gzip.compress(f"[{GOOD}]".encode()), {"likes": 120}),
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_an_odd_record_is_taken_in_its_normal_form(case: str, tmp_path: Path) -> None:
    content, expected = ACCEPTED[case]
    row = only(tmp_path, content)
    assert {name: row[name] for name in expected} == expected


WARNED: dict[str, tuple[object, str]] = {
    "12-nan": (post(likesCount=float("nan")), "likesCount"),
    "17-above-2-to-the-63": (post(likesCount=2**63), "likesCount: 9223372036854775808 is too large"),
    "17-a-text-above-2-to-the-63": (post(likesCount="9" * 19), "likesCount"),
    "17-5,000-digits": (
        GOOD[:-1] + f', "likesCount": {"9" * 5000}}}',
        "likesCount: an infinite number or one of over 100 digits",
    ),
    "17-5,000-digits-without-a-column": (GOOD[:-1] + f', "big": [{"9" * 5000}]}}', "big: holds a number"),
    "20-many-hashtags": (post(caption=" ".join(f"#{n}" for n in range(300))), "hashtags"),
    "22-lone-surrogate": (post(caption="a\ud83db"), "caption: broken characters"),
    "40-sidecar-with-a-cover": (post(type="Sidecar"), "childPosts: a sidecar without children"),
    "28-another": (post(id="99"), "id: 99 is not the post of DNQuxufAih9, which is 3697661021377407101"),
    "31-naive": (post(timestamp="2025-07-29T20:15:43"), "read as Asia/Seoul"),
    "63-address-too-long": (post(url="https://a.example/" + "x" * 9000), "url"),
}


@pytest.mark.parametrize("case", WARNED)
def test_what_was_odd_is_said_in_the_warnings(case: str, tmp_path: Path) -> None:
    record, warning = WARNED[case]
    lake = landed(tmp_path, f"[{record if isinstance(record, str) else json.dumps(record)}]")
    (row,) = rows(lake)
    assert any(warning in said for said in row["warnings"])
    assert landed_files(lake, FIRST, LAST)["warnings"].to_pylist() == [1]


def test_row_2_complete_lines_are_kept_and_the_cut_one_is_quarantined(tmp_path: Path) -> None:
    lake = landed(tmp_path, f"{GOOD}\n{json.dumps(post(id='2', shortCode='B'))}\n{GOOD[:80]}")
    assert [row["post_id"] for row in rows(lake)] == ["2", "3697661021377407101"]
    assert quarantine_table(lake)["index"].to_pylist() == [2]


@pytest.mark.parametrize("place", [0, 1, 2])
def test_row_5_one_line_that_is_not_utf_8_is_quarantined_alone(place: int, tmp_path: Path) -> None:
    lines = [json.dumps(post(id=str(n), shortCode=f"C{n}"), ensure_ascii=False).encode() for n in range(3)]
    lines[place] = lines[place].replace(b"moon", b"mo\xffon")
    lake = landed(tmp_path, b"\n".join(lines))
    assert len(rows(lake)) == 2
    assert quarantine_table(lake)["index"].to_pylist() == [place]


def test_row_4_another_encoding_is_read_when_the_setting_names_it(tmp_path: Path) -> None:
    settings = load_settings(ingest={"encoding": "cp949"})
    (row,) = rows(landed(tmp_path, WITH_CP949, settings=settings))
    assert row["caption"] == "안녕하세요 여러분"


def test_row_10_an_empty_array_lands_with_no_rows_and_a_warning(tmp_path: Path) -> None:
    (file,) = landed_files(landed(tmp_path, "[]"), FIRST, LAST).to_pylist()
    assert (file["records"], file["posts"], file["warnings"]) == (0, 0, 1)


@pytest.mark.parametrize("followers", [0, None, ...], ids=["zero", "null", "missing"])
def test_row_18_a_profile_without_followers_is_taken_with_a_warning(followers: Any, tmp_path: Path) -> None:
    lake = landed(tmp_path, [profile(followersCount=followers)])
    (row,) = read_profiles(lake, ["sun_diary"]).to_pylist()
    assert row["followers"] == (0 if followers == 0 else None)
    assert "followersCount" in row["warnings"][0]


def test_row_21_the_hash_is_of_the_caption_as_received(tmp_path: Path) -> None:
    hashes = {only(tmp_path / str(n), [post(caption=text)])["caption_sha256"] for n, text in enumerate(["a\x00", "a"])}
    assert len(hashes) == 2


def test_row_26_and_27_doubled_observations_are_counted_and_conflicts_said(tmp_path: Path) -> None:
    lake = landed(tmp_path, [post(), post(likesCount=150), post()])
    (row,) = rows(lake)
    assert "conflict" in row["warnings"][-1]
    (file,) = landed_files(lake, FIRST, LAST).to_pylist()
    assert (file["posts"], file["duplicates"], file["warnings"]) == (3, 2, 2)


def test_row_28_an_id_that_is_not_its_shortcodes_is_another_look_at_the_shortcodes_post(tmp_path: Path) -> None:
    records = [post(), post(id="99", likesCount=7), post(id="5", shortCode="F")]
    lake = landed(tmp_path, records)
    assert [(row["post_id"], row["likes"]) for row in rows(lake)] == [("3697661021377407101", 120), ("5", 120)]
    assert quarantine_table(lake).num_rows == 0


def test_row_28_two_posts_that_agree_with_themselves_are_two_posts(tmp_path: Path) -> None:
    numbers = [3697661021377407101, 3697661021377407102]
    lake = landed(tmp_path, [post(id=str(number), shortCode=shortcode_of(number)) for number in numbers])
    assert [(row["post_id"], row["warnings"]) for row in rows(lake)] == [(str(number), []) for number in numbers]


def test_row_33_a_local_time_that_clocks_skip_is_quarantined(tmp_path: Path) -> None:
    settings = load_settings(time_zone="America/New_York")
    lake = landed(tmp_path, [post(timestamp="2025-03-09T02:30:00")], settings=settings)
    assert "clocks skip" in quarantine_table(lake)["reason"].to_pylist()[0]


def test_row_38_and_39_owner_is_found_by_id_first_and_the_nearest_profile_counts(tmp_path: Path) -> None:
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


def test_row_40_children_of_children_take_their_parents_place(tmp_path: Path) -> None:
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


def test_row_42_a_field_missing_in_many_records_fails_the_file(tmp_path: Path) -> None:
    records = [post(id=str(n), shortCode=str(n)) for n in range(20)]
    records += [post(id=f"x{n}", timestamp=...) for n in range(3)]
    with pytest.raises(FileError, match=r"schema drift: timestamp is missing in 3 of 23 records \(13%\)"):
        landed(tmp_path, records)


def test_row_42_error_items_do_not_count_as_drift(tmp_path: Path) -> None:
    records = [post(), *({"error": "not_found", "inputUrl": f"a{n}"} for n in range(50))]
    assert quarantine_table(landed(tmp_path, records)).num_rows == 50


@pytest.mark.parametrize("shape", ["array", "lines"])
def test_row_43_a_record_above_the_cap_ends_the_file(shape: str, tmp_path: Path) -> None:
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
def test_row_46_what_is_no_plain_file_is_refused(case: str, tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"posts\.json"):
        landing.land_file(special(tmp_path, case), UPath(tmp_path / "lake"), settings=SETTINGS)


def test_row_46_a_folder_is_read_through_and_others_in_it_are_counted(tmp_path: Path) -> None:
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


def test_row_46_a_file_that_may_not_be_read_is_refused() -> None:
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
