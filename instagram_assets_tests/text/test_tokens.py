"""Captions become words: by Kiwi, which is the default, and by Okt, in the same classes."""

import os
import subprocess
import sys
import unicodedata
from datetime import date
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as how
from hypothesis import strategies as st

from instagram_assets.demo.sample_captions import CAPTION_QUIRKS, quirky_caption
from instagram_assets.demo.synthetic_images import Scene
from instagram_assets.errors import FileError, SettingsError
from instagram_assets.schemas import TOKENS
from instagram_assets.settings import TextSettings
from instagram_assets.text.entities import plain_text
from instagram_assets.text.part_of_speech import POS_CLASSES, TaggedWord
from instagram_assets.text.tokens import find_tokenizer, token_batches, tokenize, tokens_table
from instagram_assets_tests.text.hand_checked import HAND_CHECKED
from instagram_assets_tests.text.test_entities import captions

Name = Literal["kiwi", "okt"]
NAMES: tuple[Name, ...] = ("kiwi", "okt")
ROOT = Path(__file__).parents[2]

# Nouns that a reader finds and the tokenizer does not, with the shipped words file. They stay listed until they are
# found, so that nobody takes the rest for granted.
MISSED: dict[Name, dict[str, set[str]]] = {
    "kiwi": {
        "우리아들첫걸음마": {"걸음마"},
        "낮 잠 재 우 기 실 패": {"낮잠", "실패"},
        "이유식완밥하고 기분최고": {"완밥"},
        "유모차는 스토케 xplory, 카시트는 다이치": {"다이치"},
        "서아랑 지호가 어린이날 선물로 레고를 받았다": {"서아"},
    },
    "okt": {
        "우리아들첫걸음마": {"걸음마"},
        "낮 잠 재 우 기 실 패": {"낮잠", "실패"},
        "유모차는 스토케 xplory, 카시트는 다이치": {"다이치"},
        "서아랑 지호가 어린이날 선물로 레고를 받았다": {"서아"},
    },
}
# Of the nouns found, the share that a reader finds too; the rest are mostly counters and adverbs, and Okt, which has
# no class for those, finds more of them.
PRECISION = {"kiwi": 0.85, "okt": 0.75}


def words(caption: str | None, name: Name = "kiwi") -> list[TaggedWord]:
    return tokenize([caption], find_tokenizer(TextSettings(tokenizer=name)))[0]


def of(caption: str, *classes: str, name: Name = "kiwi") -> list[str]:
    return [word for word, pos in words(caption, name) if pos in classes]


def posts(texts: list[str | None], account: str = "sun_diary") -> pa.Table:
    return pa.table(
        {
            "post_id": [str(place) for place in range(len(texts))],
            "account": pa.repeat(account, len(texts)),
            "day": pa.repeat(pa.scalar(date(2026, 11, 1)), len(texts)),
            "caption": pa.array(texts, pa.string()),
        }
    )


@pytest.mark.parametrize("name", NAMES)
def test_nouns_agree_with_forty_captions_read_by_hand(name: Name) -> None:
    found = [set(of(checked.caption, "noun", "proper_noun", name=name)) for checked in HAND_CHECKED]
    both = sum(len(nouns & checked.nouns) for nouns, checked in zip(found, HAND_CHECKED, strict=True))
    recall, precision = both / sum(len(c.nouns) for c in HAND_CHECKED), both / sum(map(len, found))
    print(f"{name}: {recall:.1%} of the nouns found, {precision:.1%} of what was found are nouns")
    missed = {c.caption: c.nouns - nouns for nouns, c in zip(found, HAND_CHECKED, strict=True) if c.nouns - nouns}
    assert missed == MISSED[name]
    assert precision >= PRECISION[name]


def test_words_stand_in_the_order_of_the_caption_in_their_dictionary_form() -> None:
    assert words("@Sun_Diary랑 산책했어요ㅋㅋㅋㅋ 예쁜 OOTD 👶🏻 #육아일기#아기 https://naver.me/a") == [
        ("sun_diary", "mention"),
        ("랑", "particle"),
        ("산책", "noun"),
        ("하다", "affix"),
        ("었", "ending"),
        ("어요", "ending"),
        ("ㅋㅋ", "interjection"),
        ("예쁘다", "adjective"),
        ("ㄴ", "ending"),
        ("ootd", "foreign"),
        ("👶🏻", "emoji"),
        ("육아일기", "hashtag"),
        ("아기", "hashtag"),
    ]


