"""Somebody at the gallery in Chromium: real wheel, keys and clicks, counted, and a watch on what is blank meanwhile."""

import json
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

_PATIENCE = 60.0
_KEYS = {"Enter": "\ue007", "End": "\ue010", "Home": "\ue011", "Shift": "\ue008"}
_WINDOW = 1_920, 1_300
"""Pixels; as high as 60 tiles need."""
_BLANK_MS = 200
# In each frame: which tiles are seen without a picture since when, and whether the middle of the window has no tile.
_WATCH = """
const watch = window.watch = { since: new Map(), seen: new Set(), blanks: [], frames: 0, longest: 0, last: 0 };
watch.on = true;
const ends = (id, now) => { watch.blanks.push(now - watch.since.get(id)); watch.since.delete(id); };
const isBare = () => {
  const box = document.getElementById("grid").getBoundingClientRect(), x = box.left + 40;
  const at = y => y < Math.max(box.top, 60) || y > box.bottom
    || [0, 12].some(by => document.elementFromPoint(x, y + by)?.closest(".grid-tile"));
  return ![0.3, 0.5, 0.8].every(share => at(innerHeight * share));
};
(function look(now) {
  if (watch.last) watch.longest = Math.max(watch.longest, now - watch.last);
  watch.last = now;
  watch.frames++;
  const blank = new Set(isBare() ? ["bare"] : []);
  for (const tile of document.querySelectorAll(".grid-tile")) {
    const box = tile.getBoundingClientRect();
    if (box.bottom < 60 || box.top > innerHeight) continue;
    watch.seen.add(tile.id);
    const image = tile.querySelector("img");
    const isThere = image ? image.complete && image.naturalWidth : tile.querySelector(".tile-missing");
    if (!isThere) blank.add(tile.id);
  }
  for (const id of watch.since.keys()) if (!blank.has(id)) ends(id, now);
  for (const id of blank) if (!watch.since.has(id)) watch.since.set(id, now);
  if (watch.on) requestAnimationFrame(look); else for (const id of watch.since.keys()) ends(id, now);
})(performance.now());
"""
_QUIET = """
const seen = [...document.querySelectorAll(".grid-tile")].filter(tile => {
  const box = tile.getBoundingClientRect();
  return box.bottom > 0 && box.top < innerHeight;
});
return seen.length > 0 && seen.every(tile => {
  const image = tile.querySelector("img");
  return image ? image.complete && image.naturalWidth > 0 : tile.querySelector(".tile-missing") !== null;
});
"""

Found = TypeVar("Found")


@dataclass(frozen=True)
class Watched:
    """What was seen of the grid; times in milliseconds."""

    tiles: int
    blank_tiles: int
    longest_blank: float
    frames: int
    longest_frame: float


