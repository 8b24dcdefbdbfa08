"""A training that dies goes on to the very weights of one that nothing disturbed."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from instagram_assets_tests.age.trainings import IMPORTS, RESULT, short_training
from instagram_assets_tests.faults.harness import KINDS, Fault, Kind, Worker, choose


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with Worker("instagram_assets_tests.age.trainings:short_training", IMPORTS) as worker:
        yield worker


@pytest.fixture(scope="module")
def undisturbed(language_model: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[int, str]:
    """How many lines a whole training tells, and what comes out."""
    folder = tmp_path_factory.mktemp("undisturbed")
    short_training(str(language_model), str(folder))
    lines, digest = (folder / RESULT).read_text().split()
    return int(lines), digest


def test_killed_at_ten_steps_it_goes_on_to_the_same_weights_bit_for_bit(
    worker: Worker, language_model: Path, undisturbed: tuple[int, str], tmp_path: Path
) -> None:
    lines, expected = undisturbed
    for step in random.Random(5).sample(range(2, lines + 1), 10):
        folder = tmp_path / str(step)
        folder.mkdir()
        assert worker.run(folder, [str(language_model), str(folder), step]).exit == -9
        assert not (folder / RESULT).exists()
        assert worker.run(folder, [str(language_model), str(folder)]).exit == 0
        told, digest = (folder / RESULT).read_text().split()
        assert digest == expected
        # Told again are at most the line about vectors and the step that was not yet on disk.
        assert int(told) <= lines - step + 2


@pytest.fixture(scope="module")
def operations(worker: Worker, language_model: Path, tmp_path_factory: pytest.TempPathFactory) -> int:
    """How many file operations a whole training has."""
    folder = tmp_path_factory.mktemp("whole")
    return worker.run(folder, [str(language_model), str(folder)]).count


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_breaks_while_it_writes_one_more_run_gives_the_same_weights(
    worker: Worker, language_model: Path, undisturbed: tuple[int, str], operations: int, tmp_path: Path, kind: Kind
) -> None:
    arguments = [str(language_model)]
    for number in choose(operations, trials=2, seed=len(kind)):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert worker.run(folder, [*arguments, str(folder)], Fault(kind, number)).fired
        again = worker.run(folder, [*arguments, str(folder)])
        assert again.exit == 0, again.output
        assert (folder / RESULT).read_text().split()[1] == undisturbed[1]
