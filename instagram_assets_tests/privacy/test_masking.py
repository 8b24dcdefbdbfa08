"""Texts that go out: whatever names a person, or reaches one, is replaced, and all else stays as it was."""

import time
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instagram_assets.privacy.masking import is_standalone_name, mask
from instagram_assets.privacy.pii_patterns import EMAIL, LINK, PHONE
from instagram_assets.schemas.account_names import is_distinctive

NAMES = frozenset(["sun_diary", "demo.sol.garden", "mina"])
CASES = [
    ("문의 010-1234-5678 주세요", "문의 [phone] 주세요"),
    ("01012345678", "[phone]"),
    ("010.1234.5678 / 010 1234 5678", "[phone] / [phone]"),
    ("+82 10-1234-5678", "[phone]"),
    ("+82-(0)10-1234-5678", "[phone]"),
    ("+821012345678", "[phone]"),
    ("82-10-1234-5678", "[phone]"),
    ("서울 02-123-4567, 부산 (051) 123-4567", "서울 [phone], 부산 [phone]"),
    ("0505-123-4567", "[phone]"),
    ("1588-1234", "[phone]"),
    ("+44 7911 123456", "[phone]"),
    ("call (555) 123-4567!", "call [phone]!"),
    ("2026. 5. 010-1234-5678", "2026. 5. [phone]"),
    ("06 12 34 56 78", "[phone]"),
    ("010-1234-5678/02-123-4567", "[phone]/[phone]"),
    ("02-123-4567/031-123-4567/1588-1234", "[phone]/[phone]/[phone]"),
    ("031.123.4567,1588-1234", "[phone],[phone]"),
    ("010-1234-5678https://open.example/o/1", "[phone][link]"),
    ("공1공-1234-5678open.example/o/1", "[phone][link]"),
    ("kim@naver.com공일공-1234-5678", "[e-mail][phone]"),
    *(
        (f"{before}{number}", f"{before}[phone]")
        for before in ("Tel.", "문의,", "T.")
        for number in ("1588-1234", "1800-1234", "(555) 123-4567", "06 12 34 56 78", "07911 123456", "110-123-456789")
    ),
    ("mina.kim@naver.com님", "[e-mail]님"),
    ("write to a+b@mail.example.co.kr.", "write to [e-mail]."),
    ("kim (at) naver.com", "[e-mail]"),
    ("https://linktr.ee/sun_diary.", "[link]."),
    ("(www.instagram.com/p/C123/)", "([link])"),
    ("instagram.com/sun_diary/", "[link]"),
    ("linktr.ee/abc#육아", "[link]#육아"),
    ("with @someone.else님", "with @x_someone.else님"),
    ("thanks.@jane.doe", "thanks.@x_jane.doe"),
    ("＠jane", "＠x_jane"),
    ("&#64;jane %40jane @\u200bjane", "&#64;x_jane %40x_jane @\u200bx_jane"),
    *(
        (number, "[phone]")
        for number in (
            *(
                "공일공 일이삼사 오육칠팔",
                "공1공-1234-5678",
                "010-일이삼사-오육칠팔",
                "O1O-1234-5678",
                "010 1234 오육칠팔",
            ),
            *(
                "010  1234  5678",
                "010·1234·5678",
                "010--1234--5678",
                "010~1234~5678",
                "010_1234_5678",
                "010ㅡ1234ㅡ5678",
            ),
            *(
                "０１０－１２３４－５６７８",
                "０１０１２３４５６７８",
                "0082-10-1234-5678",
                "(+82)10-1234-5678",
                "1588 1234",
            ),
            *("900101-1234567", "110-123-456789", "123456-78-901234", "3333-01-1234567", "10-1234-5678", "1800-1234"),
        )
    ),
    ("Tel.010-2222-3333", "Tel.[phone]"),
    ("#문의,010-5555-6666", "#문의,[phone]"),
    ("010-5555-6666,010-7777-8888", "[phone],[phone]"),
    ("1.010-5555-6666", "1.[phone]"),
    ("#01077778888", "#[phone]"),
    *((mail, "[e-mail]") for mail in ("kim @ naver.com", "kim @naver.com", "지은@naver.com", "kim%40naver.com")),
    *((mail, "[e-mail]") for mail in ("kim&#64;naver.com", "kim\u200b@naver.com", "kim [at] naver [dot] com")),
    ("someone.tistory.com 블로그", "[link] 블로그"),
    ("my-shop.cafe24.com", "[link]"),
    ("@김지은 @ unknown_person", "@x_김지은 @ x_unknown_person"),
    ("@\u2063jane @\ufeffjane", "@\u2063x_jane @\ufeffx_jane"),
    ("SUN_DIARY와 mina", "x_SUN_DIARY와 x_mina"),
    ("#sun_diary #산책", "#x_sun_diary #산책"),
    ("demo.sol.garden.jpg", "x_demo.sol.garden.jpg"),
    *(
        (f"입금 {number} (예금주)", "입금 [phone] (예금주)")
        for number in (
            *("301-0123-4567-81", "302-0123-4567-81", "352-1234-5678-93", "112-2001-2345-06"),
            *("1000-1234-5678", "1001-2345-6789", "1010-1234-5678", "9002-1234-5678-9"),
            *("4111-1111-1111-1111", "4111 1111 1111 1111", "3782 822463 10005", "3782-822463-10005"),
        )
    ),
    *(
        (f"{bank}110123456789 으로", f"{bank}[phone] 으로")
        for bank in (
            "신한 ",
            "국민은행 ",
            "카뱅",
            "케이뱅크: ",
            "NH ",
            "새마을금고 ",
            "계좌번호 ",
            "계좌: ",
            "계좌번호 : ",
            "입금 : ",
            "(하나)",
        )
    ),
    ("우리 12-345-67-8901, 하나 12-12345-67-89", "우리 [phone], 하나 [phone]"),
    *(
        (f"{word}{name} 로", f"{word}[id] 로")
        for word in (
            *(
                "카톡ID: ",
                "카톡 아이디 ",
                "카카오톡 아이디: ",
                "kakao: ",
                "KakaoTalk ID ",
                "라인 ID ",
                "line id:",
                "라인: ",
            ),
            *("카톡 ", "인스타 ", "insta: ", "telegram: ", "텔레그램 ", "틱톡:"),
        )
        for name in ("mina_k", "mina94kk", "mina.second", "mi-na_9")
    ),
    *((f"{word}minabaker", f"{word}[id]") for word in ("카톡ID: ", "line id ", "insta: ", "카톡 아이디 ", "telegram:")),
    ("kakao: mina / insta:sun_diary님", "kakao: x_mina / insta:x_sun_diary님"),
    ("카톡 아이디 010-1234-5678", "카톡 아이디 [phone]"),
    ("insta: mina_k@naver.com kakao: open.kakao.com/o/1", "insta: [e-mail] kakao: [link]"),
    *(
        (f"주문{gap}{site}에서", f"주문{gap}[link]에서")
        for gap in (" ", "")
        for site in ("minashop.kr", "my-shop.com", "MINASHOP.KR", "mina.shop.co.kr", "mina94.store", "mina.naver.com")
    ),
    ("(minashop.kr), minashop.io.", "([link]), [link]."),
    ("@김지은 @7pm @mina", "@x_김지은 @7pm @x_mina"),
]
STAY = [
    "2026-11-27 12:30, 2026.11.27",
    "1,000,000원 3-4 0.25 180-200ml 1234567890123456",
    "sun_diary_2 xmina minas and/or 1/2 N/A 24/7",
    "12,000원 1,200 12,010 1234 5678 2,020 1990 2000",
    "2100. 01. 01 1900 1900, 1999-12-03 1234 5678, 00:00 30-30 30-30, 21:05 12 34 56 78",
    "1990-2000 1592 1598 1850-1900 1800-1900 2026. 11. 01 1990 2000",
    "80-90-100-110 사이즈 90/95/100, 55~66, 1.5L 12:01 2026 1990",
    "@ home @ 7pm coffee @ Seoul #2026 #1일1그림 naver.com tistory.com",
    "@7pm 만나요 @11AM, 3@2 @10:30 @7시 @2층",
    "2019-2020-2021-2022 1990-2000-2010 2019 2020 2021 2022 1000-1500-2000원 3000-4000-5000-6000",
    "3500 4200 5100 6300 운송장 1234-5678-9012 주문번호 2026112712345 부산 2026-11-27-1230 우리 2026112711",
    "카톡 OK 카톡: 오픈 인스타 DM 라이브 인스타 follow 인스타: follow insta story, line: blue, a line 24 online: shop",
    "인스타그램 계정 follow 해주세요, 아이디 mina_k",
    "img.jpg naver.com, www daum.net 좋아요.com 12.5.me 3.com.5 a.company x.kr.jpg e.g. U.S.A v1.2.io",
    "그림 100일\n\n오늘도… 👶🏻 #집콕놀이",
    "7 + 8 = 15; a.b c_d",
    "",
]


