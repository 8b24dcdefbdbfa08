"""Finds and replaces erased names in text, in every encoding that occurs in Dagster's history.

A name is found unencoded, with JSON escapes at any nesting depth (`\\uc721`), percent-encoded (`%EC%9C%A1`), and with
the escapes of a Python bytes literal. Only whole names match: `jane` is not in `jane_doe`, `jane.b` or `xjane`.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from functools import cached_property

from instagram_assets.schemas.account_names import base64_core, is_meant

REPLACEMENT = "forgotten"
"""The replacement of an erased identifier that is not a name."""
# An escape that ends in a letter can precede a name: a JSON line break, or a percent-encoded character.
_BEGINS = (
    r"(?:(?<!{word})(?<!{word}\.)|(?<=\\[nrtbf])|(?<=\\u00[0-9a-f][0-9a-f])(?<!\\u005f)(?<!\\u002e)"
    r"|(?<=%[0-7][0-9a-f])(?<!%5f)(?<!%2e))"
)
# A part after a dot belongs to the name (`jane.b`), unless it is a file extension (`jane.json`).
_ENDINGS = (
    "csv|html?|gz|heic|jpe?g|jsonl?|log|md|mov|mp4|ndjson|parquet|png|tar|tmp|txt|webp|xlsx?|xz|zip|zst|7z|observed_at"
)
_ENDS = rf"(?!{{word}})(?:(?!\.{{word}})|(?=\.(?:{_ENDINGS})(?!{{word}})))"
# A following letter in escaped form: a non-ASCII JSON escape, or a non-ASCII byte of UTF-8.
_NO_LETTER_FOLLOWS = r"(?!\\+u(?!00)[0-9a-f]{4})(?!\\+x[89a-f][0-9a-f])(?!%(?:25)*[89a-f][0-9a-f])"
_TOKEN = r"%(?:25)*[0-9A-Fa-f]{{2}}|\\+u00[0-9A-Fa-f]{{2}}|\\+[nrtbf]|([0-9A-Za-z]{{{shortest},}})"
_ESCAPES = (r"\n", r"\r", r"\t", r"\b", r"\f", r"\u")
"""Escape sequences; a letter or digit after one of them can belong to it, not to the word."""
_STARTS_OF_PACKED = ("eJ", "eN", "eA", "eF", "H4sI", "eyJ")
_PACKED = re.compile(rf"(?<![0-9A-Za-z+/])[0-9]?(?:{'|'.join(_STARTS_OF_PACKED)})[0-9A-Za-z+/_-]{{8,}}")
"""Base64 of bytes compressed by zlib or gzip, and of JSON."""
_FEW, _NEAR, _SHORT = 24, 200, 1 << 20
_SHORTEST_ID = 5
_SHORTEST_NAME = 3


class NameMatcher:
    """Matches the names and identifiers to erase, and replaces them: names by pseudonyms, identifiers by `forgotten`.

    `common` are ordinary words, and words with another meaning in Dagster's history, such as asset names. A name that
    is one of them, a number or shorter than three characters is weak: it is replaced only if its context shows that it
    is an account.
    """

    def __init__(self, names: Mapping[str, str], ids: Collection[str] = (), common: Collection[str] = ()) -> None:
        self.names = {name: pseudonym for name, pseudonym in names.items() if name}
        self.ids = {each for each in ids if each} - self.names.keys()
        usual = {word.lower() for word in common}
        self.weak = {name for name in self.names if _is_weak(name, usual)}

    def mentions(self, text: str) -> bool:
        """False if a text certainly contains no name or identifier to erase, in any encoding; fast."""
        low = text.lower()
        if any(anchor in low for anchor in self._anchors) or any(anchor in text for anchor in self._in_base64):
            return True
        if self._tokens and not self._tokens.isdisjoint(self._words_of(text)):
            return True
        return any(start in text for start in _STARTS_OF_PACKED) and _PACKED.search(text) is not None

    def may_be_among(self, text: str) -> bool:
        """False if a text without word boundaries (concatenated columns) certainly contains no name or identifier.

        Fast for texts that most likely contain none.
        """
        low = text.lower()
        if any(anchor in low for anchor in self._anchors) and self._run_together.search(text):
            return True
        if any(each in text for each in self._in_base64) or self._has_id(text):
            return True
        return any(start in text for start in _STARTS_OF_PACKED) and _PACKED.search(text) is not None

    def _has_id(self, text: str) -> bool:
        if self._few_ids or len(text) <= _SHORT:
            return any(each in text for each in self.ids if len(each) >= _SHORTEST_ID)
        return not self._tokens.isdisjoint(self._words_of(text))

    def replaced(self, text: str) -> str:
        """Returns the text with erased names replaced by their pseudonyms and erased identifiers by `forgotten`."""
        if self._pattern:
            text = self._pattern.sub(self._instead, text)
        if not self.ids:
            return text
        found = self._by_anchor.keys() & set(self._words_of(text))
        for pattern in [pattern for anchor in sorted(found) for pattern in self._by_anchor[anchor]]:
            text = pattern.sub(REPLACEMENT, text)
        return text

    def overwritten(self, content: bytes) -> bytes:
        """Returns binary data with each name and identifier to erase overwritten by `x`, at the same length."""
        text = content.decode("latin-1")
        matches = [match for pattern in self._all_patterns(text) for match in pattern.finditer(text)]
        found = [match.span() for match in matches if self._instead(match) != match[0]]
        changed = bytearray(content)
        for start, end in found:
            changed[start:end] = b"x" * (end - start)
        return bytes(changed)

    def _all_patterns(self, text: str) -> Iterable[re.Pattern[str]]:
        if self._pattern:
            yield self._pattern
        for anchor in self._by_anchor.keys() & set(self._words_of(text)):
            yield from self._by_anchor[anchor]

    def _instead(self, match: re.Match[str]) -> str:
        """Returns the replacement of a match; the matched text itself if the name is used as an ordinary word there."""
        if match.lastgroup is None:
            return REPLACEMENT
        name, text = self._of_group[match.lastgroup], match.string
        before, after = text[max(0, match.start() - _NEAR) : match.start()], text[match.end() : match.end() + _NEAR]
        return self.names[name] if name not in self.weak or is_meant(name, before, after) else match[0]

    @cached_property
    def _of_group(self) -> dict[str, str]:
        return {f"n{number}": name for number, name in enumerate(self.names)}

    @cached_property
    def _pattern(self) -> re.Pattern[str] | None:
        # The longest first: `#jane` before `jane`.
        groups = [(name, f"n{number}") for number, name in enumerate(self.names)]
        groups.sort(key=lambda pair: len(pair[0]), reverse=True)
        parts = [f"(?P<{group}>{_spellings(name)})" for name, group in groups]
        return re.compile("|".join(parts), re.IGNORECASE) if parts else None

    @cached_property
    def _run_together(self) -> re.Pattern[str]:
        """The pattern for names in text without word boundaries; ordinary words match only after a sign like @."""
        parts = [
            rf"(?:[@＠/=]|%40|%2f){body}|{body}\|" if name in self.weak else body
            for name in self.names
            for body in [_body(name)]
        ]
        return re.compile("|".join(parts) or "(?!)", re.IGNORECASE)

    @cached_property
    def _by_anchor(self) -> dict[str, list[re.Pattern[str]]]:
        """The identifiers' search patterns, keyed by the longest alphanumeric part of the identifier."""
        found: dict[str, list[re.Pattern[str]]] = {}
        begins = r"(?:(?<![0-9A-Za-z])|(?<=\\[nrtbf])|(?<=%[0-9A-Fa-f]{2})|(?<=\\u00[0-9A-Fa-f]{2}))"
        for each in sorted(self.ids, key=len, reverse=True):
            whole = re.escape(each) if len(each) >= _SHORTEST_ID else rf"\A{re.escape(each)}\Z"
            found.setdefault(_longest_part(each), []).append(re.compile(rf"{begins}{whole}(?![0-9A-Za-z])"))
        return found

    @cached_property
    def _anchors(self) -> list[str]:
        """Lower-case substrings for a fast pre-check: a text with a name contains at least one of them.

        With at most 24 identifiers, the identifiers are included; else `_tokens` covers them.
        """
        of_names = {anchor for name in self.names for form in _forms(name) for anchor in _anchors_of(form.lower())}
        return sorted(of_names | ({each.lower() for each in self.ids} if self._few_ids else set()))

    @cached_property
    def _tokens(self) -> frozenset[str]:
        return frozenset() if self._few_ids else frozenset(map(_longest_part, self.ids))

    def _words_of(self, text: str) -> list[str]:
        """Returns the alphanumeric parts of a text that are long enough to be part of an identifier."""
        has_escapes = "%" in text or any(escape in text for escape in _ESCAPES)
        return (self._token if has_escapes else self._plain_token).findall(text)

    @cached_property
    def _token(self) -> re.Pattern[str]:
        return re.compile(_TOKEN.format(shortest=self._shortest))

    @cached_property
    def _plain_token(self) -> re.Pattern[str]:
        return re.compile(rf"[0-9A-Za-z]{{{self._shortest},}}")

    @cached_property
    def _shortest(self) -> int:
        return min((len(_longest_part(each)) for each in self.ids), default=1)

    @cached_property
    def _few_ids(self) -> bool:
        return len(self.ids) <= _FEW

    @cached_property
    def _in_base64(self) -> list[str]:
        """The base64 forms of the names at each of the three byte alignments, independent of the surrounding bytes."""
        words = [*self.names, *(self.ids if self._few_ids else ())]
        found = {
            letters
            for word in words
            for shift in range(3)
            if len(letters := base64_core(word.encode(), shift)) >= _SHORTEST_ID
        }
        return sorted(found)


