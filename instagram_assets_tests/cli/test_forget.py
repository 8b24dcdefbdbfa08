"""`instagram-assets forget` says what it will do, asks, does it, and tells where the proof is."""

import hashlib
import json
import os
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import dagster as dg
import pytest
from typer.testing import CliRunner, Result
from upath import UPath

from instagram_assets.automation import shell_runs
from instagram_assets.cli import app
from instagram_assets.errors import ForgetError
from instagram_assets.forget import erasure
from instagram_assets.ingest.landing import land_file
from instagram_assets.privacy.tombstones import load_tombstones
from instagram_assets.settings import settings
from instagram_assets.storage.dagster_history.text_reader import rows_on_servers
from instagram_assets.storage.locks import at_work_in
from instagram_assets_tests.conftest import OpenHome, export, post
from instagram_assets_tests.folder_hashes import digests

Run = Callable[..., Result]


@dg.op
def _nothing() -> None:
    return


@dg.job
def _job() -> None:
    _nothing()


@pytest.fixture
def run(data_dir: Path, tmp_path: Path) -> Run:
    """Runs a command where two accounts have landed, with `answer` to what it asks."""
    both = [post(1, "sun_diary"), post(2, "moon_cooks", caption="mit @sun_diary")]
    land_file(export(tmp_path / "both.json", both), UPath(settings().lake_uri), settings=settings())
    return lambda *words, answer="": CliRunner().invoke(app, ["forget", *words], input=answer)


def test_a_dry_run_says_what_would_be_done_and_does_nothing(run: Run, data_dir: Path) -> None:
    before = digests(data_dir)
    result = run("@sun_diary", "--dry-run")
    assert result.exit_code == 0
    assert "@sun_diary: 1 post\n" in result.stdout
    assert not re.search(r"\b0 |\b1 (files|rows|posts)", result.stdout)
    assert "landing" in result.stdout
    assert "Nothing was done." in result.stdout
    assert digests(data_dir) == before


def test_without_a_yes_nothing_is_done(run: Run, data_dir: Path) -> None:
    before = digests(data_dir)
    result = run("@sun_diary", answer="n\n")
    assert result.exit_code == 1
    assert "Nothing was done." in result.stdout
    assert digests(data_dir) == before


def test_it_is_done_and_proved(run: Run, data_dir: Path) -> None:
    result = run("@sun_diary", answer="y\n")
    assert result.exit_code == 0, result.output
    assert "nothing of it was found" in result.stdout
    assert len(list((data_dir / "privacy" / "proofs").iterdir())) == 1
    (proof,) = (data_dir / "privacy" / "proofs").iterdir()
    assert [path.stat().st_mode & 0o777 for path in (proof, proof.parent)] == [0o600, 0o700]
    again = run("@sun_diary", "--yes")
    assert again.exit_code == 0
    assert "nothing of it is here" in again.stdout
    assert load_tombstones(data_dir / "privacy").has("account", "sun_diary")


def test_each_time_leaves_a_proof_of_its_own_also_when_many_end_in_one_second(data_dir: Path) -> None:
    chosen = settings()
    subject = erasure.find_subject(chosen, "@nobody_at_all")
    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(lambda _: erasure.erase(chosen, subject, []), range(6)))
    assert len({report.proof for report in done}) == 6
    assert {report.proof for report in done} == set((data_dir / "privacy" / "proofs").iterdir())


def test_while_dev_is_at_work_nothing_is_begun(run: Run, data_dir: Path) -> None:
    with at_work_in(data_dir / "dagster"):
        before = digests(data_dir)
        result = run("@sun_diary", "--yes")
        assert result.exit_code == 1
        assert "End it" in " ".join(result.output.split())
        assert digests(data_dir) == before


def test_while_a_run_goes_on_nothing_is_begun_and_the_account_still_comes_in(
    run: Run, data_dir: Path, tmp_path: Path
) -> None:
    with shell_runs.open_instance() as instance:
        going = instance.create_run_for_job(_job, status=dg.DagsterRunStatus.STARTED)
        before = digests(data_dir / "lake", data_dir / "privacy")
        for words in (("@sun_diary", "--yes"), ("#산책", "--yes"), ("nobody_at_all", "--yes")):
            result = run(*words)
            assert result.exit_code == 1
            assert "runs go on or wait (1 of _job)" in " ".join(result.output.split())
            assert digests(data_dir / "lake", data_dir / "privacy") == before
        assert run("@sun_diary", "--dry-run").exit_code == 0
        more = export(tmp_path / "more.json", [post(3, "sun_diary")])
        assert land_file(more, UPath(settings().lake_uri), settings=settings()).posts == 1
        instance.report_run_canceled(going)
    assert run("@sun_diary", "--yes").exit_code == 0


def test_the_proof_says_of_the_history_what_was_done_there(run: Run, data_dir: Path) -> None:
    with shell_runs.open_instance() as instance:
        instance.add_dynamic_partitions("accounts", ["sun_diary", "moon_cooks"])
    for target, rows in (("@nobody_at_all", 0), ("@sun_diary", 1)):
        assert run(target, "--yes").exit_code == 0
        proof = json.loads(max((data_dir / "privacy" / "proofs").iterdir(), key=os.path.getmtime).read_bytes())
        assert proof["places"].get("history", {"rows": 0})["rows"] == rows
    files = list((data_dir / "dagster").rglob("*.db"))
    assert {each["sha256"] for each in proof["rewritten"] if each["place"] == "history"} & {
        hashlib.sha256(path.read_bytes()).hexdigest() for path in files
    }


def test_the_proof_searches_a_history_in_postgresql(run: Run, data_dir: Path, open_home: OpenHome) -> None:
    with open_home("postgres", data_dir / "dagster") as instance:
        instance.add_dynamic_partitions("accounts", ["sun_diary", "moon_cooks"])
        instance.report_runless_asset_event(dg.AssetMaterialization("landed", metadata={"of": "sun_diary"}))
        rows = partial(rows_on_servers, data_dir / "dagster")
        subject = erasure.find_subject(settings(), "@sun_diary")
        without_history = erasure.planners_for(subject)
        with pytest.raises(ForgetError, match=r"127\.0\.0\.1.*table event_logs") as told:
            erasure.erase(settings(), subject, without_history, rows=rows())
        assert "table dynamic_partitions" in str(told.value)
        result = run("@sun_diary", "--yes")
        assert result.exit_code == 0, result.output
        assert instance.get_dynamic_partitions("accounts") == ["moon_cooks"]
        proofs = sorted((data_dir / "privacy" / "proofs").iterdir(), key=os.path.getmtime)
        first, second = (json.loads(path.read_bytes())["searched"]["found"] for path in proofs)
        assert first > 1
        assert second == 0


def test_a_hashtag_is_forgotten_as_a_collection(run: Run) -> None:
    result = run("#산책", "--yes")
    assert result.exit_code == 0, result.output
    assert load_tombstones(settings().folder("privacy")).has("account", "#산책")


def test_what_nothing_can_be_called_is_refused_with_what_to_write(run: Run) -> None:
    result = run("no such thing", "--yes")
    assert result.exit_code == 1
    assert "no account has such a name" in result.output or "blank" in result.output
