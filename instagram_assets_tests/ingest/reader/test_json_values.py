"""No text costs more than its length, and none is a traceback."""

import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instagram_assets.ingest.reader.json_values import MAX_DEPTH, TOO_DEEP, BadRecord, parse

MB = 1 << 20


def deep(inner: str, levels: int = 80) -> str:
    return f'{{"a": {"[" * levels}{inner}{"]" * levels}, "b": 1}}'


LONG = {
    "a-long-text": deep(f'"{"x" * 4 * MB}"'),
    "a-text-of-escapes": deep('"' + r"\n" * 2 * MB + '"'),
    "a-text-of-quotes": deep('"' + r"\"" * 2 * MB + '"'),
    "many-digits": f'{{"a": {"1" * 4 * MB}, "b": 1}}',
    "many-numbers": f'{{"a": [{",".join(["1" * 5000] * 800)}], "b": 1}}',
    "a-key-that-stands-often": "{" + ", ".join(['"a": [1]'] * 100_000) + ', "b": 1}',
    "many-keys-that-stand-twice": "{" + ", ".join(f'"k{n // 2}": 1' for n in range(200_000)) + ', "b": 1}',
    "deep-and-a-key-that-stands-twice": deep('{"a": 1, "a": 2}'),
}


@pytest.mark.parametrize("case", LONG)
def test_memory_and_result_do_not_depend_on_what_a_text_is_made_of(case: str) -> None:
    text = LONG[case]
    tracemalloc.start()
    value, end = parse(text, 0)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (end, value["b"]) == (len(text), 1)
    assert peak < 40 * MB


@pytest.mark.parametrize("inner", ['"' + r"\"" * 2 * MB, '"' + "x" * 4 * MB, "[" * 500_000, '"\\'])
def test_a_deep_text_that_is_cut_is_looked_at_once(inner: str) -> None:
    with pytest.raises(json.JSONDecodeError):
        parse('{"a": ' + "[" * 80 + inner, 0)


@pytest.mark.parametrize("levels", [900, 1000, 1001, 100_000])
def test_what_is_nested_beyond_reason_is_a_bad_record_with_its_end(levels: int) -> None:
    text = "[" * levels + "]" * levels
    value, end = parse(f"  {text}, 1", 2)
    assert end == 2 + levels * 2
    assert isinstance(value, BadRecord) == (levels > 1000)


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(VALUES, st.integers(MAX_DEPTH + 1, 90), st.text(" [{", max_size=3))
def test_what_stands_around_a_deep_place_is_read_as_it_is(value: Any, levels: int, before: str) -> None:
    text = json.dumps({"a": value, "deep": 0, "z": value}).replace('"deep": 0', f'"deep": {"[" * levels}{"]" * levels}')
    found, end = parse(before + text + "]", len(before))
    assert end == len(before) + len(text)
    assert (found["a"], found["z"]) == (value, value)
    inner = found["deep"]
    while isinstance(inner, list):
        (inner,) = inner  # pyright: ignore[reportUnknownVariableType]
    assert inner == TOO_DEEP


def test_the_place_of_an_error_behind_a_deep_place_is_told() -> None:
    text = f'  {{"a": {"[" * 90}{"]" * 90}, oops}}'
    with pytest.raises(json.JSONDecodeError) as caught:
        parse(text, 2)
    assert caught.value.pos == text.index("oops")
