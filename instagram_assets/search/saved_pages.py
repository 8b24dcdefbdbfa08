"""Reads result pages saved in a browser: extracts the HTML of a file, and matches CSS selectors in it.

A saved page is a file of plain HTML, or a single-file archive (MHTML, RFC 2557).
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from instagram_assets.errors import FileError, SettingsError

Attributes = Mapping[str, str]
"""The attributes of an HTML element by name; empty text for one without a value."""

_NOT_SHOWN = ("script", "style", "title", "textarea", "template", "iframe", "noembed", "noframes", "xmp")
"""Elements whose content is neither part of the page's visible text nor matched by selectors."""
_RAW_TEXT = re.compile(
    r"<!--.*?(?:-->|\Z)|(<(noscript|script|style|title|textarea|iframe|noembed|noframes|xmp)\b"
    r"(?:[^'\">]|'[^']*'|\"[^\"]*\")*>).*?(?=</\2\b|\Z)",
    re.DOTALL | re.IGNORECASE,
)
"""Comments, and elements with raw text: browsers with scripts treat `noscript` as one, libxml2 does not."""

_ARCHIVE = re.compile(rb"\A(?:[!-9;-~]+:[^\n]*\n(?:[ \t][^\n]*\n)*)*?content-type:\s*multipart/related", re.IGNORECASE)
_REMEDY = 'Save the page as HTML ("Webpage, HTML Only", "Page Source" in Safari)'
_OTHERS = {
    b"bplist00": "is a web archive of Safari",
    b"%PDF": "is a PDF",
    b"PK\x03\x04": "is a zip file",
    b"\x1f\x8b": "is packed",
}


def read_saved(file: Path) -> str:
    """Returns the HTML of a saved page. Raises FileError if the file is not a saved page."""
    try:
        data = file.read_bytes()
    except OSError as error:
        raise FileError(str(file), f"cannot be read ({error.strerror})", "Name a saved HTML page") from error
    for head, what in _OTHERS.items():
        if data.startswith(head):
            raise FileError(str(file), what, _REMEDY)
    if not data.strip() or b"\0" in data:
        raise FileError(str(file), "is no HTML page in UTF-8" if data else "is empty", "Name a saved HTML page")
    if _ARCHIVE.match(data.lstrip()[:8192]):
        return _page_in(data, file)
    return data.decode("utf-8-sig", errors="replace")


def _page_in(archive: bytes, file: Path) -> str:
    """Returns the HTML page in an MHTML archive, with its URL added as browsers do in saved HTML."""
    from email import message_from_bytes, policy

    message = message_from_bytes(archive.lstrip(), policy=policy.default)
    for part in message.walk():
        if part.get_content_type() == "text/html":
            content: bytes = part.get_payload(decode=True)  # pyright: ignore[reportAssignmentType] bytes of a part without parts
            html = content.decode(_known(part.get_content_charset()), errors="replace")
            # Long headers are folded, anywhere within a URL.
            url = "".join(str(message["Snapshot-Content-Location"] or part["Content-Location"] or "").split())
            is_known = re.match(r"https?://\S+\Z", url)
            return f"<!-- saved from url=({len(url):04d}){url} -->\n{html}" if is_known else html
    raise FileError(str(file), "is an archive (MHTML) without a page in it", _REMEDY)


def _known(charset: str | None) -> str:
    import codecs

    try:
        return codecs.lookup(charset or "utf-8").name
    except LookupError:
        return "utf-8"


@dataclass
class ParsedPage:
    """A parsed page: its title, visible text, URL (`saved_from`) if the file contains it, and the matched elements.

    `matches` has, per CSS selector, the attributes of the matched elements, in the page's order.
    """

    title: str
    text: str
    saved_from: str
    matches: dict[str, list[Attributes]]


def parse_page(html: str, selectors: Iterable[str]) -> ParsedPage:
    """Parses a page as serialised by a browser: outer HTML, or a saved file. Never raises for malformed HTML.

    Raises SettingsError for an invalid CSS selector.
    """
    from lxml import etree  # pyright: ignore[reportAttributeAccessIssue] compiled, without types

    select = {text: _compiled(text) for text in selectors}
    # As bytes, so that no declaration in the page can name another encoding.
    parser = etree.HTMLParser(encoding="utf-8", huge_tree=True, remove_comments=True, remove_pis=True)
    root: Any = etree.fromstring(_RAW_TEXT.sub(_without_noscript, html).encode(errors="replace"), parser)
    if root is None:  # without any element or text
        root = etree.Element("html")
    titles: list[Any] = root.xpath("(//title)[1]")
    title = " ".join("".join(titles[0].itertext()).split()) if titles else ""
    for element in list(root.iter(*_NOT_SHOWN)):
        element.text = None
        del element[:]
    saved_from = re.search(r"<!--\s*saved from url=\(\d+\)(\S+)\s*-->", html[:4096])
    return ParsedPage(
        title,
        " ".join(" ".join(root.itertext()).split()),
        saved_from[1] if saved_from else "",
        {text: [dict(element.attrib) for element in find(root)] for text, find in select.items()},
    )


def _without_noscript(raw: re.Match[str]) -> str:
    return raw[1] if raw[2] and raw[2].lower() == "noscript" else raw[0]


def check_selector(text: str) -> None:
    """Raise SettingsError for an invalid CSS selector, or one that works only in a browser."""
    _compiled(text)


@cache
def _compiled(text: str) -> Callable[[Any], list[Any]]:
    """Returns a function from a root element to the elements that match the CSS selector. Raises SettingsError."""
    from cssselect import ExpressionError, HTMLTranslator, SelectorError
    from cssselect.xpath import XPathExpr
    from lxml import etree  # pyright: ignore[reportAttributeAccessIssue] compiled, without types

    class Translator(HTMLTranslator):
        """Translates CSS to XPath that tests each element by its ancestors and siblings, in time linear in the page.

        cssselect's own translation goes from each element to all its following siblings, quadratic for long pages.
        """

        def xpath_descendant_combinator(self, left: XPathExpr, right: XPathExpr) -> XPathExpr:
            return right.add_condition(f"ancestor::{left}")

        def xpath_child_combinator(self, left: XPathExpr, right: XPathExpr) -> XPathExpr:
            return right.add_condition(f"parent::{left}")

        def xpath_direct_adjacent_combinator(self, left: XPathExpr, right: XPathExpr) -> XPathExpr:
            return right.add_condition(f"preceding-sibling::*[1][self::{left}]")

        def xpath_indirect_adjacent_combinator(self, left: XPathExpr, right: XPathExpr) -> XPathExpr:
            return right.add_condition(f"preceding-sibling::{left}")

        def xpath_contains_function(self, xpath: XPathExpr, function: object) -> XPathExpr:
            raise ExpressionError(":contains() is no CSS")

        def xpath_attrib_different(self, xpath: XPathExpr, name: str, value: str | None) -> XPathExpr:
            raise ExpressionError("!= is no CSS")

        def xpath_scope_pseudo(self, xpath: XPathExpr) -> XPathExpr:
            raise ExpressionError(":scope has no meaning here")

    try:
        find = etree.XPath(Translator().css_to_xpath(text))
        find(etree.Element("html"))  # an undefined namespace is only detected here
    except (SelectorError, etree.XPathError) as error:
        raise SettingsError(
            f"selector {text!r}: not understood ({error}). Write a CSS selector such as img.name, #id img or "
            "a[href*='x'] > img."
        ) from error
    return find
