"""A headless Chromium, controlled by Selenium; it ends with the `with` block, and also if this process is killed."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from instagram_assets.errors import BrowserDiedError, BrowserMissingError, PageError
from instagram_assets.settings import SearchSettings

if TYPE_CHECKING:
    from selenium.webdriver.remote.webdriver import WebDriver

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
DRIVERS = ("chromedriver", "chromium.chromedriver")

# Services that Chromium contacts by itself, despite all flags: their names are made unresolvable here.
_OWN_SERVICES = (
    *(f"{name}.google.com" for name in ("accounts", "android.clients", "mtalk", "safebrowsing", "sb-ssl")),
    *(f"clients{number}.google.com" for number in ("", *range(1, 7))),
    *(f"{name}.googleapis.com" for name in ("update", "clientservices", "content-autofill", "optimizationguide-pa")),
    *(f"{name}.googleapis.com" for name in ("safebrowsing", "chromesyncpasswords-pa", "passwordsleakcheck-pa")),
    *(f"{name}.gvt1.com" for name in ("redirector", "edgedl.me", "dl")),
)
# The browser only contacts the page's servers, and shows no prompts, since there is no user.
_QUIET_FLAGS = (
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-component-extensions-with-background-pages",
    "--disable-domain-reliability",
    "--disable-client-side-phishing-detection",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--disable-breakpad",
    "--disable-features=OptimizationHints,MediaRouter,Translate,InterestFeedContentSuggestions,"
    "AutofillServerCommunication,CertificateTransparencyComponentUpdater,DialMediaRouteProvider,"
    "NetworkTimeServiceQuerying",
    "--host-resolver-rules=" + ",".join(f"MAP {name} ~NOTFOUND" for name in _OWN_SERVICES),
    "--metrics-recording-only",
    "--no-pings",
    "--mute-audio",
    "--disable-gpu",
    "--disable-dev-shm-usage",  # /dev/shm has 64 MB in containers, which a page of images fills
    "--window-size=1280,1600",
)
_STARTED = re.compile(r"started successfully on port (\d+)")
# The driver takes a free port of IPv6, and ends where another program has the same one of IPv4.
_PORT_TAKEN = "port not available"
_ATTEMPTS = 5
_SECONDS_TO_START = 60
_SECONDS_TO_END = 15
_DIED = ("disconnected", "tab crashed", "not reachable", "no such window", "target window already closed")


@contextmanager
def open_browser(options: SearchSettings) -> Generator["WebDriver"]:
    """Context manager: a new browser with an empty profile.

    The browser is terminated at the end of the block, and also if this process is killed. Selenium's exceptions in the
    block are converted to BrowserDiedError, or to PageError for a fault of the page. Raises BrowserMissingError, which
    says what to do, if there is no browser.
    """
    browser = find_browser(options)
    driver = find_driver(options, browser)
    with _running(driver) as port, _our_errors():
        yield _session(port, browser, options)


def find_browser(options: SearchSettings) -> str:
    """Returns the path of the Chromium executable. Raises BrowserMissingError if there is none."""
    return _program(options.browser, BROWSERS, "browser", "chromium")


def find_driver(options: SearchSettings, browser: str) -> str:
    """Returns the path of the WebDriver executable for a browser, downloaded if missing and the settings allow it.

    Raises BrowserMissingError if there is none.
    """
    if options.fetch_driver and not options.driver and not any(map(shutil.which, DRIVERS)):
        return _fetched_driver(browser)
    return _program(options.driver, DRIVERS, "driver", "chromium-driver")


def _fetched_driver(browser: str) -> str:
    """Returns the path of the driver for this browser that Selenium Manager has cached or downloads."""
    from selenium.common.exceptions import WebDriverException
    from selenium.webdriver.common.selenium_manager import SeleniumManager

    try:
        found = SeleniumManager().binary_paths(["--browser", "chrome", "--browser-path", browser])
        if path := shutil.which(found["driver_path"]):
            return path
        problem = f"what it names is no program: {found['driver_path'] or 'nothing'}"
    except (WebDriverException, OSError, ValueError, KeyError) as error:
        # The lines after the command contain the error.
        problem = " ".join(str(getattr(error, "msg", None) or error).split())
    raise BrowserMissingError(
        f"no driver for the search: none is on PATH, and Selenium Manager fetched none ({problem}). Check the network, "
        "or install chromedriver and name it in INSTAGRAM_ASSETS_SEARCH__DRIVER."
    )


def _program(given: str, names: tuple[str, ...], what: str, package: str) -> str:
    for name in [given] if given else names:
        if found := shutil.which(name):
            return found
    tried = given or f"{', '.join(names)} on PATH"
    raise BrowserMissingError(
        f"no {what} for the search: {tried} is no program. On Debian or Ubuntu: sudo apt-get install {package}; "
        f"elsewhere install Chrome and its chromedriver, and name it in INSTAGRAM_ASSETS_SEARCH__{what.upper()}."
        + (what == "driver")
        * " Or have it fetched: INSTAGRAM_ASSETS_SEARCH__FETCH_DRIVER=true."
    )


@contextmanager
def _running(driver: str) -> Generator[int]:
    """Context manager: runs the driver under its guard process and returns its port; ends both with the block."""
    said = ""
    for _ in range(_ATTEMPTS):
        with _guarded(driver) as guard:
            port, said = _port(guard)
            if port:
                yield port
                return
        if _PORT_TAKEN not in said:
            break
    raise BrowserMissingError(
        f"{driver}: this driver does not start ({said or 'it says nothing'}). "
        "Install chromedriver, or name it in INSTAGRAM_ASSETS_SEARCH__DRIVER."
    )


@contextmanager
def _guarded(driver: str) -> Generator["subprocess.Popen[str]"]:
    """Context manager: the guard process, which has started the driver."""
    folder = tempfile.mkdtemp(prefix="search-")
    guard = subprocess.Popen(
        [sys.executable, "-I", str(Path(__file__).with_name("browser_guard.py")), folder, driver, "--port=0"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        text=True,
        env=_environment(folder),
    )
    assert guard.stdin
    assert guard.stdout
    try:
        yield guard
    finally:
        guard.stdin.close()
        guard.stdout.close()
        try:
            guard.wait(_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            guard.kill()
            guard.wait()


def _environment(folder: str) -> dict[str, str]:
    """Returns this process's environment variables, with all writable paths in `folder` and no proxy for localhost."""
    direct = [os.environ.get("no_proxy") or os.environ.get("NO_PROXY", ""), *_OWN_SERVICES]
    homes = dict.fromkeys(("TMPDIR", "HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"), folder)
    return {**os.environ, **homes, **dict.fromkeys(("no_proxy", "NO_PROXY"), ",".join(filter(None, direct)))}


