"""Names, e-mail addresses and telephone numbers are taken out of texts, and nothing else is."""

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instagram_assets.privacy.masking import mask
from instagram_assets.privacy.pii_patterns import EMAIL, LINK, NOT_A_NAME, PHONE


def scrubbed(text: str) -> str:
    return mask(text, lambda name: f"<{len(name)}>", ())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("@jane.doe so pretty", "@<8> so pretty"),
        ("@jane_doe님 예뻐요", "@<8>님 예뻐요"),
        ("with @jane.doe and thanks.@jane.doe", "with @<8> and thanks.@<8>"),
        ("예뻐요@jane", "예뻐요@<4>"),
        ("＠jane and ﹫jane", "＠<4> and ﹫<4>"),
        ("@\u200bjane", "@\u200b<4>"),
        ("@육아맘 안녕", "@<3> 안녕"),
        ("&#64;jane &#x40;jane %40jane", "&#64;<4> &#x40;<4> %40<4>"),
        ("@jane@june", "@<4>@<4>"),
        ("@jane.", "@<4>."),
        ("<b>@jane</b>", "<b>@<4></b>"),
    ],
)
def test_what_stands_behind_an_at_is_a_name(text: str, expected: str) -> None:
    assert scrubbed(text) == expected


@pytest.mark.parametrize(
    "address",
    [
        "https://www.instagram.com/jane_doe/?hl=ko",
        "instagram.com/jane",
        "https://t.me/jane",
        "https://a.example/p/DNQ/",
    ],
)
def test_a_web_address_is_masked_whole(address: str) -> None:
    assert scrubbed(f"see {address}.") == f"see {LINK}."


@pytest.mark.parametrize(
    "address",
    [
        "jane.doe+x@naver.com",
        "jane＠naver.com",
        "jane @ naver.com",
        "jane(at)naver.co.kr",
        "jane골뱅이naver.com",
        "é@x.fr",
    ],
)
def test_an_email_address_is_masked_whole(address: str) -> None:
    assert scrubbed(f"문의 {address} 주세요") == f"문의 {EMAIL} 주세요"


@pytest.mark.parametrize(
    "number",
    [
        *(
            "010-1234-5678",
            "01012345678",
            "010 1234 5678",
            "010.1234.5678",
            "010)1234-5678",
            "０１０-１２３４-５６７８",
        ),
        *("+82 10-1234-5678", "(+82) 10-1234-5678", "02-123-4567", "1588-1234", "+49 151 23456789", "(415) 555-1234"),
        *("110-123-456789", "공일공 일이삼사 오육칠팔", "영일공일이삼사오육칠팔"),
    ],
)
def test_a_telephone_number_is_masked_however_it_is_written(number: str) -> None:
    assert scrubbed(f"연락{number}로") == f"연락{PHONE}로"


@pytest.mark.parametrize(
    "text",
    [
        *("2025-07-29 12:30에 봐요", "2025. 7. 29. 토요일", "20250729", "1,000,000원", "3.14159", "100% 1/2 10:30"),
        *("♥️♥️♥️", "ㅋㅋㅋㅋ", "#육아일기 #2025", "a @ b", "", "@", "<p>5 > 3</p>", "이 사이즈 130 있나요?", "1588년"),
    ],
)
def test_what_is_about_nobody_stays(text: str) -> None:
    assert scrubbed(text) == text


@given(st.text(st.sampled_from("a1 @.＠-_+(0가공일\n<&#64;"), max_size=60) | st.text(max_size=60))
@settings(max_examples=300, deadline=None)
def test_no_at_is_left_before_a_name_that_nobody_was_asked_about(text: str) -> None:
    result = mask(text, lambda _: "\uf8ff", ())
    for place, character in enumerate(result[:-1]):
        if character in "@＠" and not re.match(NOT_A_NAME, result[place + 1 :]):
            assert not result[place + 1].isalnum() or result[place + 1] == "\uf8ff"


@pytest.mark.parametrize(
    "part",
    [
        *("a", "1", " ", "@", "@a", "a.", "1 ", "0-", "공일", ".", "a@a.", "(", "instagram.com/", "%40", "&#64;"),
        *("kakao: a", "카톡 a", "카톡", "line id ", "e:", "a-", "a.kr", "a.kr.", "1234-", "4111 ", "신한 1", "1-"),
        *("abcd\n", "abcd \r\n> ", "c3VuX2RpYXJ5/", "공1공-1234-5678", "010-1234-5678/", "\u2764\ufe0f", "\u2026"),
    ],
)
def test_a_text_of_a_hundred_thousand_characters_takes_no_long_time(part: str) -> None:
    text = part * (100_000 // len(part))
    begun = time.perf_counter()
    mask(text, str, {"jane"})
    assert time.perf_counter() - begun < 5
