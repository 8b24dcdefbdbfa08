"""Reasons of left-out images in both languages."""

import pytest

from instagram_assets.web.reasons import NAMES, reason_words
from instagram_assets.web.words import LANGUAGES, words_in


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_reason_has_words(language: str) -> None:
    assert {f"reasons.{name}" for name in NAMES} == {
        name for name in words_in(language).names() if name.startswith("reasons.")
    }


@pytest.mark.parametrize(
    ("reason", "korean"),
    [
        ("smaller than 300 px (240 x 180)", "300px보다 작음 (240 × 180)"),
        (
            "smaller than 300 px (240 x 180); blurred: sharpness 1.5 below 50",
            "300px보다 작음 (240 × 180); 흐림: 선명도 1.5, 기준은 50 이상",
        ),
        ("doubled: same picture as result 3, which was dropped by hand", "직접 제외한 검색 결과 3번과 같은 그림"),
        ("in cluster 1, which is not the subject", "대상이 아닌 1번 군집에 속함"),
        ("beyond the limit of 50 images", "최대 50장을 넘음"),
        ("dropped by hand: 개; {rank} {0} %s", "직접 제외함: 개; {rank} {0} %s"),
        ("not fetched: HTTP 404", "내려받지 못함: HTTP 404"),
        ("blurred: sharpness 1 below 50; original: HTTP 404", "흐림: 선명도 1, 기준은 50 이상; original: HTTP 404"),
        ("what nobody knows", "what nobody knows"),
        ("", ""),
    ],
)
def test_a_reason_is_said_in_words_and_what_is_not_known_stays(reason: str, korean: str) -> None:
    assert reason_words(words_in("ko"), reason) == korean


def test_kinds_of_reasons_without_their_numbers_have_words_too() -> None:
    assert reason_words(words_in("en"), "doubled") == "there twice"
    assert reason_words(words_in("ko"), "blurred") == "흐림"
