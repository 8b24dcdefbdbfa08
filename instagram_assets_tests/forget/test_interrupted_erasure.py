"""Killed at any file operation and repeated, forgetting ends as if nothing had stopped it."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from instagram_assets.forget import erasure
from instagram_assets.forget.erasure_report import ErasureReport
from instagram_assets.forget.erasure_steps import Step, StepResult
from instagram_assets.forget.verification import patterns_of
from instagram_assets.privacy.byte_search import search_folders
from instagram_assets.privacy.forgotten_identifiers import Forgotten
from instagram_assets.privacy.secret_keys import load_key
from instagram_assets.settings import Settings
from instagram_assets_tests.faults.harness import Fault, Worker, choose
from instagram_assets_tests.folder_hashes import digests
from instagram_assets_tests.forget.lakes import JANE, add_derived, make_tables

TRIALS, SEED = 20, 7
LOADED = ["instagram_assets.forget.erasure", "pyarrow.parquet", "pyarrow.dataset", "deltalake", "pandas"]


def forget_her(home: str) -> None:
    """All but Dagster's history, which has a test of its own."""
    chosen = settings_of(Path(home))
    subject = erasure.find_subject(chosen, f"@{JANE}")
    erasure.erase(chosen, subject, erasure.planners_for(subject))


def settings_of(data: Path) -> Settings:
    return Settings(data_dir=data, _env_file=None)  # pyright: ignore[reportCallIssue]


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with Worker("instagram_assets_tests.forget.test_interrupted_erasure:forget_her", LOADED) as worker:
        yield worker


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A landed export and what is made of it, with a key, so that pseudonyms are the same in each copy."""
    data = tmp_path_factory.mktemp("stopped") / "data"
    chosen = settings_of(data)
    make_tables(chosen)
    add_derived(chosen)
    load_key(chosen.folder("privacy"), "tombstones")
    return data


def test_killed_anywhere_and_repeated_it_ends_the_same(worker: Worker, made: Path, tmp_path: Path) -> None:
    needles = patterns_of(erasure.find_subject(settings_of(made), f"@{JANE}").identifiers)
    undisturbed = copied(made, tmp_path / "undisturbed")
    outcome = worker.run(undisturbed, [str(undisturbed)])
    assert outcome.exit == 0, outcome.output
    assert not search_folders([undisturbed / "lake", undisturbed / "media", undisturbed / "inbox"], needles).found
    expected = content(undisturbed)
    for operation in choose(outcome.count, trials=TRIALS, seed=SEED):
        data = copied(made, tmp_path / "trial")
        assert worker.run(data, [str(data)], Fault("kill", operation)).fired
        again = worker.run(data, [str(data)])
        assert again.exit == 0, (operation, again.output)
        assert content(data) == expected, operation
        assert not search_folders([data / "lake", data / "media", data / "inbox", data / "thumbnails"], needles).found
        assert not list((data / "index").iterdir())
        assert not list((data / "privacy" / "forgetting").iterdir())
        shutil.rmtree(data)


def copied(made: Path, data: Path) -> Path:
    return Path(shutil.copytree(made, data / "data"))


def content(data: Path) -> dict[str, str]:
    """What is in the files; those of features have names of their own, a database's bytes tell how it was changed."""
    found = digests(data / "lake", data / "media", data / "inbox", data / "index", data / "thumbnails")
    return {
        (path.rpartition("/")[0] if "/features/" in path else path).removeprefix(str(data)): value
        for path, value in found.items()
        if "index.sqlite" not in path
    }


def test_a_step_that_was_stopped_within_counts_at_least_and_those_before_and_after_it_exactly(
    made: Path, tmp_path: Path
) -> None:
    data = copied(made, tmp_path / "within")
    chosen, kills = settings_of(data), [True]

    def history(settings: Settings, forgotten: Forgotten) -> Iterator[Step]:
        def apply() -> StepResult:
            if kills.pop() if kills else False:
                raise Killed  # its rows have changed, and nobody has said how many
            return StepResult(0, [], 0, 0)

        yield Step("settled", "before", "remove", 5, lambda: 0)
        yield Step("history", "dagster", "rewrite", 0, apply, is_certain=False)

    def forget() -> ErasureReport:
        subject = erasure.find_subject(chosen, f"@{JANE}")
        return erasure.erase(chosen, subject, erasure.planners_for(subject, [history]))

    with pytest.raises(Killed):
        forget()
    report = forget()
    assert report.at_least == {"history"}
    assert report.proof
    places = json.loads(report.proof.read_bytes())["places"]
    assert places["history"] == {
        "files_removed": 0,
        "files_rewritten": 0,
        "rows": 0,
        "bytes_written": 0,
        "at_least": True,
    }
    assert {place for place, said in places.items() if "at_least" in said} == {"history"}
    assert places["settled"]["rows"] == 10
    undisturbed = forget()
    assert undisturbed.proof
    assert "at_least" not in undisturbed.proof.read_text()


class Killed(BaseException):
    """The process is gone."""
