"""README, CONTRIBUTING and docs/ as someone reads them who tries what they say."""

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest
import typer.main
from typer.core import TyperGroup
from typer.exceptions import TyperException

import instagram_assets
from instagram_assets.cli import app
from instagram_assets.settings import environment_names

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"(?<!`)`([^`]+)`(?!`)")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_COMMAND = re.compile(r"^(?:\.venv/bin/)?instagram-assets\s")
_OURS = re.compile(r"^(?:\.ci|benchmarks|deploy|docs|instagram_assets|instagram_assets_tests)/[\w./]+$")

every_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)


def blocks(document: Path, *languages: str) -> Iterator[str]:
    for language, block in _FENCE.findall(document.read_text("utf-8")):
        if language in languages:
            yield block


def code(document: Path) -> list[str]:
    """What stands between single backticks, line breaks taken as spaces."""
    prose = _FENCE.sub("", document.read_text("utf-8"))
    return [" ".join(found.split()) for found in _CODE.findall(prose)]


def shell_lines(document: Path) -> list[str]:
    written = [line for block in blocks(document, "sh") for line in block.replace("\\\n", " ").splitlines()]
    return [*written, *code(document)]


def commands(document: Path) -> list[list[str]]:
    """The arguments of every `instagram-assets …`; what only says that a command follows is none."""
    split = [shlex.split(line, comments=True) for line in shell_lines(document) if _COMMAND.match(line)]
    return [words[1:] for words in split if words[1:] != ["…"]]


def parse(arguments: list[str]) -> None:
    """Take the arguments as the command would, and run nothing. Raises TyperException when they are not understood."""
    command = typer.main.get_command(app)
    rest = list(arguments)
    while isinstance(command, TyperGroup) and rest and not rest[0].startswith("-"):
        name = rest.pop(0)
        if name not in command.commands:
            raise TyperException(f"no command is called {name!r}")
        command = command.commands[name]
    if not isinstance(command, TyperGroup) or command.invoke_without_command:
        command.make_context(command.name, rest)
    elif strange := set(rest) - {option for parameter in command.params for option in parameter.opts} - {"--help"}:
        raise TyperException(f"no option is called {strange}")


@every_document
def test_every_command_and_option_that_is_written_exists(document: Path) -> None:
    for arguments in commands(document):
        try:
            parse(arguments)
        except TyperException as error:
            pytest.fail(f"{document.name}: instagram-assets {shlex.join(arguments)}: {error}")


def test_commands_that_are_not_there_are_found_out() -> None:
    assert sum(len(commands(document)) for document in DOCUMENTS) > 30
    for mistaken in (
        ["exprot", "csv"],
        ["export", "cvs"],
        ["ingest", "--observed", "posts.json"],
        ["search"],
        ["words", "--top", "many"],
        ["--verison"],
    ):
        with pytest.raises(TyperException):
            parse(mistaken)


@every_document
def test_every_link_leads_somewhere(document: Path) -> None:
    for link in _LINK.findall(document.read_text("utf-8")):
        path, _, heading = unquote(link).partition("#")
        if "://" in path:
            continue
        linked = document.parent / path if path else document
        assert linked.exists(), f"{document.name}: {link}"
        assert not heading or heading in headings(linked), f"{document.name}: {link}"


def headings(document: Path) -> set[str]:
    """The anchors that headings get where Markdown is shown."""
    titles = re.findall(r"^#+ (.+)$", _FENCE.sub("", document.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@every_document
def test_every_file_target_module_and_setting_that_is_named_exists(document: Path) -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    settings = {name for name, _, _ in environment_names()}
    text = document.read_text("utf-8")
    for name in code(document):
        assert not _OURS.match(name) or (ROOT / name).exists(), f"{document.name}: {name}"
    for line in shell_lines(document):
        if made := re.match(r"make ([\w-]+)", line):
            assert made[1] in targets, f"{document.name}: {line}"
    for module in re.findall(r"python -m ((?:benchmarks|instagram_assets_tests)(?:\.[a-z_0-9]+)+)", text):
        path = ROOT.joinpath(*module.split("."))
        assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), f"{document.name}: {module}"
    for name in re.findall(r"\bINSTAGRAM_ASSETS_[A-Z0-9_]+[A-Z0-9]\b", text):
        assert name in settings, f"{document.name}: {name}"


@every_document
def test_python_that_is_shown_is_python_and_names_what_the_package_offers(document: Path) -> None:
    for block in blocks(document, "python"):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and node.module == "instagram_assets":
                assert {alias.name for alias in node.names} <= set(instagram_assets.__all__), document.name


def test_the_front_page_is_short_and_names_every_page() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    assert len(text.splitlines()) <= 120
    linked = set(_LINK.findall(text))
    assert {path.relative_to(ROOT).as_posix() for path in DOCUMENTS[1:]} <= linked


def test_the_changelog_tells_of_this_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert "## [Unreleased]" in text
    assert re.search(rf"^## \[{re.escape(instagram_assets.__version__)}\] - \d{{4}}-\d\d-\d\d$", text, re.MULTILINE)
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert set(re.findall(r"^### (.+)$", text, re.MULTILINE)) <= kinds
