"""Pictures of every page of a running web app, to look at: in each width, theme and language.

    python -m instagram_assets_tests.web.screenshots --url http://127.0.0.1:3001 --out FOLDER

Beside the fixed pages it takes one of each kind that they link to: a job, its log, an account. `--page` takes others,
`--width`, `--theme` and `--language` fewer; files are named page-width-theme-language.png.
"""

import argparse
import os
import re
import tempfile
from base64 import b64decode
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote, urlsplit

from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.common.by import By

import instagram_assets
from instagram_assets.search.browser import open_browser
from instagram_assets_tests.search.browsers import OPTIONS

PAGES = ("/", "/gallery", "/posts", "/lists", "/collect", "/jobs", "/accounts", "/status", "/api-reference", "/login")
WIDTHS, THEMES, LANGUAGES = (380, 1440, 2560), ("light", "dark"), ("en", "ko")
HEIGHTS = {380: 780, 1440: 900, 2560: 1300}
# Of each kind of page that others link to, one.
KINDS = {
    "job": re.compile(r"/jobs/[^/]+$"),
    "log": re.compile(r"/jobs/[^/]+/log$"),
    "post": re.compile(r"/posts/[^/]+/[^/]+$"),
    "account": re.compile(r"/accounts/.+$"),
}
TALLEST = 6_000
FONT_FOLDER = Path(instagram_assets.__file__).parent / "report" / "font"
# A page is quiet when no part of it waits for its content any more.
QUIET = """const done = arguments[0];
const isQuiet = () => !document.querySelector(".htmx-request, .loading") && [...document.images].every(
  image => image.complete || image.loading === "lazy");
let tries = 0;
(function look() { if (isQuiet() || ++tries > 50) done(); else setTimeout(look, 100); })();"""
FONTS = """<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>
<include ignore_missing="yes">/etc/fonts/fonts.conf</include><dir>{}</dir></fontconfig>"""


@contextmanager
def browser_with_korean() -> Generator[WebDriver]:
    """A headless browser that has the package's Korean font, on machines that have none."""
    with tempfile.TemporaryDirectory() as folder:
        fonts = Path(folder) / "fonts.conf"
        fonts.write_text(FONTS.format(FONT_FOLDER), "utf-8")
        before = os.environ.get("FONTCONFIG_FILE")
        os.environ["FONTCONFIG_FILE"] = str(fonts)
        try:
            with open_browser(OPTIONS) as browser:
                yield cast(WebDriver, browser)
        finally:
            if before is None:
                del os.environ["FONTCONFIG_FILE"]
            else:
                os.environ["FONTCONFIG_FILE"] = before


def show(browser: WebDriver, address: str, width: int, theme: str, language: str) -> None:
    """Open a page as wide as this, in a theme and a language, and wait until it is all there."""
    set_width(browser, width)
    devtools(browser, "Emulation.setScrollbarsHidden", {"hidden": True})
    parts = urlsplit(address)
    for name, value in (("theme", theme), ("language", language)):
        cookie = {"name": name, "value": value, "url": f"{parts.scheme}://{parts.netloc}/"}
        devtools(browser, "Network.setCookie", cookie)
    browser.get(address)
    browser.execute_async_script(QUIET)


def set_width(browser: WebDriver, width: int) -> None:
    """Make the window as wide as this, also that of a page that is open."""
    metrics = {"width": width, "height": HEIGHTS.get(width, 900), "deviceScaleFactor": 1, "mobile": False}
    devtools(browser, "Emulation.setDeviceMetricsOverride", metrics)


def devtools(browser: WebDriver, command: str, values: dict[str, Any]) -> Any:
    """Ask Chromium itself, by the protocol of its developer tools."""
    return browser.execute("executeCdpCommand", {"cmd": command, "params": values})["value"]


def whole_page(browser: WebDriver) -> bytes:
    """The page as a PNG, to its end, or to where nobody looks any more."""
    size = devtools(browser, "Page.getLayoutMetrics", {})["cssContentSize"]
    clip = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], TALLEST), "scale": 1}
    values = {"format": "png", "captureBeyondViewport": True, "clip": clip}
    return b64decode(devtools(browser, "Page.captureScreenshot", values)["data"])


def every_page(browser: WebDriver, url: str, pages: Iterable[str] = PAGES) -> dict[str, str]:
    """Names and addresses of these pages, and of one of each kind of page that they link to."""
    found = {path.strip("/").replace("/", "-") or "start": f"{url}{path}" for path in pages}
    for address in list(found.values()):
        show(browser, address, 1440, "light", "en")
        links = [link.get_attribute("href") or "" for link in browser.find_elements(By.CSS_SELECTOR, "main a[href]")]
        for link in links:
            for kind, pattern in KINDS.items():
                if link.startswith(f"{url}/") and pattern.fullmatch(unquote(urlsplit(link).path)):
                    found.setdefault(kind, link)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="http://127.0.0.1:3001", help="where the web app is")
    parser.add_argument("--out", type=Path, required=True, help="folder for the pictures")
    parser.add_argument("--page", action="append", help="path of a page, such as /jobs; all when left out")
    parser.add_argument(
        "--width", action="append", type=int, help=f"such as {WIDTHS[0]}; these when left out: {WIDTHS}"
    )
    parser.add_argument("--theme", action="append", choices=THEMES)
    parser.add_argument("--language", action="append", choices=LANGUAGES)
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    with browser_with_korean() as browser:
        for name, address in every_page(browser, asked.url.rstrip("/"), asked.page or PAGES).items():
            for width in asked.width or WIDTHS:
                for theme in asked.theme or THEMES:
                    for language in asked.language or LANGUAGES:
                        show(browser, address, width, theme, language)
                        wide = browser.execute_script("return document.documentElement.scrollWidth")
                        file = asked.out / f"{name}-{width}-{theme}-{language}.png"
                        file.write_bytes(whole_page(browser))
                        print(file, f"is {wide} px wide: it scrolls sideways" if wide > width else "", flush=True)


if __name__ == "__main__":
    main()
