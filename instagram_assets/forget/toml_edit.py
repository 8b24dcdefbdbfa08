"""Lossless editing of TOML: splits a text into tokens and statements; all bytes that are not removed stay the same.

Text that is not valid TOML is tokenised as well, without losing characters.
"""

import re
import tomllib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

_TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'|\#[^\n]*|[A-Za-z0-9_-]+|\n|[^\S\n]+|.',
    re.DOTALL,
)
_OPENING, _CLOSING = "[{", "]}"


class TomlToken(NamedTuple):
    """A TOML string, comment, bare key, newline, run of spaces or single character, with its offset in the text."""

    start: int
    text: str

    @property
    def end(self) -> int:
        return self.start + len(self.text)

    @property
    def is_string(self) -> bool:
        return len(self.text) > 1 and self.text[0] in "\"'"

    @property
    def is_trivia(self) -> bool:
        """Whether the token has no meaning in TOML: spaces, a newline or a comment."""
        return self.text.isspace() or self.text[0] == "#"

    @property
    def value(self) -> str:
        """The decoded value of a string token."""
        try:
            return tomllib.loads(f"text = {self.text}")["text"]
        except tomllib.TOMLDecodeError:
            return self.text


class TomlStatement(NamedTuple):
    """A header, or a key and its value, from the start of its first line to the end of its last one.

    `path` is the tuple of keys (empty for blank lines and comments); `value` is the offset of the value.
    """

    start: int
    end: int
    path: tuple[str, ...]
    is_header: bool
    value: int


def toml_tokens(text: str) -> Iterator[TomlToken]:
    """Yields the tokens of a text; concatenated they equal the text."""
    return (TomlToken(found.start(), found[0]) for found in _TOKEN.finditer(text))


def toml_statements(text: str) -> Iterator[TomlStatement]:
    """Yields the statements of a text in order; concatenated they equal the text."""
    prefix: tuple[str, ...] = ()
    for line in _lines(text):
        start, end = line[0].start, line[-1].end
        meaningful = [token for token in line if not token.is_trivia]
        if meaningful and meaningful[0].text == "[":
            prefix = _path(text[start:end])
            yield TomlStatement(start, end, prefix, True, end)
            continue
        equals = next((token for token in meaningful if token.text == "="), None)
        if equals is None:
            yield TomlStatement(start, end, (), False, end)
            continue
        value = next((token.start for token in meaningful if token.start > equals.start), end)
        yield TomlStatement(start, end, (*prefix, *_path(f"{text[start : equals.start]}= 0")), False, value)


def remove_elements(text: str, is_gone: Callable[[str], bool]) -> str:
    """Returns the text of an array or inline table without the elements for which `is_gone` is true."""
    spans, commas = _elements(text)
    gone = [number for number, (start, end) in enumerate(spans) if is_gone(text[start:end])]
    kept = [number for number in range(len(spans)) if number not in gone]
    cuts = [_with_its_line(text, *spans[number], commas.get(number)) for number in gone]
    cuts += [(commas[number], commas[number] + 1) for number in gone if number in commas]
    if kept and kept[-1] + 1 < len(spans) and len(spans) - 1 not in commas:
        comma = commas[kept[-1]]
        cuts.append((comma, _after_spaces(text, comma + 1)))
    return remove_spans(text, cuts)


def remove_spans(text: str, cuts: Iterable[tuple[int, int]]) -> str:
    """Returns the text without these spans (start and end offsets), which may overlap."""
    kept, position = list[str](), 0
    for start, end in sorted(cuts):
        kept.append(text[position:start])
        position = max(position, end)
    return "".join([*kept, text[position:]])


def _lines(text: str) -> Iterator[list[TomlToken]]:
    """Yields the tokens up to each newline that is outside of arrays, inline tables and strings."""
    line, depth = list[TomlToken](), 0
    for token in toml_tokens(text):
        line.append(token)
        depth += (token.text in _OPENING) - (token.text in _CLOSING)
        if token.text == "\n" and depth <= 0:
            yield line
            line, depth = [], 0
    if line:
        yield line


def _path(text: str) -> tuple[str, ...]:
    """Returns the keys of a header, or of a key with a value; empty if it cannot be parsed."""
    try:
        value: Any = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return ()
    path = list[str]()
    while isinstance(value, (dict, list)) and value:
        if isinstance(value, list):
            value = value[0]
            continue
        key, value = next(iter(value.items()))
        path.append(key)
    return tuple(path)


def _elements(text: str) -> tuple[list[tuple[int, int]], dict[int, int]]:
    """Returns the spans of an array's or inline table's elements, and the offset of the comma after each, by index."""
    spans, commas = list[tuple[int, int]](), dict[int, int]()
    depth, start, end = 0, -1, -1
    for token in toml_tokens(text):
        closes = token.text in _CLOSING
        depth -= closes
        is_end = depth == 1 and token.text == ","
        if (is_end or (depth == 0 and closes)) and start >= 0:
            spans.append((start, end))
            if is_end:
                commas[len(spans) - 1] = token.start
            start = -1
        elif depth > 0 and not token.is_trivia and not is_end:
            start, end = (token.start if start < 0 else start), token.end
        if depth == 0 and closes:
            break
        depth += token.text in _OPENING
    return spans, commas


def _with_its_line(text: str, start: int, end: int, comma: int | None) -> tuple[int, int]:
    """Returns the span to cut for an element: with comma and spaces, and the whole line if nothing else is on it."""
    if comma is not None and not text[end:comma].strip(" \t"):
        end = _after_spaces(text, comma + 1)
    line = text.rfind("\n", 0, start) + 1
    rest = text.find("\n", end)
    if line and rest >= 0 and not text[line:start].strip() and (not text[end:rest].strip() or text[end] == "#"):
        return line, rest + 1
    return start, end


def _after_spaces(text: str, position: int) -> int:
    while text[position : position + 1] in (" ", "\t"):
        position += 1
    return position
