"""Hashtags, mentions, emojis, laughter and addresses are cut out whole, and nothing of a caption is lost."""

import unicodedata

import pytest
from emoji import EMOJI_DATA, STATUS
from hypothesis import example, given
from hypothesis import settings as how
from hypothesis import strategies as st

from instagram_assets.ingest.field_values import parse_hashtags, parse_mentions
from instagram_assets.text.entities import Span, canonical_form, plain_text, split_entities

FRAGMENTS = (
    *(
        "#",
        "@",
        "#육아일기",
        "#아기#엄마",
        "@mom_diary",
        "@a.b.",
        "@" + "x" * 31,
        "&#39;",
        "/#top",
        "#3살",
        "#_",
        "＃",
        "#1️⃣",
        "#คาเฟ่",
        "#가족👨‍👩‍👧",
        "#カフェ・巡り・",
        "naver.me/a#b",
        "&#x27;",
        "-@a",
    ),
    *(
        "https://naver.me/a?b=1",
        "https://x.example/@name",
        "http://a.b/c#part-2",
        "www.blog.example",
        "x.y@z.co",
        "@@a",
    ),
    *("👶🏻", "❤️", "❤", "👩🏻‍🍼", "🇰🇷🇺🇸", "3️⃣", "#️⃣", "👨🏻‍❤️‍👩🏽", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "\u200d", "\ufe0f", "🏻", "🇰"),
    *(
        "ㅋㅋㅋ",
        "ㅎ",
        "ㅠㅜㅠ",
        "ㅇㅋ",
        "ㄷㄷㄷ",
        "ㅋㅎㅋㅎ",
        "갔다왔당ㅋ",
        "으앙",
        "^^",
        ":-)",
        "T_T",
        "ㅠ_ㅠ",
        ";;",
        "<3",
        "XD",
        "don't",
        "mom’s",
        "OOTD",
        "café",
        "かわいい",
    ),
    *(
        "가",
        "\u1100\u1161",
        "이랑",
        "은",
        "에게",
        " ",
        "\n",
        "\x00",
        "\u202e",
        "\ud83d",
        "\u200b",
        "\u2800",
        "𝑷𝒂𝒑𝒆𝒓",
        "100",
        ".",
    ),
)
captions = st.lists(st.one_of(st.sampled_from(FRAGMENTS), st.text(max_size=8))).map("".join)


def words(caption: str, kind: str) -> list[str]:
    return [canonical_form(piece) for piece in split_entities(caption) if piece.kind == kind]


@how(deadline=None)
@given(captions)
@example("@a랑ㅋㅋ")
def test_the_pieces_put_together_are_the_caption(caption: str) -> None:
    found = split_entities(caption)
    assert "".join(piece.raw for piece in found) == unicodedata.normalize("NFC", caption)
    assert all(piece.raw for piece in found)


@how(deadline=None)
@given(captions)
def test_hashtags_and_mentions_are_those_of_posts(caption: str) -> None:
    # `posts` keeps each once, and the first hundred.
    normal = unicodedata.normalize("NFC", caption)
    tags = [canonical_form(Span("hashtag", f"#{tag}")) for tag in parse_hashtags(normal, None, "", [])]
    assert list(dict.fromkeys(words(caption, "hashtag")))[:100] == list(dict.fromkeys(tags))
    assert list(dict.fromkeys(words(caption, "mention")))[:100] == parse_mentions(normal, None, "", [])


@how(deadline=None)
@given(captions)
def test_words_are_clean_whatever_stands_in_the_caption(caption: str) -> None:
    for piece in split_entities(caption):
        word = canonical_form(piece)
        # What joins and colours emoji stays: it is part of them, also inside a tag.
        assert piece.kind in ("emoji", "hashtag") or word == plain_text(word)
        assert piece.kind in ("prose", "address", "emoji") or not set(word) & set("#@\x00\n \ud83d\u202e")


def test_every_emoji_that_unicode_lists_stays_whole() -> None:
    cut = {
        emoji for emoji in EMOJI_DATA if [piece.raw for piece in split_entities(f"가{emoji}나")] != ["가", emoji, "나"]
    }
    assert not cut


def test_an_emoji_is_one_word_with_and_without_its_selector() -> None:
    whole = [emoji for emoji, data in EMOJI_DATA.items() if data["status"] == STATUS["fully_qualified"]]
    assert [emoji for emoji in whole if words(emoji.replace("\ufe0f", ""), "emoji") != [emoji]] == []


