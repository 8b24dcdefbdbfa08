"""The picture of docs/architecture.md shows the packages and imports that there are, and none leads back.

`python -m instagram_assets_tests.test_architecture` draws it anew; it needs Graphviz (`dot`).
"""

import html
import re
import subprocess
import tomllib
from pathlib import Path

import grimp

from instagram_assets_tests.conftest import SLOWEST

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "architecture.svg"
PACKAGE = "instagram_assets"
# Each floor of docs/architecture.md by the last of its layers in the contract of pyproject.toml, with its colour.
# The second ways of packages that import each other, which docs/architecture.md explains: not drawn.
COUPLED = {("automation", "definitions"), ("storage", "partitions")}
FLOORS = {"assets": ("runs and people", "#fdf0dc"), "privacy": ("the work", "#e8f1fa"), "": ("ground", "#eceff1")}

Edges = set[tuple[str, str]]


def layers() -> list[list[str]]:
    """The packages of each layer, the topmost first, as import-linter holds them."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    rows = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    return [[name.strip().rpartition(".")[2] for name in row.split(":")] for row in rows]


def imports_between_packages() -> Edges:
    """Which package of the first level imports from which, read from the source."""
    packages = {name for row in layers() for name in row}
    graph = grimp.build_graph(PACKAGE)
    edges: Edges = set()
    for module in graph.modules:
        for imported in graph.find_modules_directly_imported_by(module):
            one, other = [name.split(".")[1] if "." in name else "" for name in (module, imported)]
            if one != other and {one, other} <= packages:
                edges.add((one, other))
    return edges - COUPLED


def reachable(edges: Edges, start: str) -> set[str]:
    """All that `start` imports, by others too."""
    found: set[str] = set()
    waiting = [start]
    while waiting:
        package = waiting.pop()
        new = {other for one, other in edges if one == package} - found
        found |= new
        waiting += new
    return found


def without_shortcuts(edges: Edges) -> Edges:
    """The transitive reduction: an import is drawn only where no longer way leads to the same package."""
    return {
        (one, other)
        for one, other in edges
        if not any(other in reachable(edges, between) for first, between in edges if first == one and between != other)
    }


def dot(edges: Edges) -> str:
    """The graph in Graphviz' language: floors from above to below in their colours."""
    lines = [
        'digraph architecture { bgcolor="white"; nodesep=0.25; ranksep=0.3;',
        'node [shape=box, style="rounded,filled", color="#607d8b", fontname="Helvetica", fontsize=11, height=0.3];',
        'edge [color="#90a4ae", arrowsize=0.6];',
    ]
    floors = iter(FLOORS.items())
    last, (_, colour) = next(floors)
    for row in layers():
        boxes = " ".join(f'{name} [fillcolor="{colour}"];' for name in row)
        lines.append(f"{{ rank=same; {boxes} }}")
        if last in row:
            last, (_, colour) = next(floors)
    lines += [f"{one} -> {other};" for one, other in sorted(edges)]
    return "\n".join([*lines, "}"])


def drawn() -> Edges:
    """The arrows of the picture; Graphviz titles each with its two ends."""
    titles = re.findall(r"<title>([^<]*)</title>", PICTURE.read_text())
    ends = [html.unescape(title).split("->") for title in titles]
    return {(pair[0], pair[1]) for pair in ends if len(pair) == 2}


def test_no_package_imports_one_that_imports_it() -> None:
    edges = imports_between_packages()
    assert [package for package in {one for one, _ in edges} if package in reachable(edges, package)] == []


def test_the_picture_shows_the_imports_that_there_are() -> None:
    assert drawn() == without_shortcuts(imports_between_packages()), f"draw it anew: python -m {__name__}"


def test_every_package_is_explained() -> None:
    rows = re.findall(r"^\| (`.+?) \|", (ROOT / "docs" / "architecture.md").read_text(), re.MULTILINE)
    explained = {name for row in rows for name in re.findall("`([a-z_]+)`", row)}
    assert [name for row in layers() for name in row if name not in explained] == []


def test_the_files_of_tests_that_are_begun_first_are_there() -> None:
    assert set(SLOWEST) <= {path.stem for path in Path(__file__).parent.rglob("test_*.py")}


if __name__ == "__main__":
    graph = dot(without_shortcuts(imports_between_packages()))
    PICTURE.write_bytes(
        subprocess.run(["dot", "-Tsvg"], input=graph.encode(), stdout=subprocess.PIPE, check=True).stdout
    )
