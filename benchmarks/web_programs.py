"""The programs that `benchmarks.web` asks, each a process of its own, and what a browser loads of them."""

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_SECONDS_TO_START = 120
_CHROMIUM = ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--window-size=1440,1000")
# The navigation and everything that it made the browser load, each as it came over the wire.
_LOADED = """
const entries = ["navigation", "resource"].flatMap((kind) => performance.getEntriesByType(kind));
return entries.map((entry) => [entry.name, entry.transferSize]);
"""


@contextmanager
def program(
    arguments: Sequence[str], data: Path, ready: str, variables: Mapping[str, str] | None = None
) -> Generator[str]:
    """A command of `instagram-assets` that serves, until the block ends; its address.

    `ready` is a path that answers once it is there, `variables` are environment variables.
    Raises RuntimeError with what it said when it does not come.
    """
    log = data / f"{arguments[0]}.log"
    command = [sys.executable, "-m", "instagram_assets.cli", *arguments, "--port", "0"]
    own = {"INSTAGRAM_ASSETS_DATA_DIR": str(data), "PYTHONUNBUFFERED": "1"}
    environment = os.environ | own | dict(variables or {})
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        yield _address(process, log, ready)
    finally:
        process.terminate()
        process.wait()


def _address(process: "subprocess.Popen[bytes]", log: Path, ready: str) -> str:
    until = time.monotonic() + _SECONDS_TO_START
    while time.monotonic() < until and process.poll() is None:
        addresses = [word for word in log.read_text("utf-8").split() if word.startswith("http://")]
        if addresses and _answers(addresses[0] + ready):
            return addresses[0]
        time.sleep(0.2)
    raise RuntimeError(f"{process.args} does not serve:\n{log.read_text('utf-8')[-3000:]}")


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status == 200
    except (urllib.error.URLError, TimeoutError):
        return False


@contextmanager
def browser() -> Generator[Any]:
    """A headless Chromium."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for argument in _CHROMIUM:
        options.add_argument(argument)
    driver = webdriver.Chrome(options, webdriver.ChromeService("/usr/bin/chromedriver"))
    try:
        yield driver
    finally:
        driver.quit()


def loaded(driver: Any, url: str) -> dict[str, int]:
    """What a first visit loads: the bytes of each address as they are sent, headers too."""
    driver.execute_cdp_cmd("Network.clearBrowserCache", {})
    driver.get(url)
    before: list[Any] = []
    until = time.monotonic() + 30
    while time.monotonic() < until:
        time.sleep(1)  # what a page asks for after it is there comes, too
        found = driver.execute_script(_LOADED)
        if found == before:
            return dict(before)
        before = found
    raise TimeoutError(f"{url} goes on loading after 30 seconds")