@pytest.mark.parametrize(
    ("text", "emojis"),
    [
        ("엄마👩🏻‍🍼아기👶🏻", ["👩🏻‍🍼", "👶🏻"]),
        ("🇰🇷🇺🇸3️⃣", ["🇰🇷", "🇺🇸", "3️⃣"]),
        ("🏴󠁧󠁢󠁥󠁮󠁧󠁿👍🏽👍🏽", ["🏴󠁧󠁢󠁥󠁮󠁧󠁿", "👍🏽", "👍🏽"]),
        ("👨🏻‍❤️‍👩🏽", ["👨🏻‍❤️‍👩🏽"]),  # joined in an order that Unicode does not list
        ("❤ ❤️ ❤︎", ["❤️", "❤️", "❤️"]),
        ("3 # * 100 🇰", []),
    ],
)
def test_skin_tones_flags_keycaps_and_joined_figures_stay_whole(text: str, emojis: list[str]) -> None:
    assert words(text, "emoji") == emojis


@pytest.mark.parametrize(
    ("text", "laughter"),
    [
        ("ㅋㅋㅋㅋㅋ ㅋㅋ 웃겨ㅋ", ["ㅋㅋ", "ㅋㅋ", "ㅋㅋ"]),
        ("ㅠㅠㅠ ㅜㅜ ㅠㅜㅠㅜ ㅠ", ["ㅠㅠ", "ㅠㅠ", "ㅠㅠ", "ㅠㅠ"]),
        ("ㅎ ㅎㅎㅎ ㄷㄷㄷ ㅡㅡ", ["ㅎㅎ", "ㅎㅎ", "ㄷㄷ", "ㅡㅡ"]),
        ("ㅇㅋ ㄱㅅ 크크", []),
    ],
)
def test_laughter_and_crying_have_one_spelling(text: str, laughter: list[str]) -> None:
    assert words(text, "interjection") == laughter


@pytest.mark.parametrize(
    ("text", "emoticons"),
    [
        (
            ":) :-) 좋아요:))) ;) =) :D XD xDD :P :3 :O :/",
            [":)", ":)", ":)", ";)", "=)", ":d", "xd", "xd", ":p", ":3", ":o", ":/"],
        ),
        (":( :'( <3 </3 OTL orz", [":(", ":'(", "<3", "</3", "otl", "orz"]),
        ("^^ ^_^; ^-^ >_< >< -_- -.-; =_= ;; ;_;", ["^^", "^^", "^^", ">_<", "><", "-_-", "-_-", "=_=", ";;", ";_;"]),
        (
            "T_T 슬퍼T.T T^T ㅠ_ㅠ ㅜ.ㅜ ㅎ_ㅎ ㅡ_ㅡ; ㅇㅅㅇ o_o X_X",
            ["t_t", "t_t", "t_t", "ㅠㅠ", "ㅠㅠ", "ㅎㅎ", "ㅡㅡ", "ㅇㅅㅇ", "o_o", "x_x"],
        ),
        ("10:3 (2:D) A:D Note:D 인원:3 http://a.b/:D PT_TV n_nx a-_-b", []),
        ("--- -.-.- ====== f(x)=(3) 준비물:(아래) 1<3 <30 <b><i> &lt;3 12;30", []),
    ],
)
def test_emoticons_are_one_word_in_one_spelling_and_nothing_else_is_one(text: str, emoticons: list[str]) -> None:
    assert words(text, "interjection") == emoticons


@pytest.mark.parametrize(
    ("text", "prose"),
    [
        ("여기 https://naver.me/a?b=1에서 봐요", ["여기 ", " 봐요"]),
        ("메일은 x.y@z.co 로", ["메일은 ", " "]),
        ("www.blog.example", []),
        ("@friend랑 갔다", [" 갔다"]),
        ("@friend은행 갔다", ["은행 갔다"]),
        ("@friend 이 사진", [" 이 사진"]),
    ],
)
def test_addresses_are_no_prose_and_a_particle_stays_with_its_mention_or_address(text: str, prose: list[str]) -> None:
    assert [piece.raw for piece in split_entities(text) if piece.kind == "prose"] == prose


def test_letters_that_only_look_different_become_usual_ones() -> None:
    assert plain_text("𝑷𝒂𝒑𝒆𝒓 Ｐａｐｅｒ ⓟⓐⓟⓔⓡ") == "Paper Paper paper"
    assert plain_text("ㅋㅋ ① ½ 가") == "ㅋㅋ ① ½ 가"
    assert plain_text("ｶﾌｪ ｶﾞｷﾞ ﾊﾟﾝ ｺｰﾋｰ ｡｢｣") == "カフェ ガギ パン コーヒー 。「」"
    assert plain_text("カﾞはﾟ") == "ガぱ"


def test_a_tag_in_half_width_kana_is_the_tag_in_full_width() -> None:
    assert words("#ｶﾌｪ #カフェ #ｶﾞﾁｬ", "hashtag") == ["カフェ", "カフェ", "ガチャ"]
    assert plain_text("육\u200c아\x00일\ufe0f기\ud83d") == "육아 일기 "
