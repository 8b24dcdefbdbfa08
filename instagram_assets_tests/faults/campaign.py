"""Every file operation of a writer, broken in every way, and what must hold afterwards."""

import atexit
import tempfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from instagram_assets.storage.atomic import sweep
from instagram_assets_tests.faults.harness import KINDS, Fault, Kind, Worker
from instagram_assets_tests.faults.writers import content

OLD, NEW = 1, 2


@dataclass(frozen=True)
class Scenario:
    """One thing that is written, and what must hold.

    `target` is called as `target(*arguments(folder))`. `prepare` makes the state before. `after_fault` and
    `after_rerun` look at the folder and give what is wrong with it, or "". `imports` are modules to load beforehand.
    """

    name: str
    target: str
    prepare: Callable[[Path], None]
    arguments: Callable[[Path], Sequence[object]]
    after_fault: Callable[[Path], str]
    after_rerun: Callable[[Path], str]
    imports: Sequence[str] = ()


@dataclass
class Report:
    """How many points were tried, and those where a promise was broken."""

    points: int = 0
    failures: list[str] = field(default_factory=list[str])


def campaign(
    scenario: Scenario, kinds: Iterable[Kind] = KINDS, operations: Callable[[int], Iterable[int]] | None = None
) -> Report:
    """Break each chosen operation in each way: look, run once more undisturbed, look again.

    A fault after the function has returned (the last operation) must leave what a whole run leaves.

    `operations` picks numbers out of 1…n given n; by default all of them.
    """
    report = Report()
    worker = _warm_worker(scenario.target, tuple(scenario.imports))
    count = _undisturbed(worker, scenario)
    for number in operations(count) if operations else range(1, count + 1):
        for kind in kinds:
            report.points += 1
            if problem := _trial(worker, scenario, Fault(kind, number), last=number == count):
                report.failures.append(f"{scenario.name}, {kind} at operation {number}: {problem}")
    return report


# The worker of the newest campaign: the next one of the same target need not load everything again.
_kept = ExitStack()
atexit.register(_kept.close)


@lru_cache(maxsize=1)
def _warm_worker(target: str, imports: tuple[str, ...]) -> Worker:
    _kept.close()
    return _kept.enter_context(Worker(target, imports))


def _undisturbed(worker: Worker, scenario: Scenario) -> int:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        scenario.prepare(root)
        outcome = worker.run(root, scenario.arguments(root))
        problem = outcome.output[-500:] if outcome.exit else scenario.after_rerun(root)
        if problem:
            raise AssertionError(f"{scenario.name} fails even undisturbed: {problem}")
        return outcome.count


def _trial(worker: Worker, scenario: Scenario, fault: Fault, *, last: bool) -> str:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        scenario.prepare(root)
        broken = worker.run(root, scenario.arguments(root), fault)
        if not broken.fired and broken.exit:
            return f"the fault was not reached, but it failed: {broken.output[-500:]}"
        if problem := scenario.after_rerun(root) if last else scenario.after_fault(root):
            return f"after the fault {problem}"
        again = worker.run(root, scenario.arguments(root))
        if again.exit:
            return f"the next run failed: {again.output[-500:]}"
        problem = scenario.after_rerun(root)
        return f"after the next run {problem}" if problem else ""


def _old_or_new(folder: Path, *, old_exists: bool) -> str:
    file = folder / "deep" / "file.bin"
    if not file.exists():
        return "the old file is gone" if old_exists else ""
    return "" if file.read_bytes() in (content(OLD), content(NEW)) else "the file is torn"


def _only_new(folder: Path) -> str:
    sweep(folder)
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    if names != ["deep/file.bin"]:
        return f"these files are there: {names}"
    return "" if (folder / "deep" / "file.bin").read_bytes() == content(NEW) else "the file is not the new one"


def _put_old_file(folder: Path) -> None:
    (folder / "deep").mkdir()
    (folder / "deep" / "file.bin").write_bytes(content(OLD))


def _arguments(folder: Path) -> list[object]:
    return [str(folder / "deep" / "file.bin"), NEW]


SCENARIOS = (
    Scenario(
        "a new file",
        "instagram_assets_tests.faults.writers:write_file",
        prepare=lambda folder: None,
        arguments=_arguments,
        after_fault=lambda folder: _old_or_new(folder, old_exists=False),
        after_rerun=_only_new,
    ),
    Scenario(
        "replacing a file",
        "instagram_assets_tests.faults.writers:write_file",
        prepare=_put_old_file,
        arguments=_arguments,
        after_fault=lambda folder: _old_or_new(folder, old_exists=True),
        after_rerun=_only_new,
    ),
)
