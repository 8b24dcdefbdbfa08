"""Stylesheets in which nothing stands that no page has, and all that a page has."""

import re

import pytest

from instagram_assets.web.rendering import WEB_FOLDER

SHEETS = sorted((WEB_FOLDER / "static").glob("*.css"))
STYLE = re.sub(r"/\*.*?\*/", "", "".join(path.read_text("utf-8") for path in SHEETS), flags=re.DOTALL)
TEMPLATES = {path.name: path.read_text("utf-8") for path in sorted((WEB_FOLDER / "templates").glob("*.html"))}
OWN = (path for path in sorted((WEB_FOLDER / "static").glob("*.js")) if not path.name.endswith(".min.js"))
SCRIPTS = [path.read_text("utf-8") for path in OWN]
NAME = re.compile(r"[a-z][\w-]*", re.IGNORECASE)
CLASSES = {name for selector in re.findall(r"([^{}]+)\{", STYLE) for name in re.findall(r"\.([a-z][\w-]*)", selector)}
# A method of the API's reference, which comes from the routes.
FROM_PYTHON = {"put"}
# What tests and scripts find; it looks like what is around it.
WITHOUT_LOOKS = {"reason"}
ATTRIBUTE = re.compile(r'\bclass="((?:\{[{%].*?[%}]\}|[^"])*)"')


def test_each_class_of_the_stylesheet_stands_in_a_template_or_a_script() -> None:
    names = {name for text in (*TEMPLATES.values(), *SCRIPTS) for name in NAME.findall(text)}
    starts = tuple(name for name in names if name.endswith("-"))
    assert not {name for name in CLASSES - names - FROM_PYTHON if not name.startswith(starts)}


@pytest.mark.parametrize("template", TEMPLATES)
def test_each_class_of_a_template_stands_in_the_stylesheet(template: str) -> None:
    fixed = [re.sub(r"\S*\{\{.*?\}\}|\{%.*?%\}", " ", said) for said in ATTRIBUTE.findall(TEMPLATES[template])]
    assert not {name for said in fixed for name in said.split()} - CLASSES - WITHOUT_LOOKS
