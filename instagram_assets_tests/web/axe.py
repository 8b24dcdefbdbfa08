"""What stands in the way of people who see, hear or point less well: asked of axe-core, and of the keyboard.

`axe.min.js` is axe-core 4.14.1 of the npm registry, unchanged, under the Mozilla Public License 2.0, for tests alone.
"""

from pathlib import Path
from typing import Any

from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

AXE = Path(__file__).with_name("axe.min.js").read_text("utf-8")
GRAVE = ("serious", "critical")
RUN = """const [rules, done] = arguments;
const asked = {resultTypes: ["violations"], ...(rules.length ? {runOnly: {type: "rule", values: rules}} : {})};
axe.run(document, asked).then(found => done(found.violations), error => done(String(error)))"""
DATE_STOPS = 3
# What the Tab key should reach, in the order of the page; of radio buttons of one name, the one that is chosen.
CONTROLS = """
const all = [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0']")];
const isReached = one => one.tabIndex >= 0 && one.type !== "hidden" && (one.type !== "radio" || one.checked);
const isOpen = one => one.checkVisibility() && !one.closest("dialog:not([open])");
const isEnabled = one => !one.disabled && !one.closest("fieldset:disabled");
const chosen = all.filter(one => isReached(one) && isOpen(one) && isEnabled(one));
window.controls = chosen;  // parts that are fetched again keep their elements, not attributes of ours
document.activeElement.blur(); getSelection().removeAllRanges(); window.scrollTo(0, 0);
return chosen.map(one => one.outerHTML.slice(0, 120));"""
FOCUSED = """const one = document.activeElement, look = getComputedStyle(one), place = one.getBoundingClientRect();
return {index: window.controls.indexOf(one), html: one.outerHTML.slice(0, 120),
  outline: look.outlineStyle === "none" ? 0 : parseFloat(look.outlineWidth),
  isInSight: place.bottom > 0 && place.top < innerHeight && place.right > 0 && place.left < innerWidth};"""


def faults(browser: WebDriver, *rules: str) -> list[str]:
    """Serious and critical findings of axe-core on the page that is open, a line for each place; all rules if none."""
    browser.execute_script(AXE)
    browser.set_script_timeout(180)  # a page of many elements takes axe half a minute beside other tests
    found: Any = browser.execute_async_script(RUN, rules)
    assert isinstance(found, list), found
    return [
        f"{finding['id']}: {finding['help']}: {node['target']} {node['html'][:120]} ({node['failureSummary']})"
        for finding in found
        if finding["impact"] in GRAVE
        for node in finding["nodes"]
    ]


def keyboard_faults(browser: WebDriver) -> list[str]:
    """Controls that the Tab key does not reach in their order, or that do not show that they have the focus."""
    controls: list[str] = browser.execute_script(CONTROLS)
    said: list[str] = []
    for index, control in enumerate(controls):
        focused = _after_tab(browser)
        # A date has a stop for its year, month and day each, and one for its calendar.
        for _ in range(DATE_STOPS if index and 'type="date"' in controls[index - 1] else 0):
            focused = _after_tab(browser) if focused["index"] == index - 1 else focused
        if focused["index"] != index:
            return [*said, f"Tab reaches {focused['html']} where {control} is next"]
        if not focused["outline"] or not focused["isInSight"]:
            said.append(f"{control} does not show that it has the focus")
    return said


def _after_tab(browser: WebDriver) -> dict[str, Any]:
    ActionChains(browser, duration=0).send_keys(Keys.TAB).perform()
    return browser.execute_script(FOCUSED)


def overflow(browser: WebDriver) -> int:
    """By how many pixels the page is wider than its window."""
    return browser.execute_script("return document.documentElement.scrollWidth - innerWidth")
