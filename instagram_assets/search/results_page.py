"""Parses a page of image-search results, live or saved: the image URLs on it, or why there are none."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote, unquote, urlsplit

from instagram_assets.errors import ConsentPageError, NoResultsError, NothingMatchedError, PageError
from instagram_assets.search.saved_pages import Attributes, parse_page
from instagram_assets.search.search_sites import Site

_LONGEST_ADDRESS = 8192
_DEEPEST_WRAPPING = 5
_ADDRESS_SIGNS = "%/?#[]@!$&'()*+,;=:~"


@dataclass(frozen=True)
class SearchHit:
    """One image on a page of search results.

    `rank` counts from 1 in the page's order. `url` is that of the original image if the page contains it, and
    `fallback_url` that of the thumbnail; else `url` is the thumbnail's and `fallback_url` is empty. `selector` is the
    CSS selector that matched the image, `page_url` the URL of the page.
    """

    rank: int
    url: str
    fallback_url: str
    selector: str
    page_url: str


@dataclass(frozen=True)
class ResultsPage:
    """A snapshot of a page of search results.

    `counts` has the number of matching elements per image selector. `selector` is the first one with a match (empty if
    none), and `images` are the attributes of its elements. `walls` are those of the site's configured CSS selectors and
    phrases for consent pages that occur on the page, `nothing_found` those for "no results". `status` is the HTTP
    status, 0 if unknown.
    """

    url: str
    title: str
    counts: Mapping[str, int]
    selector: str
    images: Sequence[Attributes]
    walls: Sequence[str] = ()
    nothing_found: Sequence[str] = ()
    status: int = 0
    complete: bool = True
    at_end: bool = True


class FoundImages:
    """The distinct images of a page, in the page's order, accumulated over snapshots while it is scrolled."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._hits: dict[str, SearchHit] = {}

    def __len__(self) -> int:
        return len(self._hits)

    def add(self, page: ResultsPage) -> int:
        """Adds the images of a snapshot of the page; returns how many of them are new."""
        before, shown = self._hits, dict[str, SearchHit]()
        for attributes in page.images:
            if address := image_address(attributes, self._site):
                url, thumbnail = unwrap(address, self._site)
                shown.setdefault(url, before.get(url) or SearchHit(0, url, thumbnail, page.selector, page.url))
        # Some pages remove images that were scrolled out of view; those precede the images of the current snapshot.
        self._hits = {url: hit for url, hit in before.items() if url not in shown} | shown
        return len(self._hits) - len(before)

    def hits(self, limit: int | None = None) -> list[SearchHit]:
        """Returns the first `limit` images, or all without a limit, ranked from 1."""
        first = list(self._hits.values())[:limit]
        return [replace(hit, rank=rank) for rank, hit in enumerate(first, start=1)]


def image_address(attributes: Attributes, site: Site) -> str:
    """Returns the image URL in an HTML element's attributes; empty if they only have a placeholder image."""
    if any(attributes.get(side, "").strip() in ("0", "1") for side in ("width", "height")):
        return ""
    for name in site.attributes:
        address = _usable(attributes.get(name, ""))
        if address and not any(sign in urlsplit(address).path for sign in site.placeholders):
            return address
    return ""


def unwrap(address: str, site: Site) -> tuple[str, str]:
    """Returns (URL of the original, URL of the thumbnail) for a thumbnail URL that contains the original's URL.

    For any other URL, returns the URL itself and ''.
    """
    original = address
    for _ in range(_DEEPEST_WRAPPING):
        inner = _inner(original, site)
        if not inner:
            break
        original = inner
    return original, address if original != address else ""


def check_results_page(page: ResultsPage, site: Site) -> None:
    """Raises ConsentPageError, PageError or NoResultsError if the page shows a consent form, an error or no results."""
    host = urlsplit(page.url).hostname or ""
    if page.status in (401, 403, 407, 429):
        raise ConsentPageError(
            f"{page.url}: the site refuses (HTTP {page.status}). Wait for some hours, search more rarely, "
            "and look at the page in a browser of your own."
        )
    if page.status >= 400:
        raise PageError(f"{page.url}: the site answers with an error (HTTP {page.status}). Try again later.")
    if page.walls or (host and host != site.host):
        why = ", ".join(page.walls) or f"a redirect from {site.host}"
        raise ConsentPageError(
            f"{page.url}: the site shows {page.title!r} in the place of results ({why}). Open it in a browser "
            "of your own and do what it asks, or wait; it is not worked around."
        )
    if page.nothing_found:
        raise NoResultsError(f"{page.url}: the page says that it found nothing ({', '.join(page.nothing_found)}).")


