"""Names are found in every spelling, as whole names, and nothing else is touched."""

import gzip
import json
import zlib
from base64 import b64encode, urlsafe_b64encode
from typing import Any
from urllib.parse import quote

import pytest

from instagram_assets.storage.dagster_history.erased_cells import RANGE_END, RANGE_START, ErasedCells
from instagram_assets.storage.dagster_history.name_matcher import NameMatcher
from instagram_assets.storage.dagster_history.value_rewriter import ValueRewriter

JANE, TAG, POSTS, SEVEN = (
    "forgotten_1a2b3c4d5e6f",
    "forgotten_0123456789ab",
    "forgotten_ba9876543210",
    "forgotten_777777777777",
)
NAMES = {"jane": JANE, "#육아일기": TAG, "posts": POSTS, "7": SEVEN}
IDS = ["C1a_b-Dxyz", "312345678_9876", "e3b0c44298fc1c149afbf4c8996fb924", "44"]
ORDER = ["anna", "jane", "7", "posts", "zoe"]


@pytest.fixture
def rewriter() -> ValueRewriter:
    return ValueRewriter(NameMatcher(NAMES, IDS, {"posts"}), ErasedCells({"accounts": NAMES}, {"accounts": ORDER}))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("jane", JANE),
        ("by jane.", f"by {JANE}."),
        ("jane|2025-01-01", f"{JANE}|2025-01-01"),
        ('he said "jane"', f'he said "{JANE}"'),
        ("/lake/raw_posts/jane/2025-01.parquet", f"/lake/raw_posts/{JANE}/2025-01.parquet"),
        ("inbox/jane.json", f"inbox/{JANE}.json"),
        ("@Jane", f"@{JANE}"),
        ("jane님의", f"{JANE}님의"),
        (r"line\njane\tends", rf"line\n{JANE}\tends"),
        ("u=%2Fjane%2Fp", f"u=%2F{JANE}%2Fp"),
        (r"\u0040jane\u0026", rf"\u0040{JANE}\u0026"),
        ("#육아일기", TAG),
        ("%23" + quote("육아일기"), TAG),
        (quote(quote("#육아일기")), TAG),
        (json.dumps("#육아일기")[1:-1] + " x", f"{TAG} x"),
        (json.dumps(json.dumps("#육아일기")[1:-1])[1:-1] + " x", f"{TAG} x"),
        ("a posts|2025-01-01 of @posts", f"a {POSTS}|2025-01-01 of @{POSTS}"),
        ("7|2025-07-07", f"{SEVEN}|2025-07-07"),
        ("https://www.instagram.com/7/", f"https://www.instagram.com/{SEVEN}/"),
        ("/p/C1a_b-Dxyz/", "/p/forgotten/"),
        ("312345678_9876_n.jpg", "forgotten_n.jpg"),
        ("media/e3/e3b0c44298fc1c149afbf4c8996fb924.jpg", "media/e3/forgotten.jpg"),
        ("44", "forgotten"),
    ],
)
def test_a_name_is_replaced_in_every_spelling(rewriter: ValueRewriter, text: str, expected: str) -> None:
    assert rewriter.text(text) == expected
    assert rewriter.words.mentions(text)
    packed = json.dumps({"__class__": "Some", "text": [text]})
    assert json.loads(rewriter.text(packed)) == {"__class__": "Some", "text": [expected]}
    assert json.loads(rewriter.text(json.dumps(packed))) == json.dumps({"__class__": "Some", "text": [expected]})


