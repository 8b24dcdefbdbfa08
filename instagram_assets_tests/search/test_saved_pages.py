"""Selectors select the same in a saved page as they do in a real Chromium."""

from collections.abc import Iterator
from time import perf_counter
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instagram_assets.errors import SettingsError
from instagram_assets.search.browser import open_browser
from instagram_assets.search.saved_pages import check_selector, parse_page
from instagram_assets.search.search_sites import load_site
from instagram_assets_tests.search.browsers import OPTIONS

if TYPE_CHECKING:
    from selenium.webdriver.remote.webdriver import WebDriver

CLASSES = ["_img", "_image", "_listImage", "tile_item", "photowall", "photo_bx", "_thumb", "thumb"]
WORDS = ["", "a", "http", "https://x/ y", "한글", 'quo"te', "it's", "a b"]
NAMES = ["data-lazy-src", "data-source", "src"]
TAGS = ["div", "img", "a", "span", "noscript", "template"]
ANSWERS = """
document.body.innerHTML = arguments[0];
const numbers = (selector) => [...document.querySelectorAll(selector)].map((e) => e.getAttribute("data-n"));
return [document.documentElement.outerHTML, arguments[1].map(numbers)];
"""

attributes = st.fixed_dictionaries(
    {},
    optional={
        "class": st.lists(st.sampled_from(CLASSES), max_size=3).map(" ".join),
        "id": st.sampled_from(["i", "j"]),
        **{name: st.sampled_from(WORDS) for name in NAMES},
    },
)
nodes: st.SearchStrategy[Any] = st.recursive(
    st.tuples(st.sampled_from(TAGS), attributes, st.just([])),
    lambda inner: st.tuples(st.sampled_from(TAGS), attributes, st.lists(inner, max_size=4)),
    max_leaves=25,
)
conditions = st.one_of(
    st.sampled_from(CLASSES).map(".{}".format),
    st.sampled_from(["#i", "#j"]),
    st.sampled_from(NAMES).map("[{}]".format),
    st.builds(
        "[{}{}'{}']".format, st.sampled_from(NAMES), st.sampled_from(["=", "~=", "^=", "$=", "*="]),
        st.sampled_from([word for word in WORDS if "'" not in word]),
    ),
)  # fmt: skip
compounds = st.builds(
    lambda tag, parts: tag + "".join(parts) or "*",
    st.sampled_from(["", "*", "img", "div", "IMG"]),
    st.lists(conditions, max_size=3),
)
with_position = st.builds(
    "".join, st.tuples(compounds, st.sampled_from(["", "", ":first-child", ":last-child", ":not(.thumb)"]))
)
complex_selectors = st.builds(
    lambda first, rest: first + "".join(gap + compound for gap, compound in rest),
    with_position,
    st.lists(st.tuples(st.sampled_from([" ", " ", " > ", " + ", " ~ "]), with_position), max_size=2),
)
selectors = st.lists(complex_selectors, min_size=1, max_size=2).map(", ".join)


@pytest.fixture(scope="module")
def browser() -> Iterator["WebDriver"]:
    with open_browser(OPTIONS) as browser:
        yield browser


def html(node: Any, count: Iterator[int]) -> str:
    tag, given, children = node
    escaped = {name: value.replace("&", "&amp;").replace('"', "&quot;") for name, value in given.items()}
    start = "".join(f' {name}="{value}"' for name, value in escaped.items())
    inner = "" if tag == "img" else "".join(html(child, count) for child in children) + f"</{tag}>"
    return f'<{tag} data-n="{next(count)}"{start}>{inner}'


@settings(deadline=None, max_examples=40)
@given(tree=st.lists(nodes, max_size=4), asked=st.lists(selectors, min_size=1, max_size=6, unique=True))
def test_a_saved_page_gives_what_the_browser_gives(browser: "WebDriver", tree: list[Any], asked: list[str]) -> None:
    asked = [*asked, *(text for text in load_site("naver").image_selectors if text not in asked)]
    count = iter(range(10_000))
    page = "".join(html(node, count) for node in tree)
    saved, answers = browser.execute_script(ANSWERS, page, asked)
    found = parse_page(saved, asked).matches
    assert {text: [match.get("data-n") for match in found[text]] for text in asked} == dict(
        zip(asked, answers, strict=True)
    )


@pytest.mark.parametrize(
    "text",
    [
        *("", "  ", "[x", "[x=]", "[x='1]", "..a", ".", "#", "a[b]c", "1a", "!", "a >", "a,", "n|a", "a:x"),
        *("a::before", "a:contains(b)", "[a!=b]", ":scope > a"),
    ],
)
def test_a_selector_that_is_not_understood_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="not understood"):
        check_selector(text)


@given(st.text() | st.text(alphabet="<>/!-='\" aimgscript&;#\n"))
def test_no_html_is_too_bad_to_be_read(html: str) -> None:
    parse_page(html, ["img", "div img[src]"])


def test_what_the_browser_does_not_show_is_neither_found_nor_text() -> None:
    hidden = "".join(f"<{tag}><img src='no'>no</{tag}>" for tag in ("noscript", "template", "iframe", "noembed", "xmp"))
    script = "<script>'<img src=no>'</script><style>no</style><!-- <img src=no> no -->"
    page = parse_page(f"<title>A\n b</title>{hidden}{script}<p>c<img src='yes'>d</p>", ["img", "noscript"])
    assert (page.title, page.text) == ("A b", "c d")
    assert page.matches == {"img": [{"src": "yes"}], "noscript": [{}]}


def test_a_declaration_of_another_encoding_changes_nothing() -> None:
    page = parse_page('<?xml version="1.0" encoding="euc-kr"?><meta charset="euc-kr"><p>고양이', ["p"])
    assert page.text == "고양이"


def test_a_page_of_ten_megabytes_takes_seconds() -> None:
    tile = '<div class="tile_item x"><span>text</span><img class="_img a" src="https://x/1.jpg?a=1&amp;b=2"></div>'
    begun = perf_counter()
    found = parse_page(tile * 100_000, [".tile_item img", "img._img", "#i img[src*='http']"]).matches
    assert [len(some) for some in found.values()] == [100_000, 100_000, 0]
    assert perf_counter() - begun < 60  # seven on an idle core; from ancestors to descendants it would be minutes
