"""Scrolls a page of image results in the browser until there are enough images or no more."""

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from instagram_assets.errors import PageError
from instagram_assets.search.results_page import FoundImages, ResultsPage, check_results_page, nothing_matched
from instagram_assets.search.search_sites import Site
from instagram_assets.settings import SearchSettings
from instagram_assets.storage.atomic import write_atomic

if TYPE_CHECKING:
    from selenium.webdriver.remote.webdriver import WebDriver

HitProgress = Callable[[int, int], None]
"""Called with the number of hits found and the limit."""

_SECONDS_BETWEEN_SNAPSHOTS = 0.1
_SNAPSHOT = """
const [counted, tried, walls, wallTexts, nothing, nothingTexts, done] = arguments;
// Two frames on, the page's own observers have seen where it was scrolled to; a hidden window draws none.
const drawn = new Promise((go) => requestAnimationFrame(() => requestAnimationFrame(go)));
const hidden = new Promise((go) => setTimeout(go, 1000));
Promise.race([drawn, hidden]).then(() => done(snapshot()));
function snapshot() {
const all = (selector) => [...document.querySelectorAll(selector)];
const shown = (element) => element.getClientRects().length > 0;
const selector = tried.find((text) => document.querySelector(text)) ?? "";
const root = document.scrollingElement ?? document.documentElement;
const text = selector ? "" : (document.body?.innerText ?? "").replace(/\\s+/g, " ");
const said = (selectors, texts) =>
  [...selectors.filter((one) => all(one).some(shown)), ...texts.filter((one) => text.includes(one))];
return {
  url: location.href,
  title: document.title,
  counts: Object.fromEntries(counted.map((one) => [one, all(one).length])),
  selector,
  images: selector ? all(selector).map((image) =>
    Object.fromEntries([...image.attributes].map((one) => [one.name, one.value]))
  ) : [],
  walls: said(walls, wallTexts),
  nothing_found: selector ? [] : said(nothing, nothingTexts),
  status: performance.getEntriesByType("navigation")[0]?.responseStatus ?? 0,
  complete: document.readyState === "complete",
  at_end: root.scrollTop + innerHeight >= root.scrollHeight - 2,
};
}
"""
# At the end a step back and forth: some pages only load more on a scroll event.
_STEP = """
const root = document.scrollingElement ?? document.documentElement;
if (root.scrollTop + innerHeight >= root.scrollHeight - 2) {
  scrollBy({top: -innerHeight / 4, behavior: "instant"});
  requestAnimationFrame(() => scrollTo({top: root.scrollHeight, behavior: "instant"}));
} else scrollBy({top: innerHeight * arguments[0], behavior: "instant"});
"""


def collect_images(
    browser: "WebDriver",
    site: Site,
    address: str,
    limit: int,
    options: SearchSettings,
    on_progress: HitProgress | None = None,
) -> tuple[ResultsPage, FoundImages]:
    """Opens the URL and scrolls until `limit` images are found or the page has no more; returns at least one image.

    Raises ConsentPageError, NoResultsError, NothingMatchedError or PageError.
    """
    browser.set_page_load_timeout(options.page_timeout)
    loaded = _open(browser, address)
    traffic = _Traffic(browser, options.page_timeout)
    page, findings = _scroll_through(browser, traffic, site, site.selectors, limit, options, on_progress)
    if not findings and not page.selector and _snapshot(browser, site, site.last_resort).selector:
        page, findings = _scroll_through(browser, traffic, site, site.last_resort, limit, options, on_progress)
    if findings:
        return page, findings
    if not (loaded and page.complete):
        raise PageError(
            f"{address}: the page did not finish loading within {options.page_timeout:g} s and shows no images. "
            "Try again, or raise INSTAGRAM_ASSETS_SEARCH__PAGE_TIMEOUT."
        )
    raise nothing_matched(page, site, address)


def save_page(browser: "WebDriver", folder: Path, query: str) -> str:
    """Saves the current page as HTML and as a screenshot for debugging; returns a sentence with the paths."""
    from selenium.common.exceptions import WebDriverException

    # The query is not part of the name: it may contain what a path must not.
    name = f"search-{hashlib.sha256(query.encode()).hexdigest()[:8]}"
    page, picture = folder / f"{name}.html", folder / f"{name}.png"
    try:
        url = browser.current_url
        html = f"<!DOCTYPE html>\n<!-- saved from url=({len(url):04d}){url} -->\n{browser.page_source}"
        write_atomic(page, lambda stream: stream.write(html.encode(errors="replace")))
        screenshot = browser.get_screenshot_as_png()
        write_atomic(picture, lambda stream: stream.write(screenshot))
    except WebDriverException as error:
        return f"The page could not be kept ({error.msg})."
    return f"The page is kept in {page} and {picture.name}."


def _open(browser: "WebDriver", address: str) -> bool:
    """Loads the URL in the browser; returns False on a timeout (the part that was loaded can still be enough)."""
    from selenium.common.exceptions import TimeoutException

    try:
        browser.get(address)
    except TimeoutException:
        return False
    return True


class _Traffic:
    """The page's pending network requests, from the browser's performance log."""

    def __init__(self, browser: "WebDriver", page_timeout: float) -> None:
        self._browser = browser
        self._page_timeout = page_timeout
        self._begun: dict[str, float] = {}

    def busy(self) -> bool:
        """Whether a network request is pending; requests that are pending longer than the page timeout do not count."""
        for entry in self._browser.execute("getLog", {"type": "performance"})["value"]:
            event = json.loads(entry["message"])["message"]
            if event["method"] == "Network.requestWillBeSent":
                self._begun[event["params"]["requestId"]] = entry["timestamp"] / 1000
            elif event["method"] in ("Network.loadingFinished", "Network.loadingFailed"):
                self._begun.pop(event["params"]["requestId"], None)
        return any(time.time() - begun < self._page_timeout for begun in self._begun.values())


def _scroll_through(
    browser: "WebDriver",
    traffic: _Traffic,
    site: Site,
    selectors: Sequence[str],
    limit: int,
    options: SearchSettings,
    on_progress: HitProgress | None,
) -> tuple[ResultsPage, FoundImages]:
    """Scrolls in steps, until there are enough images or nothing changes at the page's end for `site.patience` seconds.

    Pages that send requests endlessly, but show no new image within the page timeout, are considered complete.
    """
    findings = FoundImages(site)
    moved = advanced = time.monotonic()
    steps = 0
    while True:
        page = _snapshot(browser, site, selectors)
        check_results_page(page, site)
        new = findings.add(page)
        if new and on_progress:
            on_progress(min(len(findings), limit), limit)
        now = time.monotonic()
        if new or not page.at_end:
            moved = advanced = now
        elif traffic.busy():
            moved = now
        exhausted = now - moved >= site.patience or now - advanced >= options.page_timeout
        if exhausted or len(findings) >= limit or steps >= site.most_steps:
            return page, findings
        steps += not page.at_end
        browser.execute_script(_STEP, site.step)
        time.sleep(max(options.scroll_pause, _SECONDS_BETWEEN_SNAPSHOTS))


def _snapshot(browser: "WebDriver", site: Site, selectors: Sequence[str]) -> ResultsPage:
    seen: dict[str, Any] = browser.execute_async_script(
        _SNAPSHOT,
        site.image_selectors,
        selectors,
        site.walls,
        site.wall_texts,
        site.nothing_found,
        site.nothing_found_texts,
    )
    # The driver sorts by name.
    seen["counts"] = {selector: seen["counts"][selector] for selector in site.image_selectors}
    return ResultsPage(**seen)
