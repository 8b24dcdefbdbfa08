"""The text of a TOML file in its parts, so that some of it can be cut out and all else keeps its bytes.

A text that is no TOML comes apart as well, and nothing of it is lost.
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


class Token(NamedTuple):
    """A string, a comment, a bare word, a line's end, spaces or one sign, and where it begins."""

    start: int
    text: str

    @property
    def end(self) -> int:
        return self.start + len(self.text)

    @property
    def is_string(self) -> bool:
        return len(self.text) > 1 and self.text[0] in "\"'"

    @property
    def is_nothing(self) -> bool:
        """Whether it says nothing: spaces, a line's end, a comment."""
        return self.text.isspace() or self.text[0] == "#"

    @property
    def value(self) -> str:
        """What a string says."""
        try:
            return tomllib.loads(f"text = {self.text}")["text"]
        except tomllib.TOMLDecodeError:
            return self.text


class Statement(NamedTuple):
    """A header, or a key and its value, from the start of its first line to the end of its last one.

    `path` are the keys that lead to it, empty for lines that say nothing; `value` is where its value begins.
    """

    start: int
    end: int
    path: tuple[str, ...]
    is_header: bool
    value: int


def tokens(text: str) -> Iterator[Token]:
    """All of the text, piece by piece."""
    return (Token(found.start(), found[0]) for found in _TOKEN.finditer(text))


def statements(text: str) -> Iterator[Statement]:
    """The statements of the text in their order; together they are all of it."""
    prefix: tuple[str, ...] = ()
    for line in _lines(text):
        start, end = line[0].start, line[-1].end
        said = [token for token in line if not token.is_nothing]
        if said and said[0].text == "[":
            prefix = _path(text[start:end])
            yield Statement(start, end, prefix, True, end)
            continue
        equals = next((token for token in said if token.text == "="), None)
        if equals is None:
            yield Statement(start, end, (), False, end)
            continue
        value = next((token.start for token in said if token.start > equals.start), end)
        yield Statement(start, end, (*prefix, *_path(f"{text[start : equals.start]}= 0")), False, value)


def without_elements(text: str, is_gone: Callable[[str], bool]) -> str:
    """An array or an inline table, as it is written, without some of its elements."""
    spans, commas = _elements(text)
    gone = [number for number, (start, end) in enumerate(spans) if is_gone(text[start:end])]
    kept = [number for number in range(len(spans)) if number not in gone]
    cuts = [_with_its_line(text, *spans[number], commas.get(number)) for number in gone]
    cuts += [(commas[number], commas[number] + 1) for number in gone if number in commas]
    if kept and kept[-1] + 1 < len(spans) and len(spans) - 1 not in commas:
        comma = commas[kept[-1]]
        cuts.append((comma, _after_spaces(text, comma + 1)))
    return without(text, cuts)


def without(text: str, cuts: Iterable[tuple[int, int]]) -> str:
    """The text without some spans, which may overlap."""
    kept, place = list[str](), 0
    for start, end in sorted(cuts):
        kept.append(text[place:start])
        place = max(place, end)
    return "".join([*kept, text[place:]])


def _lines(text: str) -> Iterator[list[Token]]:
    """The tokens up to each line's end that is in no array, inline table or string."""
    line, depth = list[Token](), 0
    for token in tokens(text):
        line.append(token)
        depth += (token.text in _OPENING) - (token.text in _CLOSING)
        if token.text == "\n" and depth <= 0:
            yield line
            line, depth = [], 0
    if line:
        yield line


def _path(text: str) -> tuple[str, ...]:
    """The keys of a header, or of a key with a value; none where it cannot be read."""
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
    """Where the elements of an array or inline table begin and end, and the comma behind each that has one."""
    spans, commas = list[tuple[int, int]](), dict[int, int]()
    depth, start, end = 0, -1, -1
    for token in tokens(text):
        closes = token.text in _CLOSING
        depth -= closes
        is_end = depth == 1 and token.text == ","
        if (is_end or (depth == 0 and closes)) and start >= 0:
            spans.append((start, end))
            if is_end:
                commas[len(spans) - 1] = token.start
            start = -1
        elif depth > 0 and not token.is_nothing and not is_end:
            start, end = (token.start if start < 0 else start), token.end
        if depth == 0 and closes:
            break
        depth += token.text in _OPENING
    return spans, commas


def _with_its_line(text: str, start: int, end: int, comma: int | None) -> tuple[int, int]:
    """What is cut for an element: with its comma and the spaces behind, and its line where it is alone there."""
    if comma is not None and not text[end:comma].strip(" \t"):
        end = _after_spaces(text, comma + 1)
    line = text.rfind("\n", 0, start) + 1
    rest = text.find("\n", end)
    if line and rest >= 0 and not text[line:start].strip() and (not text[end:rest].strip() or text[end] == "#"):
        return line, rest + 1
    return start, end


def _after_spaces(text: str, place: int) -> int:
    while text[place : place + 1] in (" ", "\t"):
        place += 1
    return place
