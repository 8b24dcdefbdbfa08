"""Image search engines: take a query, return the URLs of the images on the page of results.

Example: hits = search_source(settings).search("고양이", 50)
"""

import time
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from instagram_assets.errors import BrowserDiedError, SearchError, SearchRequestError
from instagram_assets.report.safe_text import first_control_character, replace_control_characters
from instagram_assets.search.browser import open_browser
from instagram_assets.search.results_page import (
    FoundImages,
    SearchHit,
    check_results_page,
    nothing_matched,
    read_results_page,
)
from instagram_assets.search.saved_pages import read_saved
from instagram_assets.search.scroll_results import HitProgress, collect_images, save_page
from instagram_assets.search.search_sites import Site, load_site
from instagram_assets.settings import SearchSettings, Settings

__all__ = [
    "BrowserSearch",
    "SearchHit",
    "SearchReport",
    "SearchSource",
    "clean_query",
    "read_saved_results",
    "search_source",
]

MOST_IMAGES = 500
"""Maximum number of images of one search."""
MOST_HITS = 2 * MOST_IMAGES
"""Maximum number of results read from one page: small, blurred and duplicate images are dropped later."""
LONGEST_QUERY = 200


class SearchSource(Protocol):
    """Interface of an image search engine.

    Another engine is added as a table in the sites file, or as a class with a method `search`.
    """

    def search(self, query: str, limit: int, on_progress: HitProgress | None = None) -> list[SearchHit]:
        """Returns up to `limit` (1 to MOST_HITS) distinct images in the order of the results page, at least one.

        Raises a subclass of SearchError (see `errors`), whose message says what to do.
        """
        ...


@dataclass(frozen=True)
class SearchReport:
    """The result of a search: hits, title and URL of the page, number of matches per CSS selector, duration in seconds.

    `exhausted` is true if the page showed fewer images than requested.
    """

    hits: Sequence[SearchHit]
    title: str
    url: str
    selector: str
    counts: Mapping[str, int]
    exhausted: bool
    seconds: float


@dataclass(frozen=True)
class BrowserSearch:
    """A search engine whose page is opened in Chromium, one page at a time, and scrolled in steps with pauses.

    A page without images is saved in the folder `reports` for debugging, as HTML and as a screenshot.
    """

    site: Site
    options: SearchSettings
    reports: Path

    def search(self, query: str, limit: int, on_progress: HitProgress | None = None) -> list[SearchHit]:
        """Returns up to `limit` distinct images in the order of the results page, at least one.

        Raises a subclass of SearchError (see `errors`), whose message says what to do.
        """
        return list(self.report(query, limit, on_progress).hits)

    def report(self, query: str, limit: int, on_progress: HitProgress | None = None) -> SearchReport:
        """Runs a search and returns its images with details such as the number of matches per CSS selector.

        If the browser crashes, the search is retried once.
        """
        query = clean_query(query)
        if not 1 <= limit <= MOST_HITS:
            raise SearchRequestError(f"limit {limit}: allowed are 1 to {MOST_HITS} images of one search page.")
        try:
            return self._run(query, limit, on_progress)
        except BrowserDiedError:
            pass  # the first crash can be accidental: try once more
        try:
            return self._run(query, limit, on_progress)
        except BrowserDiedError as error:
            raise BrowserDiedError(f"{error}. It was tried twice: free some memory, or see what ends it.") from error

    def _run(self, query: str, limit: int, on_progress: HitProgress | None) -> SearchReport:
        begun = time.monotonic()
        with open_browser(self.options) as browser:
            try:
                page, findings = collect_images(
                    browser, self.site, self.site.address(query), limit, self.options, on_progress
                )
            except SearchError as error:
                error.saved_page = save_page(browser, self.reports, query)
                raise
        return SearchReport(
            hits=findings.hits(limit),
            title=page.title,
            url=page.url,
            selector=page.selector,
            counts=page.counts,
            exhausted=len(findings) < limit,
            seconds=time.monotonic() - begun,
        )


def search_source(settings: Settings) -> BrowserSearch:
    """Returns the search engine configured in the settings. Raises SettingsError if its configuration is invalid."""
    options = settings.search
    return BrowserSearch(load_site(options.site, options.sites_file), options, settings.folder("reports"))


def clean_query(query: str) -> str:
    """Returns a search query normalised to Unicode NFC, without surrounding spaces.

    Emoji, slashes and dots are allowed: a query is never part of a path. Raises SearchRequestError if it is empty, too
    long, or contains control characters.
    """
    query = unicodedata.normalize("NFC", query).strip()
    if not query:
        raise SearchRequestError("the search word is empty. Give one, such as 고양이.")
    if len(query) > LONGEST_QUERY:
        raise SearchRequestError(f"the search word has {len(query)} characters; {LONGEST_QUERY} are allowed.")
    if sign := first_control_character(query):
        raise SearchRequestError(
            f"the search word '{replace_control_characters(query, 80)}' holds the control character "
            f"U+{ord(sign):04X}. Take it out."
        )
    return query


def read_saved_results(file: Path, site: Site) -> SearchReport:
    """Reads the results from a page saved in a browser, without opening a browser.

    Raises FileError if the file is not a saved page, a subclass of SearchError if no images are found on it.
    """
    begun = time.monotonic()
    html = read_saved(file)
    page = read_results_page(html, site, site.selectors)
    check_results_page(page, site)
    if not page.selector:
        page = read_results_page(html, site, site.last_resort)
    findings = FoundImages(site)
    if not findings.add(page):
        raise nothing_matched(page, site, str(file))
    seconds = time.monotonic() - begun
    return SearchReport(findings.hits(), page.title, page.url, page.selector, page.counts, True, seconds)
