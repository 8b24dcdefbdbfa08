"""What a page of results that gave no image says, and what to do: the elements themselves tell what went wrong."""

import re
from collections import Counter
from collections.abc import Sequence

from instagram_assets.errors import NothingMatchedError
from instagram_assets.ingest.markup import Attributes
from instagram_assets.ingest.search_pages import Page
from instagram_assets.ingest.search_sites import Site

_ADDRESS = re.compile(r"\s*(?:https?:)?//[^\s/][^\s]*\s*")
_RELATIVE = re.compile(r"\s*(?:\./|(?![a-z][a-z0-9+.-]*:|[/#?]))\S", re.IGNORECASE)
_LEAST_PICTURE = 2_000
"""Letters of a data: address that is a picture; placeholders are shorter."""
_SHOWN = 80
_COPY = (
    "name the copy in INSTAGRAM_ASSETS_SEARCH__SITES_FILE, and try it on the page with "
    "instagram-assets check-search --html FILE"
)
_HTML_ONLY = 'save it as HTML alone ("Webpage, HTML Only" in Chrome and Edge, "Web Page, HTML only" in Firefox)'


def nothing_matched(page: Page, site: Site, source: str) -> NothingMatchedError:
    """The error of a page without images: what was tried, what it matched, and what to do."""
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
    """What to do about elements that were found and have no address where one was looked for."""
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
