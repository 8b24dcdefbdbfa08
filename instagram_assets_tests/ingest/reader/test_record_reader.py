"""Whatever shape a file has, its records come out the same."""

import gzip
import json
import lzma
import os
import tempfile
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instagram_assets.errors import FileError
from instagram_assets.ingest.reader import byte_streams
from instagram_assets.ingest.reader import record_reader as reading
from instagram_assets.ingest.reader.json_values import BadRecord
from instagram_assets_tests.ingest.records import LIMITS, post, write

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
RECORDS = st.lists(st.dictionaries(TEXT, VALUES, max_size=5), max_size=6)
WHITE = st.text(" \n\t\r", max_size=3)


def records_of(path: Path) -> Iterator[Any]:
    return (record for _, record in reading.read_records(path, LIMITS))


def read(content: bytes) -> list[Any]:
    with tempfile.TemporaryDirectory() as folder:
        return list(records_of(write(Path(folder), content)))


@st.composite
def layouts(draw: st.DrawFn) -> tuple[list[dict[str, Any]], bytes]:
    """Records, and a file of them in one of the shapes that we read."""
    records = draw(RECORDS)
    plain = draw(st.booleans())
    texts = [json.dumps(record, ensure_ascii=plain) for record in records]
    white = draw(st.lists(WHITE, min_size=2 * len(texts) + 4, max_size=2 * len(texts) + 4))
    shape = draw(st.sampled_from(["array", "data", "items"] + (["lines"] if records else [])))
    if shape == "lines":
        content = draw(st.sampled_from(["\n", "\r\n", "\n\n"])).join(texts) + draw(st.sampled_from(["", "\n"]))
    else:
        spaced = ",".join(white[2 * n] + text + white[2 * n + 1] for n, text in enumerate(texts))
        content = f"{white[-4]}[{white[-3]}{spaced}]{white[-2]}"
        if shape != "array":
            content = (
                f'{white[-4]}{{{white[-2]}"count": 3, {white[-3]}"{shape}":{content}, "next": {{"a": [1]}}}}{white[-1]}'
            )
    data = content.encode()
    data = b"\xef\xbb\xbf" + data if draw(st.booleans()) else data
    return records, draw(st.sampled_from([bytes, gzip.compress, lzma.compress]))(data)


@given(layouts(), st.integers(1, 40))
@settings(max_examples=300, deadline=None)
def test_every_layout_and_chunking_gives_the_same_records(layout: tuple[Any, bytes], chunk: int) -> None:
    records, content = layout
    before = byte_streams.CHUNK, reading.SNIFFED_BYTES
    byte_streams.CHUNK, reading.SNIFFED_BYTES = chunk, 200
    try:
        assert read(content) == records
    finally:
        byte_streams.CHUNK, reading.SNIFFED_BYTES = before


@given(st.binary(max_size=300))
@settings(max_examples=300, deadline=None)
def test_any_bytes_give_records_or_a_clear_error(content: bytes) -> None:
    try:
        found = read(content)
    except FileError as refused:
        found, named = [], refused.file
    else:
        named = "posts.json"
    assert named.endswith("posts.json")
    assert all(isinstance(record, dict | BadRecord) for record in found)


@given(RECORDS.filter(lambda records: len(records) > 0), st.data())
@settings(max_examples=150, deadline=None)
def test_a_cut_array_is_never_taken_for_a_whole_one(records: list[dict[str, Any]], data: st.DataObject) -> None:
    whole = json.dumps(records).encode()
    cut = data.draw(st.integers(1, len(whole) - 1))
    with pytest.raises(FileError, match=r"middle of"):
        read(whole[:cut])


def test_a_bad_element_keeps_its_place_among_the_good_ones(tmp_path: Path) -> None:
    (found,) = reading.read_batches(write(tmp_path, '[{"a": 1}, 7, {"a": 2}]'), LIMITS)
    assert [place for place, _ in found] == [0, 1, 2]
    assert isinstance(list(found)[1][1], BadRecord)


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    def peak(number: int) -> int:
        path = write(tmp_path, "[" + ",".join([json.dumps(post(caption="가" * 500))] * number) + "]")
        tracemalloc.start()
        assert sum(1 for _ in records_of(path)) == number
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    assert peak(12_000) < 2 * peak(3_000)  # four times the file; when garbage is collected moves the peak


@pytest.mark.bad_input("unfinished file")
def test_a_file_that_grows_while_it_is_read_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, [post()] * 5_000)
    records = records_of(path)
    next(records)
    with open(path, "ab") as stream:
        stream.write(b" ")
    with pytest.raises(FileError, match="changed while it was read"):
        list(records)


def test_a_file_that_is_written_over_in_place_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, [post()] * 5_000)
    records = records_of(path)
    next(records)
    os.utime(path, ns=(1, 1))
    with pytest.raises(FileError, match="changed while it was read"):
        list(records)


@pytest.mark.parametrize("compress", [gzip.compress, lzma.compress], ids=["gzip", "xz"])
def test_packed_files_of_several_parts_are_read_to_their_end(compress: Any, tmp_path: Path) -> None:
    packed = compress(b'[{"a": 1},') + compress(b'{"a": 2}]')
    assert list(records_of(write(tmp_path, packed))) == [{"a": 1}, {"a": 2}]