@pytest.mark.parametrize(
    ("caption", "classes", "found"),
    [
        ("오늘도육퇴성공", ("noun",), ["육퇴", "성공"]),
        ("준비중이에욤", ("noun",), ["준비"]),
        ("갔다왔당", ("verb",), ["가다", "오다"]),
        ("행복하고 따뜻한 하루", ("adjective",), ["행복하다", "따뜻하다"]),
        ("조용히 열심히", ("adverb",), ["조용히", "열심히"]),
        ("될까욬ㅋㅋㅋ", ("interjection",), ["ㅋㅋ"]),
        ("으앙 ㅇㅈ ㅠㅜ", ("interjection",), ["으앙", "ㅇㅈ", "ㅠㅠ"]),
        ("Don’t worry, BABY café 𝑷𝒂𝒑𝒆𝒓", ("foreign",), ["worry", "baby", "café", "paper"]),
        ("かわいい 協賛 100days", ("foreign",), ["かわいい", "協賛", "days"]),
        ("1,200원 12:30", ("number",), ["1,200", "12:30"]),
        (unicodedata.normalize("NFD", "자전거 타고 도서관 #한글"), ("noun", "hashtag"), ["자전거", "도서관", "한글"]),
        ("나는 너무 너무 잘 있다", ("noun", "verb", "adjective", "adverb", "pronoun"), []),
        ("#너무 좋다", ("hashtag",), ["너무"]),
    ],
)
def test_hard_captions_give_the_words_in_them(caption: str, classes: tuple[str, ...], found: list[str]) -> None:
    assert of(caption, *classes) == found


@pytest.mark.parametrize("name", NAMES)
def test_captions_without_a_word_give_none(name: Name) -> None:
    tokenizer = find_tokenizer(TextSettings(tokenizer=name))
    assert tokenize([None, "", " \n\t", "\x00\u202e\ufe0f", "\ud83d", "https://naver.me/a"], tokenizer) == [[]] * 6
    assert tokenize(["👶🏻❤"], tokenizer) == [[("👶🏻", "emoji"), ("❤️", "emoji")]]
    assert tokenize([], tokenizer) == []


@pytest.mark.parametrize("name", NAMES)
def test_long_captions_and_control_characters_do_no_harm(name: Name) -> None:
    # Okt's time grows with the length of a stretch without blanks: a second for 500 letters.
    unbroken, spaced = "가나다라마" * (1000 if name == "kiwi" else 100), "육퇴 성공\x00 " * 700
    tokens = tokenize([unbroken, spaced, "ㅋ" * 5000, "!" * 5000], find_tokenizer(TextSettings(tokenizer=name)))
    assert "".join(word for word, _ in tokens[0])
    assert tokens[1].count(("육퇴", "noun")) == tokens[1].count(("성공", "noun")) == 700
    assert tokens[2] == [("ㅋㅋ", "interjection")]
    assert {pos for _, pos in tokens[3]} == {"symbol"}


@how(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(captions, max_size=4), st.sampled_from(NAMES))
def test_no_caption_raises_and_none_depends_on_its_neighbours(texts: list[str], name: Name) -> None:
    tokenizer = find_tokenizer(TextSettings(tokenizer=name))
    together = tokenize(texts, tokenizer)
    assert together == [tokenize([text], tokenizer)[0] for text in texts]
    for word, pos in (token for caption in together for token in caption):
        assert pos in POS_CLASSES
        assert word
        assert word == word.lower() or pos == "emoji"
        assert not set(word) & set("\x00\n\ud83d\u202e\ufffd")


