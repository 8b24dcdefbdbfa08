"""Each row of `docs/bad-inputs.md` has a test that names it, and no test names another."""

import ast
import re
from pathlib import Path

TESTS = Path(__file__).parent
ROWS = set(re.findall(r"^\| \*\*(.+?)\*\*", (TESTS.parent / "docs" / "bad-inputs.md").read_text("utf-8"), re.MULTILINE))
CASES = ("ingest/test_bad_inputs.py", "media/test_bad_inputs.py", "storage/test_bad_files.py")
"""Files whose cases are called by the name of their row, a colon, and what is special about the case."""


def marked(tree: ast.AST) -> set[str]:
    """The rows that marks name: `@pytest.mark.bad_input("empty file")`."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    marks = [call for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr == "bad_input"]
    return {str(name.value) for mark in marks for name in mark.args if isinstance(name, ast.Constant)}


def named_by_cases(tree: ast.AST) -> set[str]:
    """The rows that keys of tables and lists of ids name: `"empty file: zero bytes"`."""
    names: set[str] = set()
    for node in ast.walk(tree):
        keys = node.keys if isinstance(node, ast.Dict) else node.elts if isinstance(node, ast.List) else []
        texts = [key.value for key in keys if isinstance(key, ast.Constant) and isinstance(key.value, str)]
        names |= {row for text in texts for row in ROWS if text.startswith(f"{row}: ")}
    return names


def test_each_row_has_a_test_that_names_it_and_no_test_names_another() -> None:
    trees = {path: ast.parse(path.read_text("utf-8")) for path in TESTS.rglob("test_*.py")}
    by_marks = {name for tree in trees.values() for name in marked(tree)}
    by_cases = {name for file in CASES for name in named_by_cases(trees[TESTS / file])}
    assert len(ROWS) == 90
    assert by_marks - ROWS == set()
    assert ROWS - by_marks - by_cases == set()
