"""What the package says can be done by who installed it from a wheel, too."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import instagram_assets

PACKAGE = Path(instagram_assets.__file__).parent
_OF_A_CHECKOUT = re.compile(
    r"pip install (-e|\.)|\bmake (demo|dev|test|lint|env-example|train-demo)\b|requirements\.lock"
)


def texts(module: ast.Module) -> Iterator[str]:
    """The texts of a module but its docstrings, of which messages are made."""
    holders = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    bodies = [node.body for node in ast.walk(module) if isinstance(node, holders)]
    docstrings = {body[0].value for body in bodies if body and isinstance(body[0], ast.Expr)}
    for node in ast.walk(module):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in docstrings:
            yield node.value


def test_no_message_asks_for_a_checkout() -> None:
    training = PACKAGE / "demo" / "training"  # not in the wheel
    files = [path for path in PACKAGE.rglob("*.py") if training not in path.parents]
    assert len(files) > 100
    said = [(path.name, text) for path in files for text in texts(ast.parse(path.read_text("utf-8")))]
    assert [(name, text) for name, text in said if _OF_A_CHECKOUT.search(text)] == []