@how(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(captions)
def test_words_are_those_of_the_caption(caption: str) -> None:
    clean = "".join(plain_text(unicodedata.normalize("NFC", caption)).lower().split()).replace("’", "'")
    for word, pos in words(caption):
        # Endings change their letters; verbs and adjectives have their dictionary form.
        if pos in ("noun", "proper_noun", "number", "foreign", "symbol", "adverb", "hashtag"):
            # Kiwi writes single letters of Hangul in their other form, of which NFKC makes one.
            assert unicodedata.normalize("NFKC", plain_text(word).replace("’", "'")) in unicodedata.normalize(
                "NFKC", clean
            )


@pytest.mark.parametrize("quirk", CAPTION_QUIRKS)
def test_the_demos_odd_captions_keep_their_words(quirk: str) -> None:
    import random

    scene = Scene("star", "red", "white", 400, 400, seed=1)
    caption = quirky_caption(quirk, scene, random.Random(1), "demo.bada.diary")
    found = words(caption)
    if quirk == "empty":
        assert found == []
        return
    assert ("육아일기", "hashtag") in found
    assert {word for word, pos in found if pos in ("noun", "adjective")} >= {"별"}
    if quirk == "letters":
        assert {("paper", "foreign"), ("day", "foreign"), ("paper", "hashtag")} <= set(found)
    if quirk == "decomposed":
        assert {("자음", "noun"), ("모음", "noun"), ("한글", "hashtag")} <= set(found)


def test_the_table_has_a_row_for_every_post_with_a_caption() -> None:
    table = tokens_table(posts(["엄마 👶🏻", None, "", "  ", "https://naver.me/a", "OOTD"]), TextSettings())
    assert table.schema == TOKENS.schema
    rows = table.to_pylist()
    assert [(row["post_id"], row["language"], row["nouns"]) for row in rows] == [
        ("0", "ko", ["엄마"]),
        ("4", None, []),
        ("5", "en", []),
    ]
    assert rows[0]["tokens"] == [{"word": "엄마", "pos": "noun"}, {"word": "👶🏻", "pos": "emoji"}]
    assert rows[0]["tokenizer"].startswith("kiwi 0.")


def test_the_lists_of_a_row_are_its_tokens_by_class() -> None:
    text = "서울에서 @mom_diary랑 ㅋㅋㅋ 빨리 먹고 예쁜 딸기 👶🏻 #육아 #육아 우와"
    (row,) = tokens_table(posts([text]), TextSettings()).to_pylist()
    lists = {"noun": "nouns", "proper_noun": "proper_nouns", "verb": "verbs", "adjective": "adjectives"}
    lists |= {"adverb": "adverbs", "interjection": "interjections", "emoji": "emojis", "hashtag": "hashtags"}
    for pos, column in (lists | {"mention": "mentions"}).items():
        assert row[column] == [token["word"] for token in row["tokens"] if token["pos"] == pos]
        assert row[column]


def test_no_posts_give_no_rows() -> None:
    assert tokens_table(posts([]), TextSettings()) == TOKENS.empty()


@pytest.mark.parametrize("name", NAMES)
def test_the_table_is_the_same_with_any_number_of_workers_and_any_batches(name: Name) -> None:
    texts: list[str | None] = [f"{checked.caption} {number}" for number in range(3) for checked in HAND_CHECKED]
    two = tokens_table(posts(texts), TextSettings(tokenizer=name, workers=2))
    reader = pa.RecordBatchReader.from_batches(posts([]).schema, posts(texts).to_batches(max_chunksize=7))
    small = pa.Table.from_batches(token_batches(reader, TextSettings(tokenizer=name, workers=2)))
    five = tokens_table(posts(texts), TextSettings(tokenizer=name, workers=5))
    assert two.equals(five)
    assert two.equals(small)


def test_progress_ends_with_all_posts() -> None:
    told: list[tuple[int, int]] = []
    tokens_table(posts(["아기"] * 2500), TextSettings(), lambda done, total: told.append((done, total)))
    assert told == [(1000, 2500), (2000, 2500), (2500, 2500)]


def test_stop_words_and_own_words_come_from_the_words_file(tmp_path: Path) -> None:
    file = tmp_path / "words.toml"
    file.write_text('stop = ["아기"]\n[words]\nnoun = ["밥태기쯤"]\nverb = ["뿌잉하다"]', "utf-8")
    options = TextSettings(words_file=str(file))
    (found,) = tokenize(["아기가 밥태기쯤에서 뿌잉하고 #아기"], find_tokenizer(options))
    assert [word for word, pos in found if pos in ("noun", "verb", "hashtag")] == ["밥태기쯤", "뿌잉하다", "아기"]
    assert find_tokenizer(options).version != find_tokenizer(TextSettings()).version


def test_a_bad_words_file_is_told_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"missing\.toml"):
        tokens_table(posts([]), TextSettings(words_file=str(tmp_path / "missing.toml")))


@pytest.mark.parametrize(
    ("hidden", "told"),
    [
        (
            "import sys; sys.modules['konlpy'] = None",
            "konlpy is not installed. Run `pip install 'instagram_assets[okt]'`",
        ),
        (
            "import sys; sys.modules['jpype'] = None",
            "jpype is not installed. Run `pip install 'instagram_assets[okt]'`",
        ),
        (
            "from jpype._jvmfinder import LinuxJVMFinder as f; f._java, f._locations = '/none', ()",
            "no Java was found. On Debian or Ubuntu: sudo apt-get install default-jre-headless",
        ),
    ],
)
def test_okt_without_its_parts_says_what_to_install_before_any_work(hidden: str, told: str) -> None:
    program = f"""{hidden}
from instagram_assets.settings import TextSettings
from instagram_assets.text.tokens import find_tokenizer
find_tokenizer(TextSettings(tokenizer="okt"))"""
    environment = {name: value for name, value in os.environ.items() if name not in ("JAVA_HOME", "JDK_HOME")}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, env=environment)
    assert SettingsError.__name__ in done.stderr
    assert f"INSTAGRAM_ASSETS_TEXT__TOKENIZER=okt: {told}" in done.stderr
    assert "set it to kiwi" in done.stderr


def test_looking_for_kiwi_does_not_load_it() -> None:
    program = """import sys
from instagram_assets.settings import TextSettings
from instagram_assets.text.tokens import find_tokenizer
find_tokenizer(TextSettings())
print(sorted({"kiwipiepy", "konlpy", "jpype", "emoji"} & set(sys.modules)))"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"
