"""Records that are parted and parsed many at a time are what they are one by one."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instagram_assets.errors import FileError
from instagram_assets.ingest.reader.bulk_json import UNREAD, quick_value, split_values
from instagram_assets.ingest.reader.json_values import BadRecord, parse
from instagram_assets.ingest.reader.record_reader import read_batches
from instagram_assets.settings import load_settings
from instagram_assets_tests.ingest.reader.test_record_reader import VALUES, WHITE
from instagram_assets_tests.ingest.records import LIMITS, post, write

# Texts that look like what stands between two records, or end too early for a careless eye.
TRAPS = st.sampled_from(['},{"id":', '"},{"id":1', "},{", "\\", '\\"},{', "[[[", "}}}]", '":"', "a\\\\"])
POSTS = st.dictionaries(st.sampled_from(["id", "text", "childPosts"]) | TRAPS, VALUES | TRAPS, min_size=1, max_size=4)
NESTED = st.builds(lambda inner, outer: {"id": 1, "childPosts": inner, **outer}, st.lists(POSTS, max_size=4), POSTS)


@given(st.lists(POSTS | NESTED, max_size=8), st.lists(WHITE, min_size=5, max_size=5), st.booleans(), st.data())
@settings(max_examples=300, deadline=None)
def test_the_first_records_of_an_array_come_back_as_they_are(
    records: list[dict[str, Any]], white: list[str], plain: bool, data: st.DataObject
) -> None:
    texts = [json.dumps(record, ensure_ascii=plain) for record in records]
    text = "".join(f"{white[0]}{text}{white[1]},{white[2]}" for text in texts) + data.draw(st.sampled_from(["", "]"]))
    cut = text.encode()[: data.draw(st.integers(0, len(text.encode())))]
    found, end = split_values(cut)
    assert [json.loads(text) for text in found] == records[: len(found)]
    assert not found or cut[:end].endswith(b"}")


def test_only_the_record_that_is_cut_is_left_out_whatever_is_nested_in_it() -> None:
    child = {"id": "7", "text": "a},{", "tags": [{"id": 1}, {"id": 2}]}
    for separators in ((",", ":"), (", ", ": ")):
        record = json.dumps({"id": "1", "childPosts": [child] * 40}, separators=separators).encode()
        found, _ = split_values(b",".join([record] * 500) + b"," + record[: len(record) // 2])
        assert found == [record] * 500


def same(one: Any, other: Any) -> bool:
    """Equal, and of the same types: nan like nan, 1 unlike 1.0 and true."""
    return repr(one) == repr(other)


@given(VALUES | st.sampled_from([2**63, -(2**63), 2**64, 10**30, 1e-320, 5e-324, -0.0, 1.7976931348623157e308]))
@settings(max_examples=300, deadline=None)
def test_a_value_is_the_same_read_quickly_and_with_care(value: Any) -> None:
    text = json.dumps(value)
    quick = quick_value(text.encode())
    assert quick is UNREAD or same(quick, parse(text, 0)[0])


@pytest.mark.parametrize(
    "text",
    [
        '{"id": "1", "id": "2"}',
        '{"id": "1", "\\u0069d": "2"}',
        '{"n": [{"id": null, "id": "2"}]}',
        '{"likesCount": NaN}',
        '{"videoDuration": -Infinity}',
        '{"videoDuration": 1e400}',
        f'{{"id": {"9" * 30}}}',
        f'{{"likesCount": {2**63}}}',
        f'{{"likesCount": {"9" * 5000}}}',
        '{"caption": "\\ud83d"}',
        '{"caption": "\\ud83d\\ude00"}',
        '{"caption": "tab\there"}',
        '{"caption": "\\u0000"}',
        f'{{"images": {"[" * 70}{"]" * 70}}}',
        f'{{"images": {"[" * 63}{"]" * 63}}}',
        f'{{"unknown": {"[" * 900}{"]" * 900}}}',
        f'{{"unknown": {"[" * 90_000}{"]" * 90_000}}}',
    ],
)
def test_what_a_strict_parser_refuses_or_hides_is_read_with_care(tmp_path: Path, text: str) -> None:
    expected = parse(text, 0)[0]
    quick = quick_value(text.encode())
    assert quick is UNREAD or same(quick, expected)
    good = json.dumps(post())
    path = write(tmp_path, f"[{','.join([good, text, good, good])}]")
    read: list[Any] = [record for batch in read_batches(path, LIMITS) for _, record in batch]
    assert read[1].error == expected.error if isinstance(expected, BadRecord) else same(read[1], expected)
    assert read[:1] + read[2:] == [post()] * 3


@pytest.mark.parametrize(
    "fault", ["} {", "},, {", "};{", "}, //\n{", '}, "x": 1, {', "},\x00{", "]", '"', "Inf", "\udcff"]
)
def test_a_fault_behind_many_clean_posts_is_named_with_its_place(tmp_path: Path, fault: str) -> None:
    good = json.dumps(post(), ensure_ascii=False)
    texts = [good] * 4000
    before = ",\n".join(texts)
    content = f"[{before},\n{good}{fault}{good},\n{before}]"
    path = write(tmp_path, content.encode("utf-8", "surrogateescape"))
    with pytest.raises(FileError) as caught:
        for _ in read_batches(path, LIMITS):
            pass
    where = "byte" if fault == "\udcff" else "line 4001, column "
    assert where in str(caught.value)
    if fault == "\udcff":
        assert f"byte {len((f'[{before},' + chr(10) + good).encode())}:" in str(caught.value)


def test_a_record_too_large_is_refused_also_behind_clean_posts(tmp_path: Path) -> None:
    limits = load_settings().ingest.model_copy(update={"max_record_mb": 1})
    good = json.dumps(post())
    large = json.dumps(post(caption="x" * (8 << 20)))
    path = write(tmp_path, f"[{','.join([good] * 3000)},{large},{good}]")
    with pytest.raises(FileError, match="larger than 1 MB"):
        list(read_batches(path, limits))