def _port(guard: "subprocess.Popen[str]") -> tuple[int, str]:
    """Returns the driver's port, 0 if it ends before it has one or takes too long, and the last lines of its output."""
    assert guard.stdin
    assert guard.stdout
    said: list[str] = []
    too_slow = threading.Timer(_SECONDS_TO_START, guard.stdin.close)
    too_slow.start()
    try:
        for line in guard.stdout:
            if started := _STARTED.search(line):
                return int(started[1]), ""
            said.append(line.strip())
    finally:
        too_slow.cancel()
    return 0, " ".join(said[-3:])


def _session(port: int, browser: str, options: SearchSettings) -> "WebDriver":
    # Remote, not Chrome: the latter may run Selenium Manager, which asks other hosts for drivers.
    from selenium.common.exceptions import WebDriverException
    from selenium.webdriver import ChromeOptions, Remote
    from selenium.webdriver.common.proxy import Proxy, ProxyType
    from selenium.webdriver.remote.client_config import ClientConfig
    from urllib3.exceptions import HTTPError

    chosen = ChromeOptions()
    chosen.binary_location = browser
    chosen.page_load_strategy = "eager"
    chosen.unhandled_prompt_behavior = "dismiss"
    # `visit` reads pending requests from this log.
    chosen.set_capability("goog:loggingPrefs", {"performance": "ALL"})
    chosen.add_experimental_option("perfLoggingPrefs", {"enableNetwork": True, "enablePage": False})
    for flag in _flags(options):
        chosen.add_argument(flag)
    address = f"http://127.0.0.1:{port}"
    # The driver is on this machine: do not use the environment's proxy.
    direct = ClientConfig(
        address,
        proxy=Proxy({"proxyType": ProxyType.DIRECT}),
        timeout=_SECONDS_TO_START + int(options.page_timeout),
    )
    try:
        session = Remote(address, options=chosen, client_config=direct)
    except (WebDriverException, HTTPError) as error:
        raise BrowserMissingError(
            f"{browser} does not start: {_first_line(error)}. Browser and driver must be of the same version; in a "
            "container its sandbox may be forbidden: INSTAGRAM_ASSETS_SEARCH__FLAGS=--no-sandbox."
        ) from error
    session.set_script_timeout(options.page_timeout)
    return session


def _flags(options: SearchSettings) -> Iterator[str]:
    yield from _QUIET_FLAGS
    if options.headless:
        yield "--headless=new"
    if os.geteuid() == 0:
        yield "--no-sandbox"  # Chromium refuses to start as root without it
    yield from shlex.split(options.flags)


@contextmanager
def _our_errors() -> Generator[None]:
    """Context manager that converts Selenium's exceptions to this package's.

    Errors in the JavaScript that this program runs are not converted.
    """
    from selenium.common.exceptions import (
        InvalidSessionIdException,
        NoSuchWindowException,
        TimeoutException,
        WebDriverException,
    )
    from urllib3.exceptions import HTTPError

    try:
        yield
    except TimeoutException as error:
        raise PageError(f"the page does not answer in time ({_first_line(error)})") from error
    except (InvalidSessionIdException, NoSuchWindowException, HTTPError) as error:
        raise BrowserDiedError(f"the browser ended ({_first_line(error)})") from error
    except WebDriverException as error:
        line = _first_line(error)
        if "net::ERR" in line:
            raise PageError(f"the page cannot be reached ({line}). Check the network and the site's address") from error
        if any(sign in line for sign in _DIED):
            raise BrowserDiedError(f"the browser ended ({line})") from error
        raise


def _first_line(error: Exception) -> str:
    text = str(getattr(error, "msg", None) or error).strip() or type(error).__name__
    return text.splitlines()[0].rstrip(".")
