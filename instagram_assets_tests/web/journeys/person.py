"""A person at a browser: reads words, fills fields by their labels, presses buttons by what stands on them."""

from collections.abc import Callable
from time import monotonic, sleep
from typing import Any, TypeVar

from selenium.common.exceptions import (
    ElementClickInterceptedException,
    ElementNotInteractableException,
    NoSuchElementException,
    StaleElementReferenceException,
)
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from instagram_assets.web.words import Words, words_in

PATIENCE = 180.0
_POLL_SECONDS = 0.25  # each look is a dozen questions to the browser, which has other work
# Parts of a page are exchanged while one looks at them: what was found a moment ago is looked for again.
_AGAIN = (
    StaleElementReferenceException,
    NoSuchElementException,
    ElementClickInterceptedException,
    ElementNotInteractableException,
)

Found = TypeVar("Found")


class Person:
    """One who reads a language on a screen of a width; `url` is the app's address."""

    def __init__(self, browser: Chrome, url: str, language: str = "en", width: int = 1440) -> None:
        self.browser, self.url = browser, url
        self.t: Words = words_in(language)
        size = {"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": width < 600}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        browser.get(f"{url}/static/icon.svg")  # a cookie is set on a page of its site
        browser.delete_all_cookies()
        browser.add_cookie({"name": "language", "value": language, "path": "/"})
        self.complaints()  # those are of whoever used the browser before

    def opens(self, path: str) -> None:
        """Go to a page of the app."""
        self.browser.get(self.url + path)

    def until(self, look: Callable[[], Found], what: str = "", seconds: float = PATIENCE) -> Found:
        """Look again and again until there is something; it. Raises AssertionError with what is on the page."""
        end = monotonic() + seconds
        while True:
            try:
                if found := look():
                    return found
            except _AGAIN:
                pass
            if monotonic() > end:
                raise AssertionError(f"not within {seconds:.0f} s: {what}. The page says: {self.text()[-3_000:]}")
            sleep(_POLL_SECONDS)

    def text(self) -> str:
        """All that can be read on the page."""
        return self.browser.find_element(By.TAG_NAME, "body").text

    def reads(self, words: str, where: str = "body", seconds: float = PATIENCE) -> None:
        """Wait until these words stand in the place, which a CSS selector names."""
        self.until(lambda: any(words in element.text for element in self.all(where)), f"{words!r} in {where}", seconds)

    def all(self, selector: str) -> list[WebElement]:
        return self.browser.find_elements(By.CSS_SELECTOR, selector)

    def sees(self, selector: str, seconds: float = PATIENCE) -> WebElement:
        """Wait until there is something to be seen that a CSS selector names."""
        return self.until(lambda: [found for found in self.all(selector) if found.is_displayed()], selector, seconds)[0]

    def fills(self, label: str, text: str) -> None:
        """Type into the field with this label, in the place of what stands there."""
        path = f"//label[.//*[normalize-space()={_quoted(label)}] or normalize-space()={_quoted(label)}]"

        def typed() -> bool:
            field = self.browser.find_element(By.XPATH, f"{path}//*[self::input or self::textarea or self::select]")
            field.clear()
            field.send_keys(text)
            return field.get_attribute("value") == text

        self.until(typed, f"a field {label!r}")

    def chooses(self, selector: str, *paths: Any) -> None:
        """Choose files in an input for files."""
        field = self.until(lambda: self.browser.find_element(By.CSS_SELECTOR, selector), selector)
        field.send_keys("\n".join(map(str, paths)))

    def presses(self, words: str, where: str = "body") -> None:
        """Click the button or link on which exactly these words stand, inside a place."""

        def click() -> bool:
            for place in self.all(where):
                for element in place.find_elements(By.CSS_SELECTOR, "button, a, summary, label"):
                    if element.is_displayed() and element.is_enabled() and element.text.strip() == words:
                        self.browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
                        element.click()
                        return True
            return False

        self.until(click, f"a button {words!r} in {where}")

    def agrees(self) -> None:
        """Say yes to what the browser asks."""
        self.until(lambda: self.browser.switch_to.alert, "a question").accept()

    def overflows(self) -> int:
        """By how many pixels the page is wider than the screen."""
        return self.browser.execute_script(
            "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )

    def complaints(self) -> list[str]:
        """What the browser said of faults since it was last asked: scripts that stumble, what a policy forbids."""
        said: list[dict[str, Any]] = self.browser.get_log("browser")
        # A page that is not there is answered with 404, which the browser calls a fault of the network.
        return [entry["message"] for entry in said if entry["level"] == "SEVERE" and entry["source"] != "network"]


def _quoted(text: str) -> str:
    return f'"{text}"' if '"' not in text else f"'{text}'"