def _is_weak(name: str, common: Collection[str]) -> bool:
    return name.isdigit() or len(name) < _SHORTEST_NAME or name.lower() in common


def _forms(name: str) -> set[str]:
    """Returns the name as given and in the Unicode forms NFC and NFD; macOS stores file names as NFD."""
    return {name, unicodedata.normalize("NFC", name), unicodedata.normalize("NFD", name)}


def _spellings(name: str) -> str:
    word = r"[0-9A-Za-z_]" if name.isascii() else r"\w"
    follows = "" if name.isascii() else _NO_LETTER_FOLLOWS
    body = _body(name)
    return f"{_BEGINS.format(word=word)}{body}{_ENDS.format(word=word)}{follows}"


def _body(name: str) -> str:
    """Returns a regular expression for a name in all its encodings, without word boundaries."""
    bodies = ["".join(map(_spelled, form)) for form in sorted(_forms(name))]
    return bodies[0] if len(bodies) == 1 else f"(?:{'|'.join(bodies)})"


def _spelled(character: str) -> str:
    """Returns a regular expression for one character in all its encodings; ASCII letters and digits have only one."""
    if character.isascii() and character.isalnum():
        return character
    units = character.encode("utf-16-be")
    escaped = "".join(rf"\\+u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
    encoded = character.encode()
    percent = "".join(f"%(?:25)*{byte:02x}" for byte in encoded)
    python = "".join(rf"\\+x{byte:02x}" for byte in encoded)
    return f"(?:{re.escape(character)}|{escaped}|{percent}|{python})"


def _anchors_of(form: str) -> set[str]:
    if form.isascii():
        return {_longest_part(form)}
    first = next(character for character in form if not character.isascii())
    units, encoded = first.encode("utf-16-be"), first.encode()
    percent = {
        "%" + f"%{escape}".join(f"{byte:02x}" for byte in encoded) for escape in ("", "25")
    }  # in doubly encoded text the first percent sign is followed by 25
    # With the escape's backslash: `xec` alone is in "execution".
    return {first, f"\\u{units[0]:02x}{units[1]:02x}", f"\\x{encoded[0]:02x}"} | {
        piece.removeprefix("%") for piece in percent
    }


def _longest_part(word: str) -> str:
    parts = re.findall(r"[0-9A-Za-z]+", word)
    return max(parts, key=len) if parts else word
