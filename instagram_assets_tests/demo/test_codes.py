"""Ids and short codes are two spellings of one number."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instagram_assets.demo.codes import media_id, number_of, short_code


def test_a_known_code_stands_for_its_known_id() -> None:
    assert number_of("DNQuxufAih9") == 3697661021377407101
    assert short_code(3697661021377407101) == "DNQuxufAih9"


@given(st.integers(0, 2**63 - 1))
def test_every_id_comes_back_from_its_code(number: int) -> None:
    assert number_of(short_code(number)) == number


@given(st.text(min_size=1))
def test_a_code_is_read_or_refused_but_never_guessed(text: str) -> None:
    if all(character.isascii() and (character.isalnum() or character in "-_") for character in text):
        assert short_code(number_of(text)) == (text.lstrip("A") or "A")
        return
    with pytest.raises(ValueError, match="substring not found"):
        number_of(text)


def test_a_later_upload_has_a_larger_id() -> None:
    morning, noon = datetime(2026, 10, 19, 8, tzinfo=UTC), datetime(2026, 10, 19, 12, tzinfo=UTC)
    assert media_id(morning, 2**23 - 1) < media_id(noon, 0) < 2**63
