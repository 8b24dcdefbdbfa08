"""The lexicon file: stop words, and a user dictionary of words that tokenizers must not split."""

import hashlib
import tomllib
import unicodedata
from pathlib import Path
from typing import Any, NamedTuple

from instagram_assets.errors import FileError

DEFAULT_FILE = Path(__file__).with_name("words.toml")
USER_WORD_CLASSES = ("noun", "proper_noun", "adverb", "interjection", "verb", "adjective")
MAX_WORD_LENGTH = 40
_KEYS = ("stop", "words")


class Lexicon(NamedTuple):
    """Stop words, and user dictionary entries (word, part of speech); all NFC and in lower case."""

    stop: frozenset[str] = frozenset()
    own: tuple[tuple[str, str], ...] = ()

    @property
    def hash(self) -> str:
        """The first 8 hexadecimal digits of the SHA-256 over all words, which is part of the tokenizer's version."""
        lines = [*sorted(self.stop), "", *(f"{word}\t{pos}" for word, pos in sorted(self.own))]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:8]


def read_lexicon(file: str = "") -> Lexicon:
    """Read a lexicon from a TOML file; an empty name means the packaged default.

    Raises FileError with the file, the invalid key, the problem and a remedy.
    """
    path = Path(file) if file else DEFAULT_FILE
    remedy = "Mend it, or name another in INSTAGRAM_ASSETS_TEXT__WORDS_FILE"
    try:
        content: dict[str, Any] = tomllib.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise FileError(str(path), f"cannot be read ({error.strerror})", remedy) from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise FileError(str(path), f"is no TOML in UTF-8 ({error})", remedy) from error
    if unknown := [key for key in content if key not in _KEYS]:
        raise FileError(str(path), f"unknown key {unknown[0]!r}", f"Allowed are: {', '.join(_KEYS)}")
    own: Any = content.get("words", {})
    if not isinstance(own, dict):
        raise FileError(
            str(path), "is no table of lists", f"Write [words] and below it {USER_WORD_CLASSES[0]} = [...]", "words"
        )
    if unknown := [pos for pos in own if pos not in USER_WORD_CLASSES]:
        remedy = f"Words of one's own are of the classes {', '.join(USER_WORD_CLASSES)}"
        raise FileError(str(path), f"unknown class {unknown[0]!r}", remedy, "words")
    stop = frozenset(_listed(path, "stop", content.get("stop", [])))
    pairs = [(word, pos) for pos, listed in own.items() for word in _listed(path, f"words.{pos}", listed)]
    if bad := [(word, pos) for word, pos in pairs if pos in ("verb", "adjective") and not _is_dictionary_form(word)]:
        word, pos = bad[0]
        raise FileError(
            str(path), f"{word!r} is no dictionary form", "Write it with its 다, such as 먹다", f"words.{pos}"
        )
    return Lexicon(stop, tuple(dict.fromkeys(pairs)))


def _listed(path: Path, key: str, value: Any) -> list[str]:
    if not isinstance(value, list):
        raise FileError(str(path), "is no list", 'Write words in quotes between [ and ], such as ["육퇴"]', key)
    for place, word in enumerate(value, start=1):
        if problem := _problem(word):
            remedy = f"A word is a text of 1 to {MAX_WORD_LENGTH} characters without blanks, # and @"
            raise FileError(str(path), f"{ascii(word)[:80]} {problem}", remedy, f"{key}, word {place}")
    return [unicodedata.normalize("NFC", word).lower() for word in value]


def _problem(word: object) -> str:
    if not isinstance(word, str):
        return "is no text"
    if not word.strip():
        return "is empty"
    if len(word) > MAX_WORD_LENGTH:
        return "is too long"
    if not word.isprintable() or any(sign.isspace() or sign in "#@" for sign in word):
        return "holds a blank or a sign that no word has"
    return ""


def _is_dictionary_form(word: str) -> bool:
    return len(word) > 1 and word.endswith("다")
