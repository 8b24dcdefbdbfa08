"""Ids and short codes are two spellings of one number."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instagram_assets.ingest.post_ids import post_id_of, shortcode_of

CHARACTERS = string.ascii_letters + string.digits + "-_"


def test_a_known_code_stands_for_its_known_id() -> None:
    assert post_id_of("DNQuxufAih9") == 3697661021377407101
    assert shortcode_of(3697661021377407101) == "DNQuxufAih9"


@given(st.integers(0, 2**63 - 1))
def test_every_id_comes_back_from_its_code(number: int) -> None:
    assert post_id_of(shortcode_of(number)) == number


@given(st.integers(2**40, 2**63 - 1), st.text(CHARACTERS, min_size=28, max_size=28))
def test_the_key_behind_a_private_posts_code_is_no_part_of_the_number(number: int, key: str) -> None:
    assert post_id_of(shortcode_of(number) + key) == number


@pytest.mark.parametrize("text", ["", "a b", "카페", "DNQuxufAih9/", "_" * 11, "A" * 12, "B" * 28])
def test_what_is_no_code_has_no_number(text: str) -> None:
    assert post_id_of(text) is None


@given(st.text(CHARACTERS, min_size=1, max_size=10))
def test_a_code_is_its_number_written_without_leading_zeros(code: str) -> None:
    number = post_id_of(code)
    assert number is not None
    assert shortcode_of(number) == (code.lstrip("A") or "A")