class Person:
    """`actions` counts clicks, keys and words typed."""

    def __init__(self, driver: Any, app: str) -> None:
        self.driver, self.app, self.actions = driver, app, 0
        driver.set_window_size(*_WINDOW)

    def opens(self, path: str) -> None:
        """Go to a page of the app."""
        self.driver.get(self.app + path)

    def runs(self, script: str, *arguments: Any) -> Any:
        """What a script in the page returns."""
        return self.driver.execute_script(script, *arguments)

    def until(self, look: Callable[[], Found], what: str) -> Found:
        """Look every 10 ms until there is something; it. Raises TimeoutError."""
        from selenium.common.exceptions import WebDriverException

        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end:
            try:
                if found := look():
                    return found
            except WebDriverException:
                pass  # the page is being exchanged: it is asked again
            time.sleep(0.01)
        raise TimeoutError(f"not within {_PATIENCE:.0f} s: {what}")

    def until_quiet(self) -> None:
        """Wait until every tile that is seen has its picture."""
        self.until(lambda: self.runs(_QUIET), "all pictures")

    def sees(self, selector: str) -> Any:
        """Wait until an element is seen; it."""
        find = self.driver.find_elements
        return self.until(lambda: [each for each in find("css selector", selector) if each.is_displayed()], selector)[0]

    def count(self, selector: str) -> int:
        """How many elements there are."""
        return self.runs("return document.querySelectorAll(arguments[0]).length", selector)

    def text(self, selector: str) -> str:
        """The words of an element."""
        return self.runs("return document.querySelector(arguments[0]).textContent", selector)

    def tiles(self) -> int:
        """Tiles that the page holds."""
        return self.count(".grid-tile")

    def types(self, selector: str, text: str) -> None:
        """Click a field and type: one action."""
        self.actions += 1
        self.sees(selector).send_keys(text)

    def presses(self, key: str, *, leaves: bool = False) -> None:
        """Press a key where the focus is; `leaves` where another page comes, whose coming is waited for."""
        from selenium.webdriver.common.action_chains import ActionChains

        self.actions += 1
        self._leaving(leaves, ActionChains(self.driver, duration=0).send_keys(_KEYS.get(key, key)).perform)

    def presses_in_grid(self, key: str) -> None:
        """The same with the focus on a tile."""
        self.runs("document.querySelector('.grid-tile[tabindex=\"0\"], .grid-tile').focus({preventScroll: true})")
        self.presses(key)

    def clicks(self, selector: str, held: str = "", *, leaves: bool = False) -> None:
        """Click an element, perhaps while a key is held."""
        from selenium.webdriver.common.action_chains import ActionChains

        self.actions += 1
        chain, found = ActionChains(self.driver, duration=0), self.sees(selector)
        if held:
            chain.key_down(_KEYS[held]).click(found).key_up(_KEYS[held])
        else:
            chain.click(found)
        self._leaving(leaves, chain.perform)

    def _leaving(self, leaves: bool, act: Callable[[], None]) -> None:
        if leaves:
            self.runs("window.isBefore = true")
        act()
        if leaves:
            self.until(lambda: not self.runs("return window.isBefore === true"), "another page")

    def wheels(self, pixels: int, times: int, seconds: float) -> None:
        """Turn the wheel: so many pixels each time, that many seconds apart."""
        at = {"type": "mouseWheel", "x": 700, "y": 600, "deltaX": 0, "deltaY": pixels}
        for _ in range(times):
            end = time.perf_counter() + seconds
            self.driver.execute_cdp_cmd("Input.dispatchMouseEvent", at)
            time.sleep(max(0.0, end - time.perf_counter()))

    def drags(self, share: float) -> None:
        """Move the bar from where it is to a share of the page, in 20 steps of a hand."""
        size = self.runs("return [scrollY, document.documentElement.scrollHeight - innerHeight]")
        for step in range(1, 21):
            self.runs(
                "scrollTo({top: arguments[0], behavior: 'instant'})", size[0] + (share * size[1] - size[0]) * step / 20
            )
            time.sleep(0.03)

    def watches(self) -> None:
        """Begin to watch."""
        self.runs(_WATCH)

    def watched(self) -> Watched:
        """What was seen since; ends it."""
        self.runs("window.watch.on = false")
        time.sleep(0.2)
        script = "const all = window.watch; return [all.seen.size, all.blanks, all.frames, all.longest]"
        seen, blanks, frames, longest = self.runs(script)
        late = [blank for blank in blanks if blank > _BLANK_MS]
        return Watched(seen, len(late), max(blanks, default=0.0), frames, longest)

    def memory_mb(self) -> float:
        """What the scripts of the page hold, after what is of no use is collected."""
        self.driver.execute_cdp_cmd("HeapProfiler.collectGarbage", {})
        return self.driver.execute_cdp_cmd("Runtime.getHeapUsage", {})["usedSize"] / 1e6

    def asks(self, method: str, path: str, body: Any = None) -> None:
        """Ask the API as a script does."""
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.app + path, content, method=method)
        with urllib.request.urlopen(request) as answer:
            answer.read()
