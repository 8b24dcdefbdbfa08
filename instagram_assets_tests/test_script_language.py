"""The language of a text is told by its letters."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import settings as how
from hypothesis import strategies as st

from instagram_assets.script_language import detect_language


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("오늘은 비가 와서 집에서 놀았어요.", "ko"),
        (unicodedata.normalize("NFD", "자전거 타고 도서관"), "ko"),
        ("ㅋㅋㅋㅋ", "ko"),
        ("스토케 유모차 OK 축하합니다 우리 아기", "ko"),
        ("A quiet morning 👶🏻 café", "en"),
        ("𝑷𝒂𝒑𝒆𝒓 𝒅𝒂𝒚", "en"),
        ("ＦＵＬＬ width", "en"),
        ("OOTD 아기옷은 zara kids 에서 샀어요", "mixed"),
        ("かわいい 協賛", "other"),
        ("Москва", "other"),
        ("かわいい 아기", "other"),
        ("", None),
        ("👶🏻❤️ 100 !! …", None),
        ("\x00\u202e\ud83d", None),
    ],
)
def test_the_language_is_that_of_the_letters(text: str, found: str | None) -> None:
    assert detect_language(text) == found


@how(deadline=None)
@given(st.text())
def test_any_text_has_one_of_the_languages_or_none(text: str) -> None:
    assert detect_language(text) in ("ko", "en", "mixed", "other", None)


@how(deadline=None)
@given(st.text())
def test_the_language_does_not_depend_on_how_letters_are_composed(text: str) -> None:
    assert detect_language(unicodedata.normalize("NFD", text)) == detect_language(unicodedata.normalize("NFC", text))
