"""HTML without a browser: what a page shows, and the part of CSS selectors that search pages need.

Selectors may be `tag`, `*`, `.class`, `#id`, `[name]`, `[name='value']` with `= ~= ^= $= *=`, compounds of them,
and descendants, written with a space. The tests hold the answers against those of a real Chromium.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser

from instagram_assets.errors import SettingsError

Attributes = Mapping[str, str]

_VOID = frozenset(
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"]
)
# What these hold is text: `noscript` too, where scripts run.
_RAW = frozenset(["iframe", "noembed", "noframes", "noscript", "script", "style", "textarea", "title", "xmp"])
_NAME = r"-?[A-Za-z_\u0080-\U0010ffff][\w\u0080-\U0010ffff-]*"
_PART = re.compile(
    rf"(?P<gap>\s+)|(?P<tag>\*|{_NAME})|\.(?P<class>{_NAME})|\#(?P<id>{_NAME})"
    rf"|\[\s*(?P<name>{_NAME})\s*(?:(?P<test>[~^$*]?=)\s*(?:\"(?P<double>[^\"]*)\"|'(?P<single>[^']*)'|(?P<bare>{_NAME}))\s*)?\]"
)


@dataclass(frozen=True)
class _Element:
    tag: str
    attributes: Attributes


@dataclass(frozen=True)
class _Condition:
    name: str
    test: str
    value: str

    def holds(self, attributes: Attributes) -> bool:
        actual = attributes.get(self.name)
        if actual is None or self.test == "":
            return actual is not None
        if self.test == "=":
            return actual == self.value
        if not self.value:
            return False  # as CSS has it: nothing starts with, ends with or contains an empty word
        if self.test == "~=":
            return self.value in re.split(r"[ \t\n\r\f]+", actual)
        if self.test == "^=":
            return actual.startswith(self.value)
        return actual.endswith(self.value) if self.test == "$=" else self.value in actual


@dataclass
class _Compound:
    tag: str = "*"
    conditions: list[_Condition] = field(default_factory=list[_Condition])

    def matches(self, element: _Element) -> bool:
        named = self.tag in ("*", element.tag)
        return named and all(condition.holds(element.attributes) for condition in self.conditions)


@dataclass(frozen=True)
class Selector:
    """A selector that was understood, with the text that writes it."""

    text: str
    compounds: tuple[_Compound, ...]

    def matches(self, element: _Element, ancestors: Sequence[_Element]) -> bool:
        """True when the element is selected; `ancestors` from the outermost to the parent."""
        *outer, own = self.compounds
        if not own.matches(element):
            return False
        for ancestor in reversed(ancestors):
            if outer and outer[-1].matches(ancestor):
                outer.pop()
        return not outer


def parse_selector(text: str) -> Selector:
    """The selector that the text writes. Raises SettingsError for what is not understood."""
    compounds, at = [_Compound()], 0
    starts = True
    text = text.strip()
    while at < len(text):
        part = _PART.match(text, at)
        if not part or (part["tag"] and not starts):
            break
        at, starts = part.end(), bool(part["gap"])
        if part["gap"]:
            compounds.append(_Compound())
        elif part["tag"]:
            compounds[-1].tag = part["tag"].lower()
        else:
            compounds[-1].conditions.append(_condition(part))
    if at < len(text) or not text:
        raise SettingsError(
            f"selector {text!r}: not understood. Use tag, .class, #id and [name='value'] (= ~= ^= $= *=), "
            "side by side, or with a space for an element inside another."
        )
    return Selector(text, tuple(compounds))


def _condition(part: re.Match[str]) -> _Condition:
    if part["class"]:
        return _Condition("class", "~=", part["class"])
    if part["id"]:
        return _Condition("id", "=", part["id"])
    value = next((part[kind] for kind in ("double", "single", "bare") if part[kind] is not None), "")
    return _Condition(part["name"].lower(), part["test"] or "", value)


@dataclass
class Markup:
    """What was read from a page: its title, the text it shows, and the attributes of what each selector matches."""

    title: str
    text: str
    saved_from: str
    matches: dict[str, list[Attributes]]


def read_markup(html: str, selectors: Iterable[str]) -> Markup:
    """Read a page as a browser serialises it: outer HTML, or what it saves. Never raises for bad HTML."""
    reader = _Reader([parse_selector(text) for text in selectors])
    reader.feed(html)
    reader.close()
    saved_from = re.search(r"<!--\s*saved from url=\(\d+\)(\S+)\s*-->", html[:4096])
    return Markup(
        " ".join("".join(reader.title).split()),
        " ".join("".join(reader.text).split()),
        saved_from[1] if saved_from else "",
        reader.matches,
    )


class _Reader(HTMLParser):
    def __init__(self, selectors: Sequence[Selector]) -> None:
        super().__init__(convert_charrefs=True)
        self.title: list[str] = []
        self.text: list[str] = []
        self.matches: dict[str, list[Attributes]] = {selector.text: [] for selector in selectors}
        self._selectors = selectors
        self._open: list[_Element] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._inside_raw:
            return
        # Of an attribute that is written twice, browsers take the first.
        element = _Element(tag, {name: value or "" for name, value in reversed(attrs)})
        hidden = any(outer.tag == "template" for outer in self._open)
        for selector in self._selectors:
            if not hidden and selector.matches(element, self._open):
                self.matches[selector.text].append(element.attributes)
        if tag not in _VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)  # in HTML the slash means nothing

    def handle_endtag(self, tag: str) -> None:
        if self._inside_raw and tag != self._open[-1].tag:
            return
        for at in range(len(self._open) - 1, -1, -1):
            if self._open[at].tag == tag:
                del self._open[at:]
                return

    def handle_data(self, data: str) -> None:
        if not self._inside_raw:
            self.text.append(data + " ")
        elif self._open[-1].tag == "title":
            self.title.append(data)

    @property
    def _inside_raw(self) -> bool:
        return bool(self._open) and self._open[-1].tag in _RAW