@pytest.mark.parametrize(
    "text",
    [
        *("jane_doe", "jane.b", "xjane", "_jane", "x.jane", "jane2", "%5Fjane", "jane.blogspot.com", "JANET"),
        *("#육아일기장", json.dumps("#육아일기장")[1:-1] + " x", quote("#육아일기장")),
        *("posts", "a step of posts", '["posts"]', "17|2025-01-01", "7 posts", "2025-07-07", "144", "440", "a 44"),
        *("xC1a_b-Dxyz", "312345678_98765", "e3b0c44298fc1c149afbf4c8996fb9244"),
    ],
)
def test_other_names_and_words_stay_as_they_are(rewriter: ValueRewriter, text: str) -> None:
    assert rewriter.text(text) == text
    assert rewriter.text(json.dumps({text: [text, 7, 44, 7.0]})) == json.dumps({text: [text, 7, 44, 7.0]})


@pytest.mark.parametrize("text", ["a jane b", "posts|2025-01-01", "#육아일기", "media C1a_b-Dxyz here"])
def test_what_is_packed_is_unpacked_and_packed_again(rewriter: ValueRewriter, text: str) -> None:
    clean, content = rewriter.text(text), json.dumps({"cursor": text}).encode()
    expected = json.dumps({"cursor": clean}).encode()
    assert zlib.decompress(rewriter.data(zlib.compress(content))) == expected
    assert gzip.decompress(rewriter.data(gzip.compress(content))) == expected
    assert rewriter.data(text.encode("utf-16")).decode("utf-16") == clean
    assert rewriter.text(b64encode(content).decode()) == b64encode(expected).decode()
    assert rewriter.text(urlsafe_b64encode(content).decode()) == urlsafe_b64encode(expected).decode()
    # A cursor of Dagster's automation: a digit, then base64 of what zlib packed, in JSON.
    cursor = json.dumps({"value": "0" + b64encode(zlib.compress(content)).decode()})
    assert rewriter.words.mentions(cursor)
    assert json.loads(rewriter.text(cursor))["value"] == "0" + b64encode(zlib.compress(expected)).decode()


def test_in_bytes_that_are_no_text_a_mention_is_overwritten_at_its_length(rewriter: ValueRewriter) -> None:
    content = b"\x80\x04\x95jane_doe\x94\xff" + b"jane\x94\xfe"
    assert rewriter.data(content) == b"\x80\x04\x95jane_doe\x94\xff" + b"xxxx\x94\xfe"


