"""A words file is read whole, or refused with its name, the key and what to do."""

import tomllib
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as how
from hypothesis import strategies as st

from instagram_assets.errors import FileError
from instagram_assets.text.lexicon import DEFAULT_FILE, USER_WORD_CLASSES, Lexicon, read_lexicon
from instagram_assets.text.part_of_speech import POS_CLASSES


def written(folder: Path, text: str) -> str:
    path = folder / "words.toml"
    path.write_text(text, "utf-8")
    return str(path)


def test_the_shipped_words_know_what_parents_write() -> None:
    words = read_lexicon()
    assert {("육퇴", "noun"), ("등센서", "noun"), ("으앙", "interjection")} <= set(words.own)
    assert {"하다", "너무", "the"} <= words.stop
    assert not words.stop & {word for word, _ in words.own}


def test_the_shipped_words_name_each_word_once() -> None:
    content = tomllib.loads(DEFAULT_FILE.read_text("utf-8"))
    for listed in (content["stop"], [word for words in content["words"].values() for word in words]):
        assert sorted(set(listed)) == sorted(listed)


def test_words_are_taken_composed_and_in_lower_case(tmp_path: Path) -> None:
    decomposed = unicodedata.normalize("NFD", "육퇴")
    file = written(tmp_path, f'stop = ["The"]\n[words]\nnoun = ["{decomposed}", "OOTD", "육퇴"]\nverb = ["육퇴하다"]')
    assert read_lexicon(file) == Lexicon(frozenset({"the"}), (("육퇴", "noun"), ("ootd", "noun"), ("육퇴하다", "verb")))


def test_words_of_ones_own_have_classes_that_are_documented() -> None:
    assert set(USER_WORD_CLASSES) <= POS_CLASSES.keys()


@pytest.mark.parametrize(
    ("text", "place", "problem"),
    [
        ("stop = [", "", "is no TOML"),
        ('stopp = ["a"]', "", "unknown key 'stopp'"),
        ('stop = "a"', "stop", "is no list"),
        ("stop = [1]", "stop, word 1", "1 is no text"),
        ('stop = ["a", ""]', "stop, word 2", "is empty"),
        ('stop = ["a b"]', "stop, word 1", "holds a blank"),
        ('stop = ["#육아"]', "stop, word 1", "holds a blank or a sign"),
        ('stop = ["a\\u0000"]', "stop, word 1", "holds a blank or a sign"),
        (f'stop = ["{"가" * 41}"]', "stop, word 1", "is too long"),
        ('words = ["a"]', "words", "is no table"),
        ('[words]\nnouns = ["a"]', "words", "unknown class 'nouns'"),
        ('[words]\nhashtag = ["a"]', "words", "unknown class 'hashtag'"),
        ('[words]\nnoun = "a"', "words.noun", "is no list"),
        ('[words]\nverb = ["먹"]', "words.verb", "is no dictionary form"),
    ],
)
def test_a_bad_words_file_is_refused_with_key_and_remedy(tmp_path: Path, text: str, place: str, problem: str) -> None:
    file = written(tmp_path, text)
    with pytest.raises(FileError) as caught:
        read_lexicon(file)
    assert (caught.value.file, caught.value.where) == (file, place)
    assert problem in caught.value.problem
    assert caught.value.remedy


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "latin.toml").write_bytes(b'stop = ["\xe9"]')
    for name in ("missing.toml", "", "latin.toml"):
        with pytest.raises(FileError, match="INSTAGRAM_ASSETS_TEXT__WORDS_FILE"):
            read_lexicon(str(tmp_path / name))


@how(deadline=None)
@given(st.sets(st.sampled_from("가나다라마")), st.sets(st.sampled_from("가나다라마")))
def test_the_hash_tells_words_apart(left: set[str], right: set[str]) -> None:
    assert (Lexicon(frozenset(left)).hash == Lexicon(frozenset(right)).hash) == (left == right)
    own = [Lexicon(own=tuple((word, "noun") for word in sorted(words))).hash for words in (left, right)]
    assert (own[0] == own[1]) == (left == right)
