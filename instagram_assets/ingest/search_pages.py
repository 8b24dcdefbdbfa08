"""From a page of image results to the addresses of the images; the same for a live page and for a saved one."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote, unquote, urlsplit

from instagram_assets.errors import ConsentPageError, NoResultsError, PageError
from instagram_assets.ingest.markup import Attributes, read_markup
from instagram_assets.ingest.search_sites import Site

_LONGEST_ADDRESS = 8192
_DEEPEST_WRAPPING = 5
_ADDRESS_SIGNS = "%/?#[]@!$&'()*+,;=:~"


@dataclass(frozen=True)
class SearchHit:
    """One image that a search page shows.

    `rank` counts from 1 in the page's order. `url` is the original where the page tells it; then `fallback_url` is
    its thumbnail, else empty. `selector` found it, on the page `page_url`.
    """

    rank: int
    url: str
    fallback_url: str
    selector: str
    page_url: str


@dataclass(frozen=True)
class Page:
    """What a page of results looks like at one moment.

    `counts` says for each image selector how many elements it matches; `images` are the attributes of those of
    `selector`, the one that decides, which is empty when none matches. `walls` and `nothing_found` are the selectors
    and texts of the site's that apply. `status` is HTTP's, 0 when unknown.
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


class Findings:
    """The different images of a page that is looked at several times, in the page's order."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._hits: dict[str, SearchHit] = {}

    def __len__(self) -> int:
        return len(self._hits)

    def add(self, page: Page) -> int:
        """Take what the page shows now; how many images are new."""
        before, shown = self._hits, dict[str, SearchHit]()
        for attributes in page.images:
            if address := image_address(attributes, self._site):
                url, thumbnail = unwrap(address, self._site)
                shown.setdefault(url, before.get(url) or SearchHit(0, url, thumbnail, page.selector, page.url))
        # Some pages take away what was scrolled out of view: it stood before what is there now.
        self._hits = {url: hit for url, hit in before.items() if url not in shown} | shown
        return len(self._hits) - len(before)

    def hits(self, limit: int | None = None) -> list[SearchHit]:
        """The first images, all without a limit, ranked from 1."""
        first = list(self._hits.values())[:limit]
        return [replace(hit, rank=rank) for rank, hit in enumerate(first, start=1)]


def image_address(attributes: Attributes, site: Site) -> str:
    """The address that an image's attributes tell, or nothing when it is still a placeholder."""
    if any(attributes.get(side, "").strip() in ("0", "1") for side in ("width", "height")):
        return ""
    for name in site.attributes:
        address = _usable(attributes.get(name, ""))
        if address and not any(sign in urlsplit(address).path for sign in site.placeholders):
            return address
    return ""


def unwrap(address: str, site: Site) -> tuple[str, str]:
    """The original's address and the thumbnail's, when `address` is a thumbnail that names it; else itself and ''."""
    original = address
    for _ in range(_DEEPEST_WRAPPING):
        inner = _inner(original, site)
        if not inner:
            break
        original = inner
    return original, address if original != address else ""


def judge(page: Page, site: Site) -> None:
    """Raise what the page itself says: ConsentPageError, PageError or NoResultsError."""
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


def read_page(html: str, site: Site, selectors: Sequence[str]) -> Page:
    """A saved page as if a browser showed it, its images those of the first of `selectors` that matches."""
    markup = read_markup(html, dict.fromkeys(site.every_selector))
    found = markup.matches
    selector = next((text for text in selectors if found[text]), "")
    texts = "" if selector else markup.text  # a caption among results may say anything
    said = [text for text in site.nothing_found if found[text]]
    said += [text for text in site.nothing_found_texts if text in texts]
    return Page(
        url=markup.saved_from,
        title=markup.title,
        counts={text: len(found[text]) for text in site.image_selectors},
        selector=selector,
        images=found.get(selector, ()),
        walls=[text for text in site.walls if found[text]] + [text for text in site.wall_texts if text in texts],
        nothing_found=[] if selector else said,
    )


def _usable(text: str) -> str:
    """The text as an address in ASCII, or nothing when it is none of http."""
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
    except ValueError:  # a host or port that is none, or a character that has no encoding
        return ""


def _inner(address: str, site: Site) -> str:
    parts = urlsplit(address)
    host = parts.hostname or ""
    if not any(host == known or host.endswith(f".{known}") for known in site.thumbnail_hosts):
        return ""
    for pair in parts.query.split("&"):
        name, _, value = pair.partition("=")
        if name == site.thumbnail_parameter:
            return _usable(unquote(value))  # not `parse_qs`: there a + would become a space
    return ""
