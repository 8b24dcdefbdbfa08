"""The words file: stop words, and words of one's own that tokenizers keep whole."""

import hashlib
import tomllib
import unicodedata
from pathlib import Path
from typing import Any, NamedTuple

from instagram_assets.errors import FileError

SHIPPED = Path(__file__).with_name("words.toml")
OWN_CLASSES = ("noun", "proper_noun", "adverb", "interjection", "verb", "adjective")
LONGEST = 40
_KEYS = ("stop", "words")


class Words(NamedTuple):
    """What the words file says: words left out, and (word, class) pairs to keep whole; both NFC and in lower case."""

    stop: frozenset[str] = frozenset()
    own: tuple[tuple[str, str], ...] = ()

    @property
    def hash(self) -> str:
        """Eight digits that change whenever a word does."""
        lines = [*sorted(self.stop), "", *(f"{word}\t{pos}" for word, pos in sorted(self.own))]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:8]


def read_words(file: str = "") -> Words:
    """The words of a TOML file; an empty name means the one that is shipped.

    Raises FileError naming the file, the key, what is wrong there and what to do.
    """
    path = Path(file) if file else SHIPPED
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
            str(path), "is no table of lists", f"Write [words] and below it {OWN_CLASSES[0]} = [...]", "words"
        )
    if unknown := [pos for pos in own if pos not in OWN_CLASSES]:
        remedy = f"Words of one's own are of the classes {', '.join(OWN_CLASSES)}"
        raise FileError(str(path), f"unknown class {unknown[0]!r}", remedy, "words")
    stop = frozenset(_listed(path, "stop", content.get("stop", [])))
    pairs = [(word, pos) for pos, listed in own.items() for word in _listed(path, f"words.{pos}", listed)]
    if bad := [(word, pos) for word, pos in pairs if pos in ("verb", "adjective") and not _is_dictionary_form(word)]:
        word, pos = bad[0]
        raise FileError(
            str(path), f"{word!r} is no dictionary form", "Write it with its 다, such as 먹다", f"words.{pos}"
        )
    return Words(stop, tuple(dict.fromkeys(pairs)))


def _listed(path: Path, key: str, value: Any) -> list[str]:
    if not isinstance(value, list):
        raise FileError(str(path), "is no list", 'Write words in quotes between [ and ], such as ["육퇴"]', key)
    for place, word in enumerate(value, start=1):
        if problem := _problem(word):
            remedy = f"A word is a text of 1 to {LONGEST} characters without blanks, # and @"
            raise FileError(str(path), f"{ascii(word)[:80]} {problem}", remedy, f"{key}, word {place}")
    return [unicodedata.normalize("NFC", word).lower() for word in value]


def _problem(word: object) -> str:
    if not isinstance(word, str):
        return "is no text"
    if not word.strip():
        return "is empty"
    if len(word) > LONGEST:
        return "is too long"
    if not word.isprintable() or any(sign.isspace() or sign in "#@" for sign in word):
        return "holds a blank or a sign that no word has"
    return ""


def _is_dictionary_form(word: str) -> bool:
    return len(word) > 1 and word.endswith("다")