def test_what_says_where_the_code_is_stays(rewriter: ValueRewriter) -> None:
    value = {"__class__": "RemoteJobOrigin", "working_directory": "/home/jane/work"}
    assert rewriter.value({"origin": value, "path": "/home/jane/work"}) == {
        "origin": value,
        "path": f"/home/{JANE}/work",
    }


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        (("anna|2025-01-01", "zoe|2025-01-05"), ("anna|2025-01-01", "zoe|2025-01-05")),
        (("jane|2025-01-01", "zoe|2025-01-05"), ("zoe|2025-01-01", "zoe|2025-01-05")),
        (("anna|2025-01-01", "posts|2025-01-05"), ("anna|2025-01-01", "anna|2025-01-05")),
        (("jane", "zoe"), ("zoe", "zoe")),
        (("jane|2025-01-01", "posts|2025-01-05"), None),
        (("gone before|2025-01-01", "jane|2025-01-05"), ("gone before|2025-01-01", "gone before|2025-01-05")),
    ],
)
def test_an_end_of_a_range_moves_to_the_next_account_that_stays(
    rewriter: ValueRewriter, ends: tuple[str, str], expected: tuple[str, str] | None
) -> None:
    assert rewriter.cells.left_of(*ends) == expected
    tags = {RANGE_START: ends[0], RANGE_END: ends[1]}
    assert rewriter.cells.are_all(tags) == (expected is None)
    ranges = {"__class__": "PartitionKeyRange", "start": ends[0], "end": ends[1]}
    if expected:
        assert rewriter.value(tags) == {RANGE_START: expected[0], RANGE_END: expected[1]}
        assert rewriter.value([ranges]) == [{**ranges, "start": expected[0], "end": expected[1]}]
    else:
        assert rewriter.value({"key_ranges": [ranges]}) == {"key_ranges": []}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (
            {"__class__": "DefaultPartitionsSubset", "subset": {"__set__": ["jane|2025-01-01", "anna|2025-01-01"]}},
            ["anna|2025-01-01"],
        ),
        ({"version": 1, "subset": ["jane|2025-01-01"]}, []),
        ({"partition_names": ["jane|2025-01-01", "zoe|2025-01-01", "posts|2025-01-01"]}, ["zoe|2025-01-01"]),
        ({"partition_keys": ["posts", "anna"]}, ["anna"]),
        ({"names": ["anna", "jane"]}, ["anna"]),
        ({"names": ["jane"]}, [JANE]),  # none would mean all
        ({"files": ["jane.json", "anna.json"]}, [f"{JANE}.json", "anna.json"]),
        ({"step_keys_to_execute": ["posts", "jane"]}, ["posts", JANE]),
    ],
)
def test_keys_of_partitions_leave_their_lists(
    rewriter: ValueRewriter, value: dict[str, Any], expected: list[str]
) -> None:
    changed = json.loads(rewriter.text(json.dumps(value)))
    assert changed.keys() == value.keys()
    inner = list(changed.values())[-1]
    assert (inner["__set__"] if isinstance(inner, dict) else inner) == expected


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"ops": {"collect": {"config": {"name": "posts", "names": ["jane"]}}}}, True),
        ({"ops": {"collect": {"config": {"name": "posts", "names": ["jane", "anna"]}}}}, False),
        ({"ops": {"collect": {"config": {"names": []}}}}, False),
        ({"ops": {"landed": {"config": {"account": "jane", "files": ["a.json"]}}}}, True),
        ({"ops": {"landed": {"config": {"account": "", "files": ["jane.json"]}}}}, False),
        ({}, False),
        (None, False),
    ],
)
def test_a_run_that_was_asked_for_forgotten_accounts_alone_is_known(
    rewriter: ValueRewriter, config: Any, expected: bool
) -> None:
    assert rewriter.cells.are_all_of(config) == expected


def test_many_identifiers_are_found_as_a_few_are() -> None:
    many = [f"{number:032x}" for number in range(10**6, 10**6 + 5000)]
    words = NameMatcher({"jane": JANE}, [*many, "C1a_b-Dxyz"])
    assert words.mentions(f"image {many[17]} failed")
    assert words.replaced(f"image {many[17]} of C1a_b-Dxyz") == "image forgotten of forgotten"
    assert not words.mentions(f"image {10**7:032x} failed")


@pytest.mark.parametrize("name", ["#일상", "#육아일기", "한글날", "#ünique", "#日記"])
def test_words_of_the_program_are_no_suspicion_of_a_name_beyond_ascii(name: str) -> None:
    words = NameMatcher({name: TAG})
    text = "execution of a step; exec, xe1, ue, xe6, u0041 and xc3 in hexadecimal"
    assert not words.mentions(text)
    assert not words.may_be_among(text)
    escaped = json.dumps(name)[1:-1]
    python = repr(name.encode())[2:-1]
    for spelling in (
        name,
        escaped,
        json.dumps(escaped)[1:-1],
        quote(name),
        quote(quote(name)),
        python,
    ):
        assert words.mentions(f"a {spelling} b")
        assert words.may_be_among(f"a{spelling}b")


def test_where_columns_run_together_a_name_that_is_a_word_is_one_where_an_account_or_a_cell_is_meant() -> None:
    words = NameMatcher({"posts": POSTS, "jane": JANE}, IDS, {"posts"})
    for text in (
        "MADEjane|2025",
        "MADEposts|2025",
        "by @posts",
        "x/posts/",
        "atC1a_b-Dxyzat",
        b64encode(b"of jane!!").decode(),
    ):
        assert words.may_be_among(text), text
    for text in ("raw_posts", "the posts of", "44", "nobody"):
        assert not words.may_be_among(text), text
