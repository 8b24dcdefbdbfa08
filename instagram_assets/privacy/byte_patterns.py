"""Finds names and identifiers in bytes, in all encodings that are common in files.

Names are matched as whole names (see `names_in_text`). A name that is an ordinary word is matched only if
`account_words` shows that an account is meant. Other identifiers are matched as whole words. Encodings are UTF-8,
UTF-16 of both byte orders, JSON and percent escapes, and base64 of both alphabets in its three alignments.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from instagram_assets.arrow import compute
from instagram_assets.privacy.names_in_text import names_pattern, words_pattern
from instagram_assets.schemas.account_names import UNSEEN_SIGNS, base64_core, is_meant, split_base64

TAIL = 8
"""Number of bytes at the end of a word that are hashed; ids of posts of the same time have a common prefix."""
_FACTOR = np.uint64(0x9E3779B97F4A7C15)  # multiplier of Fibonacci hashing: 2^64 divided by the golden ratio
_SHIFT = np.uint64(44)
_NEAR = 480
"""Number of bytes around a match that are decoded to find out whether it is a whole word."""
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]+")
_ESCAPED, _PERCENT = re.compile(rb"\\u([0-9a-fA-F]{4})"), re.compile(rb"%([0-9a-fA-F]{2})")
_OTHER_ORDER = {"utf-16-le": "utf-16-be", "utf-16-be": "utf-16-le"}
_RE2_BYTES = 3_000
_BEFORE_NAMES = ("@", "＠", "﹫", "%40", "0040", ";", "/", "%2f", "002f", "=", "%3d", '"', "'", *UNSEEN_SIGNS)
"""Byte sequences, one of which precedes a word that only its context makes an account name (see `is_meant`)."""


class ByteMatch(NamedTuple):
    """A match in bytes: the matched identifier, its encoding, and its offset in bytes."""

    word: str
    form: str
    offset: int


class BytePatterns:
    """Compiled search patterns of names (ignoring case, without `#tags`) and of other identifiers (`words`).

    `meant` are account names that are ordinary words: matched only where the context shows that an account is meant.
    """

    def __init__(self, names: Iterable[str], words: Iterable[str], meant: Iterable[str] = ()) -> None:
        self.meant = frozenset(name.casefold() for name in meant if not name.startswith("#"))
        self._names = sorted({name.casefold() for name in names if not name.startswith("#")})
        self._words = sorted(set(words))
        self._whole_name = names_pattern(self._names)
        self._whole_word = words_pattern(self._words)
        by_form: dict[bytes, tuple[str, str]] = {}
        short: dict[bytes, tuple[str, str]] = {}
        for word in self._words:
            for form, found in _forms(word):
                (by_form if len(found) >= TAIL else short).setdefault(found, (word, form))
        for name in self._names:
            for form, found in _forms(name):
                short.setdefault(found, (name, form))
        self._of_meant = _OrdinaryWords(self.meant)
        self._long, self._short = LongPatterns(by_form), _ShortPatterns(short)

    def __bool__(self) -> bool:
        return bool(self._names or self._words or self.meant)

    def may_stand_in(self, texts: pa.Array) -> bool:
        """A fast prefilter: false if none of these texts can contain a match."""
        parts = (self._long, self._short, self._of_meant)
        return any(part.may_stand_in(texts) for part in parts)

    def are_in(self, values: pa.Array) -> bool:
        """Whether `values`, a column of account names, contains one of the names in `meant`, ignoring case."""
        if not self.meant:
            return False
        words = compute.utf8_lower(compute.utf8_trim(values.cast(pa.large_string()), " @"))
        found = compute.is_in(words, value_set=pa.array(sorted(self.meant), pa.large_string()))
        return bool(compute.any(found).as_py())

    def find(self, data: bytes) -> list[ByteMatch]:
        """Returns all matches of whole names and words in `data`."""
        found = [*self._long.find(data), *self._short.find(data)]
        return [*(find for find in found if self._is_whole(data, find)), *self._of_meant.find(data)]

    def _is_whole(self, data: bytes, find: ByteMatch) -> bool:
        begin = max(find.offset - _NEAR, 0)
        near, place = data[begin : find.offset + _NEAR], find.offset - begin
        if find.form in _OTHER_ORDER:
            # At its ends, text of one byte order looks like a shorter text of the other.
            other = place - 1 if find.form == "utf-16-le" else place + 1
            said = _utf16(near, other, _OTHER_ORDER[find.form]) if other >= 0 else ("", "")
            if said[1][: len(find.word)].casefold() == find.word.casefold() and not self._stands_at(*said, find.word):
                return False
            return self._stands_at(*_utf16(near, place, find.form), find.word)
        return any(self._stands_at(*said, find.word) for said in _texts(near, place, find.form))

    def _stands_at(self, before: str, after: str, word: str) -> bool:
        """Whether `word` is a whole word at the start of the text `after`, which follows the text `before`."""
        text, place = before + after, len(before)
        patterns = [pattern for pattern in (self._whole_name, self._whole_word) if pattern]
        found = [match[0] for pattern in patterns if (match := pattern.match(text, place))]
        return word.casefold() in map(str.casefold, found)


class LongPatterns:
    """Finds byte strings of eight bytes or more in data, in one pass for any number of strings.

    Candidate positions are found by a hash of the last eight bytes of each string.
    """

    def __init__(self, forms: Mapping[bytes, tuple[str, str]]) -> None:
        self._forms = forms
        self._by_tail: dict[int, list[bytes]] = defaultdict(list)
        for form in forms:
            self._by_tail[int.from_bytes(form[-TAIL:], "little")].append(form)
        self._tails = np.array(sorted(self._by_tail), np.uint64)
        self._table = np.zeros(1 << 20, bool)
        self._table[_hashed(self._tails)] = True

    def may_stand_in(self, texts: pa.Array) -> bool:
        """Whether one of the byte strings occurs in these texts; also true if it only spans two consecutive texts."""
        data = texts.buffers()[2]
        return data is not None and next(self.find(memoryview(data)), None) is not None

    def find(self, data: bytes | memoryview) -> Iterator[ByteMatch]:
        if not self._forms or len(data) < TAIL:
            return
        for offset in range(TAIL):
            count = (len(data) - offset) // TAIL
            if count <= 0:
                continue
            values = np.frombuffer(data, "<u8", count, offset)
            places = np.flatnonzero(self._table[_hashed(values)])
            if not len(places):
                continue
            some = values[places]
            nearest = np.minimum(np.searchsorted(self._tails, some), len(self._tails) - 1)
            places = places[self._tails[nearest] == some]
            for place in places.tolist():
                end = offset + TAIL * (place + 1)
                for form in self._by_tail[int(values[place])]:
                    if end >= len(form) and data[end - len(form) : end] == form:
                        word, kind = self._forms[form]
                        yield ByteMatch(word, kind, end - len(form))


class _ShortPatterns:
    """Finds short byte strings in data, ignoring case, by regular expressions."""

    def __init__(self, forms: dict[bytes, tuple[str, str]]) -> None:
        self._forms = {form.lower(): said for form, said in forms.items()}
        self._patterns: list[str] = []
        some: list[bytes] = []
        for form in sorted(self._forms):
            if some and sum(map(len, some)) + len(form) > _RE2_BYTES:
                self._patterns.append(_re2(some))
                some = []
            some.append(form)
        self._patterns += [_re2(some)] if some else []
        # For UTF-8 texts a pattern must be valid UTF-8; others cannot match there.
        texts = [
            "".join(f"\\x{{{ord(letter):x}}}" for letter in form.decode()) for form in self._forms if _is_utf8(form)
        ]
        self._text_patterns = ["(?i)" + "|".join(texts[at : at + 60]) for at in range(0, len(texts), 60)]
        longest = sorted(self._forms, key=len, reverse=True)
        self._exact = re.compile(b"|".join(map(re.escape, longest)), re.IGNORECASE) if longest else None

    def may_stand_in(self, texts: pa.Array) -> bool:
        """Whether one of these texts contains a match."""
        return any(
            compute.any(compute.match_substring_regex(texts, pattern)).as_py() for pattern in self._text_patterns
        )

    def find(self, data: bytes) -> Iterator[ByteMatch]:
        if self._exact is None or not data:
            return
        offsets = pa.py_buffer(np.array([0, len(data)], np.int64).tobytes())
        whole = pa.Array.from_buffers(pa.large_binary(), 1, [None, offsets, pa.py_buffer(data)])
        if any(compute.match_substring_regex(whole, pattern)[0].as_py() for pattern in self._patterns):
            for match in self._exact.finditer(data):
                word, form = self._forms[match[0].lower()]
                yield ByteMatch(word, form, match.start())


class _OrdinaryWords:
    """Finds account names that are ordinary words, where the preceding characters show that an account is meant."""

    def __init__(self, names: frozenset[str]) -> None:
        found = {
            form: (f"{before}{name}", kind)
            for name in sorted(names)
            for before in _BEFORE_NAMES
            for kind, form in _forms(f"{before}{name}")
        }
        cells = {form: (f"{name}|", kind) for name in sorted(names) for kind, form in _forms(f"{name}|")}
        self._short = _ShortPatterns(found | cells)
        self._name = names_pattern(names)

    def may_stand_in(self, texts: pa.Array) -> bool:
        return self._short.may_stand_in(texts)

    def find(self, data: bytes) -> Iterator[ByteMatch]:
        for find in self._short.find(data):
            if self._name and (name := self._meant_at(data, find, self._name)):
                yield ByteMatch(name, find.form, find.offset)

    def _meant_at(self, data: bytes, find: ByteMatch, pattern: re.Pattern[str]) -> str | None:
        """Returns the account name at a match; None if the word is used as an ordinary word there."""
        begin = max(find.offset - _NEAR, 0)
        near, place = data[begin : find.offset + _NEAR], find.offset - begin
        is_wide = find.form in _OTHER_ORDER
        said = [_utf16(near, place, find.form)] if is_wide else list(_texts(near, place, find.form))
        for before, after in said if is_wide else [(_as_utf8(first), _as_utf8(rest)) for first, rest in said]:
            text = before + after
            match = pattern.search(text, len(before), len(before) + len(find.word))
            match = pattern.match(text, match.start()) if match else None
            if match and is_meant(match[0], text[: match.start()], text[match.end() :]):
                return match[0].casefold()
        return None


def _as_utf8(text: str) -> str:
    """Returns UTF-8 text that was wrongly decoded as Latin-1; characters cut off at either end are dropped."""
    return text.encode("latin-1").decode("utf-8", "ignore")


def _forms(word: str) -> Iterator[tuple[str, bytes]]:
    plain = word.encode()
    yield "utf-8", plain
    yield "utf-16-le", word.encode("utf-16-le")
    yield "utf-16-be", word.encode("utf-16-be")
    for hexadecimal in ("04x", "04X"):
        yield "escaped", "".join(f"\\u{ord(letter):{hexadecimal}}" for letter in word).encode()
    for plain_letters in ("", "_", ".", "_.", "-", "_-"):
        for hexadecimal in ("02X", "02x"):
            quoted = [
                each if each.isalnum() or each in plain_letters else f"%{ord(each):{hexadecimal}}" for each in word
            ]
            if "".join(quoted) != word:
                yield "percent", "".join(quoted).encode()
    if word[0] in "_.":
        yield "percent", f"%{ord(word[0]):02X}{word[1:]}".encode()
    for before in range(3):
        letters = base64_core(plain, before)
        if len(letters) >= 4:
            yield "base64", letters.encode()
            yield "base64", letters.replace("+", "-").replace("/", "_").encode()


def _utf16(near: bytes, place: int, order: str) -> tuple[str, str]:
    """Returns the UTF-16 text before and after an offset, decoded in two-byte units aligned to the offset."""
    return near[place % 2 : place].decode(order, "replace"), near[place:].decode(order, "replace")


def _texts(near: bytes, place: int, form: str) -> Iterator[tuple[str, str]]:
    """Yields the text before and after offset `place` in `near`, decoded in each way that encoding `form` allows."""
    if form == "base64":
        yield from _decoded(near, place)
        return
    before, after = near[:place], near[place:]
    if form == "escaped":
        before, after = (_ESCAPED.sub(lambda found: chr(int(found[1], 16)).encode(), each) for each in (before, after))
    elif form == "percent":
        before, after = (_PERCENT.sub(lambda found: bytes([int(found[1], 16)]), each) for each in (before, after))
    yield before.decode("latin-1"), after.decode("latin-1")


def _decoded(near: bytes, place: int) -> Iterator[tuple[str, str]]:
    """Yields the decoded text before and after an offset in a base64 run, for each possible alignment."""
    run = next(run for run in _BASE64.finditer(near) if run.start() <= place < run.end())
    for before, after in split_base64(run[0].decode(), place - run.start()):
        yield before.decode("latin-1"), after.decode("latin-1")


def _is_utf8(form: bytes) -> bool:
    try:
        form.decode()
    except UnicodeDecodeError:
        return False
    return True


def _hashed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    return (values * _FACTOR) >> _SHIFT


def _re2(forms: Iterable[bytes]) -> str:
    return "(?i)" + "|".join("".join(f"\\x{byte:02x}" for byte in form) for form in forms)
