"""A plugin for `make test-fast`: what can be tested without a process, a model, a database or a run.

    pytest -p instagram_assets_tests.fast_tests

Which tests those are follows from what they use, not from a list. A file that imports a library which takes seconds
to load is not loaded; a test is left out when it, a fixture of it or a helper of theirs uses what starts something.
What takes long all the same is named at the end. Nothing of this holds for `make test`, which runs everything.
"""

import re
import types
from collections.abc import Callable, Iterable, Iterator
from inspect import isclass, isfunction, unwrap
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings as hypothesis_settings

HEAVY = re.compile(r"^(?:import|from) (?:torch|transformers|sklearn|selenium|dagster_graphql)\b", re.MULTILINE)
"""Libraries that take seconds to load."""
STARTERS = (
    *(
        "subprocess",
        "multiprocessing",
        "nbclient",
        "instagram_assets_tests.faults",
        "typer.testing",
        "instagram_assets.automation.shell_runs",
    ),
    *("instagram_assets.demo", "instagram_assets.vision", "instagram_assets.automation.dagster_home"),
    "instagram_assets.local.image_analysis",
    *("instagram_assets.age.pipeline", "instagram_assets.text.tokens", "instagram_assets.text.word_frequencies"),
    *(
        "instagram_assets_tests.commands",
        "instagram_assets_tests.dagster_instances",
        "instagram_assets_tests.models.small_models",
    ),
)
"""Modules of which a use starts a process or a run, or takes a model."""
CALLS = {"materialize", "build_sensor_context", "build_schedule_context", "execute_in_process", "from_pretrained"}
"""Names of which a use does."""
OURS = "instagram_assets_tests"
SECONDS = 2.0
EXAMPLES = 15
EXAMPLES_OF = "_hypothesis_internal_use_settings"
"""Where Hypothesis keeps the settings of a test: it lets nobody change what a decorator says."""

_slow: dict[str, float] = {}


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """A file of tests that imports something heavy is not loaded."""
    if collection_path.suffix == ".py" and collection_path.name.startswith("test_"):
        return True if HEAVY.search(collection_path.read_text("utf-8")) else None
    return None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests that start something; let the others try fewer examples."""
    heavy = {item for item in items if isinstance(item, pytest.Function) and starts_something(_functions(item))}
    if heavy:
        config.hook.pytest_deselected(items=list(heavy))
        items[:] = [item for item in items if item not in heavy]
    for function in {item.function for item in items if isinstance(item, pytest.Function)}:
        if chosen := getattr(function, EXAMPLES_OF, None):
            setattr(function, EXAMPLES_OF, hypothesis_settings(chosen, max_examples=EXAMPLES))


def starts_something(functions: Iterable[Callable[..., object]]) -> bool:
    """True when one of the functions, or what they use of the tests' own, uses one of `STARTERS` or `CALLS`."""
    waiting, seen = list(functions), set[int]()
    while waiting:
        function = unwrap(waiting.pop())
        if id(function) in seen or not isfunction(function):
            continue
        seen.add(id(function))
        names = set(_names(function.__code__))
        used = [function.__globals__[name] for name in names if name in function.__globals__]
        if names & CALLS or any(_home(value).startswith(STARTERS) for value in used):
            return True
        ours = [value for value in used if _home(value).startswith(OURS)]
        waiting += [part for value in ours for part in (vars(value).values() if isclass(value) else [value])]
    return False


def _functions(item: pytest.Function) -> Iterator[Callable[..., object]]:
    """The function of a test, and those of the fixtures that it asks for."""
    handle = getattr(item.function, "hypothesis", None)
    yield handle.inner_test if handle else item.function
    for definitions in item._fixtureinfo.name2fixturedefs.values():  # pyright: ignore[reportPrivateUsage]
        yield from (definition.func for definition in definitions)


def _names(code: types.CodeType) -> Iterator[str]:
    """Every name that code uses, that of functions in it too."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)


def _home(value: Any) -> str:
    """The module that a thing is, or comes from."""
    found = value.__name__ if isinstance(value, types.ModuleType) else getattr(value, "__module__", "")
    return found if isinstance(found, str) else ""


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Remember what took long."""
    if report.duration > SECONDS:
        _slow[f"{report.nodeid} ({report.when})"] = report.duration


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name what took long: it can be made quicker, or starts something that `STARTERS` does not know."""
    for name, seconds in sorted(_slow.items(), key=lambda pair: -pair[1]):
        terminalreporter.write_line(f"over {SECONDS:.0f} s: {name} {seconds:.1f} s")