@pytest.mark.parametrize(("text", "masked"), CASES)
def test_names_addresses_and_numbers_are_replaced(text: str, masked: str) -> None:
    assert mask(text, _told, NAMES) == masked


@pytest.mark.parametrize("text", STAY)
def test_all_else_stays_as_it_was(text: str) -> None:
    assert mask(text, _told, NAMES) == text


_WORDS = st.lists(st.text(st.characters(codec="utf-8", categories=("Lo", "So", "Zs", "Po")), max_size=12), max_size=6)
_PLANTED = st.sampled_from(
    [
        ("@sun_diary", "@x_sun_diary"),
        ("@nobody.known", "@x_nobody.known"),
        ("demo.sol.garden", "x_demo.sol.garden"),
        ("jin.park@daum.net", EMAIL),
        ("010-9876-5432", PHONE),
        ("+82 10 9876 5432", PHONE),
        ("https://youtu.be/abc", LINK),
    ]
)


@given(st.lists(st.tuples(_WORDS, _PLANTED), max_size=6), _WORDS)
def test_of_any_caption_only_what_was_planted_changes(
    parts: list[tuple[list[str], tuple[str, str]]], end: list[str]
) -> None:
    def written(place: int) -> str:
        before = [f"{' '.join(_calm(words))} {planted[place]} " for words, planted in parts]
        return "".join(before) + " ".join(_calm(end))

    assert mask(written(0), _told, NAMES) == written(1)


