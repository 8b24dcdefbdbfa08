"""Every string that people read stands in both languages, is used, and stands nowhere else."""

import ast
import re
from collections.abc import Iterable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from string import Formatter

import pytest
from jinja2 import nodes

from instagram_assets.collect.circuit_breaker import ADVICE
from instagram_assets.web.rendering import WEB_FOLDER, environment
from instagram_assets.web.words import LANGUAGES, language_of, words_in

TEMPLATES = sorted((WEB_FOLDER / "templates").glob("*.html"))
SCRIPTS = sorted((WEB_FOLDER / "static").glob("*.js"))
MODULES = sorted(WEB_FOLDER.rglob("*.py"))
READ_ALOUD = ("alt", "aria-label", "placeholder", "title", "data-confirm", "data-done")
# Names, which are the same in every language.
NAMES = {"instagram_assets", "instagram-assets", "Dagster", "Instagram", "Apify", "Graph", "API", "JSON", "curl", "px"}
METHODS = {"GET", "POST", "PUT", "DELETE", "URL", "HTTP"}
HANGUL = re.compile("[가-힣]")


def braces(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def asked_in(template: Path) -> Iterator[tuple[str, bool]]:
    """Names that a template asks `t` for, and whether it is only how the name begins."""
    for call in environment().parse(template.read_text("utf-8")).find_all(nodes.Call):
        asked = call.node.node if isinstance(call.node, nodes.Getattr) else call.node
        if isinstance(asked, nodes.Name) and asked.name == "t" and call.args:
            yield from names_of(call.args[0], template)


def names_of(asked: nodes.Expr, template: Path) -> Iterator[tuple[str, bool]]:
    match asked:
        case nodes.Const(value=str(name)):
            yield name, False
        case nodes.Concat(nodes=[nodes.Const(value=str(start)), *_]):
            yield start, True
        case nodes.CondExpr(expr1=first, expr2=second):
            for each in (first, second):
                if isinstance(each, nodes.Expr):
                    yield from names_of(each, template)
        case nodes.Name() | nodes.Getattr() | nodes.Getitem():  # a name that Python gives: it stands there
            return
        case _:
            raise AssertionError(f"{template.name}:{asked.lineno}: t() is asked in a way that this test does not know")


def strings_in(module: Path) -> Iterator[tuple[str, bool]]:
    """Strings of a module that may be names, and whether more follows."""
    for node in ast.walk(ast.parse(module.read_text("utf-8"))):
        match node:
            case ast.JoinedStr(values=[ast.Constant(value=str(start)), *_]):
                yield start, True
            case ast.Constant(value=str(text)):
                yield text, False
            case _:
                pass


class Texts(HTMLParser):
    """The texts of a page that people read, without what is code."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self._in_code = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in_code += tag in ("code", "pre", "kbd", "script")
        self.found += [value or "" for name, value in attrs if name in READ_ALOUD]

    def handle_endtag(self, tag: str) -> None:
        self._in_code -= tag in ("code", "pre", "kbd", "script")

    def handle_data(self, data: str) -> None:
        if not self._in_code:
            self.found.append(data)


def texts_of(template: Path) -> list[str]:
    tokens = environment().lex(template.read_text("utf-8"))
    shown = {"variable_begin": "0"}  # a value, which need not be words
    page = "".join(text if kind == "data" else shown.get(kind, "") for _, kind, text in tokens)
    texts = Texts()
    texts.feed(page)
    return texts.found


def unknown_words(texts: Iterable[str]) -> set[str]:
    words = (word for text in texts for word in re.findall(r"[^\W\d_][\w-]*", text))
    return {word for word in words if word not in NAMES | METHODS}


@pytest.mark.parametrize("language", LANGUAGES.keys() - {"en"})
def test_languages_have_the_same_names_in_the_same_order_with_the_same_braces(language: str) -> None:
    english, other = words_in("en"), words_in(language)
    assert list(other.texts) == list(english.texts)
    unlike = {name for name in english.texts if braces(english.texts[name]) != braces(other.texts[name])}
    assert not unlike


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_templates_ask_for_words_that_there_are(template: Path) -> None:
    names = words_in("en").names()
    missing = {
        name
        for name, goes_on in asked_in(template)
        if not (any(known.startswith(name) for known in names) if goes_on else name in names)
    }
    # Reasons come from the data, and have words only where they are known.
    assert not missing - {"reasons."}


def test_no_words_are_left_that_nothing_asks_for() -> None:
    asked = [each for template in TEMPLATES for each in asked_in(template)]
    asked += [each for module in MODULES for each in strings_in(module)]
    whole = {name for name, goes_on in asked if not goes_on}
    starts = tuple(start for start, goes_on in asked if goes_on and "." in start)
    unused = {name for name in words_in("en").names() - whole if not name.startswith((*starts, "reasons.", "errors."))}
    assert not unused


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_templates_have_no_words_of_their_own(template: Path) -> None:
    assert not unknown_words(texts_of(template))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_have_no_korean(script: Path) -> None:
    assert not HANGUL.search(script.read_text("utf-8"))


def test_a_chosen_language_comes_before_the_browsers() -> None:
    assert language_of("ko", "en-US,en;q=0.9") == "ko"
    assert language_of("", "ko-KR,ko;q=0.9,en;q=0.8") == "ko"
    assert language_of("", "fr-FR, ko;q=0.5") == "ko"
    assert language_of("", "fr") == "en"
    assert language_of("../en", "") == "en"


def test_a_stopped_login_is_told_the_same_on_a_page_as_by_the_command() -> None:
    names = {f"accounts.advice_{outcome}": f"{advice}." for outcome, advice in ADVICE.items()}
    english = words_in("en").texts
    assert {name: text for name, text in english.items() if name.startswith("accounts.advice_")} == names