def read_results_page(html: str, site: Site, selectors: Sequence[str]) -> ResultsPage:
    """Parses a saved page; its images are the elements matched by the first of `selectors` that matches any."""
    parsed = parse_page(html, dict.fromkeys(site.every_selector))
    found = parsed.matches
    selector = next((text for text in selectors if found[text]), "")
    texts = "" if selector else parsed.text  # a caption among results may contain these words
    said = [text for text in site.nothing_found if found[text]]
    said += [text for text in site.nothing_found_texts if text in texts]
    return ResultsPage(
        url=parsed.saved_from,
        title=parsed.title,
        counts={text: len(found[text]) for text in site.image_selectors},
        selector=selector,
        images=found.get(selector, ()),
        walls=[text for text in site.walls if found[text]] + [text for text in site.wall_texts if text in texts],
        nothing_found=[] if selector else said,
    )


def _usable(text: str) -> str:
    """Returns a URL percent-encoded; empty if it is not a valid http(s) URL."""
    text = text.strip()
    if text.startswith("//"):
        text = f"https:{text}"
    if len(text) > _LONGEST_ADDRESS or re.search(r"[\x00-\x1f\x7f]", text):
        return ""
    try:
        parts = urlsplit(text)
        hostname, _ = parts.hostname, parts.port
        bare = parts._replace(fragment="").geturl()
        return quote(bare, safe=_ADDRESS_SIGNS) if parts.scheme in ("http", "https") and hostname else ""
    except ValueError:  # invalid host or port, or a character that cannot be encoded
        return ""


def _inner(address: str, site: Site) -> str:
    parts = urlsplit(address)
    host = parts.hostname or ""
    if not any(host == known or host.endswith(f".{known}") for known in site.thumbnail_hosts):
        return ""
    for pair in parts.query.split("&"):
        name, _, value = pair.partition("=")
        if name == site.thumbnail_parameter:
            return _usable(unquote(value))  # not `parse_qs`: it would turn + into a space
    return ""


_ADDRESS = re.compile(r"\s*(?:https?:)?//[^\s/][^\s]*\s*")
_RELATIVE = re.compile(r"\s*(?:\./|(?![a-z][a-z0-9+.-]*:|[/#?]))\S", re.IGNORECASE)
_LEAST_PICTURE = 2_000
"""Minimum length in characters of a data: URL that is an image; placeholders are shorter."""
_SHOWN = 80
_COPY = (
    "name the copy in INSTAGRAM_ASSETS_SEARCH__SITES_FILE, and try it on the page with "
    "instagram-assets check-search --html FILE"
)
_HTML_ONLY = 'save it as HTML alone ("Webpage, HTML Only" in Chrome and Edge, "Web Page, HTML only" in Firefox)'


def nothing_matched(page: ResultsPage, site: Site, source: str) -> NothingMatchedError:
    """Returns the error for a page without images: each CSS selector, its number of matches, and what to do."""
    tried = "; ".join(f"{text}: {count}" for text, count in page.counts.items())
    if page.selector:
        where = ", ".join(site.attributes)
        problem = f"{page.selector} matches {len(page.images)} elements, but none has an address in {where}"
        remedy = _without_addresses(page.images, site, is_saved=not _ADDRESS.fullmatch(source))
    else:
        problem = f"no selector of [{site.name}] finds an image"
        remedy = f"Most likely the markup is new: copy search_sites.toml, put the new selector first, {_COPY}."
    return NothingMatchedError(
        f"{source}: {problem}; the page's title is {page.title!r}. Selectors and what they match: {tried}. {remedy}"
    )


def _without_addresses(images: Sequence[Attributes], site: Site, *, is_saved: bool) -> str:
    """Returns advice for the user if elements were matched but have no image URL.

    The URL is searched in the attributes that the site's configuration lists.
    """
    others = Counter(
        name
        for attributes in images
        for name, value in attributes.items()
        if name not in site.attributes and _ADDRESS.fullmatch(value)
    )
    if others:
        shown = ", ".join(f"{name} ({count} of them: {_first(images, name)})" for name, count in others.most_common())
        (best, _), *_ = others.most_common()
        return (
            f"They have addresses in {shown}: copy search_sites.toml, put {best!r} first in `attributes` where it is "
            f"the picture's, {_COPY}."
        )
    first = "; ".join(f"{name}={_cut(value)}" for name, value in next(iter(images), {}).items())
    if not is_saved:
        return f"What stands there ({first}) is no address yet: look at the page in a browser of your own."
    values = [attributes[name] for attributes in images for name in site.attributes if attributes.get(name)]
    if any(_RELATIVE.match(value) for value in values):
        return f"The page was saved with its pictures, so their addresses are gone: {_HTML_ONLY}."
    if any(value.startswith("data:") and len(value) >= _LEAST_PICTURE for value in values):
        return f"The page was saved with its pictures inside, so their addresses are gone: {_HTML_ONLY}."
    return (
        f"What stands there are placeholders ({first}), which the page replaces when they come into view: open it in a "
        f"browser, scroll to its end until the pictures show, and {_HTML_ONLY}."
    )


def _first(images: Sequence[Attributes], name: str) -> str:
    return next(_cut(value) for attributes in images if _ADDRESS.fullmatch(value := attributes.get(name, "")))


def _cut(value: str) -> str:
    return value if len(value) <= _SHOWN else f"{value[:_SHOWN]}…"
