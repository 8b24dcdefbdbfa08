"""Base64 of a word is found and read in the midst of any other bytes, in both alphabets."""

import base64

from hypothesis import given
from hypothesis import strategies as st

from instagram_assets.schemas.account_names import base64_core, base64_decodings, split_base64


@given(st.binary(max_size=40), st.binary(min_size=3, max_size=20), st.binary(max_size=40), st.booleans())
def test_a_word_is_found_by_its_letters_whatever_stands_around_it(
    before: bytes, word: bytes, after: bytes, for_addresses: bool
) -> None:
    run = base64.b64encode(before + word + after).decode().rstrip("=")
    letters = base64_core(word, len(before) % 3)
    place = 4 * (len(before) // 3) + (0, 2, 3)[len(before) % 3]
    assert run[place : place + len(letters)] == letters
    written = run.replace("+", "-").replace("/", "_") if for_addresses else run
    assert (before, word + after) in list(split_base64(written, place))


@given(st.binary(min_size=1, max_size=60), st.integers(0, 3))
def test_a_run_is_read_from_each_of_its_first_letters(data: bytes, letters: int) -> None:
    run = "Aaaa"[:letters] + base64.b64encode(data).decode().rstrip("=")
    assert data in list(base64_decodings(run))


@given(st.text("Ab9-_/", max_size=20), st.integers(0, 19))
def test_any_run_can_be_read(run: str, place: int) -> None:
    assert len(list(base64_decodings(run))) == min(4, len(run))
    assert len(list(split_base64(run, place))) <= 3