_OF_NOBODY = st.one_of(
    st.integers(1, 99_999_999).map(lambda number: f"{number:,}"),
    st.integers(1, 99_999_999).map(lambda number: f"{number:,}원"),
    st.dates().map(lambda day: f"{day.year:04}-{day.month:02}-{day.day:02}" if day.year > 1900 else "1900-01-01"),
    st.dates(min_value=date(1900, 1, 1)).map(lambda day: day.strftime("%Y.%m.%d")),
    st.dates(min_value=date(1900, 1, 1)).map(lambda day: day.strftime("%Y. %m. %d")),
    st.times().map(lambda time: time.strftime("%H:%M")),
    st.integers(1900, 2100).map(str),
    st.tuples(st.integers(30, 200), st.integers(30, 200)).map(lambda sizes: f"{sizes[0]}-{sizes[1]}"),
    st.sampled_from(["#육아", "사이즈", "1+1", "100%", "3.5", "1/2"]),
)


@given(st.lists(_OF_NOBODY, max_size=8), st.sampled_from([" ", ", ", "\n"]))
def test_prices_dates_years_and_sizes_are_nobodys(words: list[str], between: str) -> None:
    text = between.join(words)
    assert mask(text, _told, NAMES) == text


@pytest.mark.parametrize(
    "part",
    [
        ".",
        "a.b.",
        "0 ",
        "(0)-",
        "@",
        "http://",
        "1-2-3-",
        "a%",
        "공일",
        "(at)",
        "+1 ",
        "1-",
        "12345-",
        "00",
        "82",
        "a@",
        "\u200b",
    ],
)
def test_the_longest_caption_of_one_sign_takes_no_long_time(part: str) -> None:
    began = time.process_time()
    mask((part * 2200)[:2200] + "@", _told, NAMES)
    assert time.process_time() - began < 0.1


def test_names_that_are_words_of_any_text_count_only_behind_a_sign() -> None:
    assert [name for name in ("mina", "ab", "007", "#육아") if is_standalone_name(name)] == ["mina"]
    assert [
        name for name in ("love", "sol.garden", "a_b", "mina_94", "2024", "10pm", "7.30PM") if is_distinctive(name)
    ] == [
        "sol.garden",
        "mina_94",
    ]


def _told(name: str) -> str:
    return f"x_{name}"


def _calm(words: list[str]) -> list[str]:
    """Words without the signs that would make a name or an address of what stands beside them."""
    return [word.translate({ord(sign): "·" for sign in "@＠/\\%.'\"()[]"}) for word in words]
