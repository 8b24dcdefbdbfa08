"""The age assets in Dagster: off, they say how to turn them on; on, they train once and tell the share of all."""

from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from instagram_assets.automation.checks import better_than_the_larger_class
from instagram_assets.automation.shell_runs import estimate_ages, run_job
from instagram_assets.cli.materialize_assets import materialize_selection
from instagram_assets.errors import RunFailedError
from instagram_assets.partitions import register_accounts
from instagram_assets.schemas import POSTS
from instagram_assets.settings import settings
from instagram_assets.storage.lake import open_lake, read_table
from instagram_assets.storage.lake_writer import write_cells
from instagram_assets_tests.age.people import people
from instagram_assets_tests.age.small_language_models import save_language_model
from instagram_assets_tests.age.test_pipeline import write_people

DAYS = (date(2026, 10, 1), date(2026, 11, 2))
PEOPLE = people(60, seed=5, signal=1)
NAMES = PEOPLE["username"].to_pylist()


@pytest.fixture
def lake_of_people(instance: dg.DagsterInstance) -> dg.DagsterInstance:
    """Sixty accounts with posts of two months, an account without a post, and a post by somebody else."""
    rows: list[dict[str, Any]] = [
        {"account": row["username"], "owner": row["username"], "caption": text, "post_id": str(place)}
        | {"day": DAYS[place % 2]}
        for row in PEOPLE.to_pylist()
        for place, text in enumerate(row["texts"])
    ]
    rows.append(rows[0] | {"owner": "somebody_else", "post_id": "x", "day": DAYS[0]})
    write_cells(open_lake(settings()), "posts", NAMES, DAYS, POSTS.table(rows))
    register_accounts(instance, [*NAMES, "silent"])
    return instance


@pytest.fixture
def turned_on(
    lake_of_people: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dg.DagsterInstance:
    """The same with the age model turned on, half of the accounts labelled, and their posts as texts."""
    write_people(tmp_path / "people", PEOPLE.slice(0, 40))
    save_language_model(tmp_path / "tiny")
    values = {
        "ENABLED": "true",
        "PURPOSE": "a test",
        "LABELS": tmp_path / "people" / "labels.csv",
        "MODEL_NAME_OR_PATH": tmp_path / "tiny",
        "HEAD_EPOCH_NUM": 15,
        "HEAD_LEARN_RATE": 3e-3,
        "TRAINED_LAYERS": 0,
        "TEST_SHARE": 0.3,
        "VALIDATION_SHARE": 0.2,
    }
    for name, value in values.items():
        monkeypatch.setenv(f"INSTAGRAM_ASSETS_AGE__{name}", str(value))
    settings.cache_clear()
    return lake_of_people


def _metadata(instance: dg.DagsterInstance, name: str) -> dict[str, Any]:
    """What the newest materialization or observation of an asset shows."""
    key = dg.AssetKey(name)
    observed = instance.fetch_observations(key, limit=1).records
    event = observed[0].asset_observation if observed else None
    if event is None:
        entry = instance.get_latest_materialization_event(key)
        event = entry.asset_materialization if entry else None
    assert event is not None
    return {name: value.value for name, value in event.metadata.items()}


@pytest.mark.parametrize("job", ["age_training", "age_estimates"])
def test_a_run_that_is_off_says_what_to_set(lake_of_people: dg.DagsterInstance, job: str) -> None:
    tags = {"dagster/partition": NAMES[0]} if job == "age_estimates" else None
    with pytest.raises(RunFailedError) as caught:
        run_job(lake_of_people, job, tags=tags)
    assert "INSTAGRAM_ASSETS_AGE__ENABLED=true" in str(caught.value)
    assert "INSTAGRAM_ASSETS_AGE__PURPOSE=" in str(caught.value)
    assert "many of them minors" in str(caught.value)


def test_what_is_selected_with_others_is_left_out_while_it_is_off(lake_of_people: dg.DagsterInstance) -> None:
    told = list(materialize_selection(lake_of_people, "key:age_model or key:clusters"))
    assert told == ["datasets: clusters", "age_training: left out, the age model is off"]
    with pytest.raises(RunFailedError, match="AGE__ENABLED"):
        list(materialize_selection(lake_of_people, "key:age_model or key:age_predictions"))


def test_the_whole_lake_is_trained_on_and_every_account_predicted(turned_on: dg.DagsterInstance) -> None:
    estimate_ages(turned_on, [*NAMES, "silent"])
    table = read_table(open_lake(settings()), "age_predictions")
    rows = {row["account"]: row for row in table.to_pylist()}
    assert rows.keys() == {*NAMES, "silent"}
    assert (rows["silent"]["status"], rows["silent"]["reason"]) == ("skipped", "there are no posts")
    posts = {row["username"]: len(row["texts"]) for row in PEOPLE.to_pylist()}
    assert {name: rows[name]["n_posts"] for name in NAMES} == posts
    shown = _metadata(turned_on, "age_predictions")
    assert shown["accounts"] == 61
    assert shown["coverage"] == pytest.approx(60 / 61)
    assert shown["of the training, left out"] == 40
    assert shown["left out of the share"].startswith("40 people that the model was trained or tested with")
    assert shown["share at or above, low"] <= 0.5 <= shown["share at or above, high"]
    assert shown["share below, high"] == pytest.approx(1 - shown["share at or above, low"])
    newest, *others = turned_on.fetch_materializations(dg.AssetKey("age_predictions"), limit=61).records
    assert newest.asset_materialization
    picture = newest.asset_materialization.metadata["probabilities"]
    assert str(picture.value).startswith("![probabilities](data:image/png;base64,")
    told = [event.asset_materialization.metadata for event in others if event.asset_materialization]
    assert [set(each) for each in told] == 60 * [{"dagster/partition_row_count"}]


def test_one_account_alone_is_estimated(turned_on: dg.DagsterInstance) -> None:
    run_job(turned_on, "age_training")
    run_job(turned_on, "age_estimates", tags={"dagster/partition": NAMES[1]})
    assert read_table(open_lake(settings()), "age_predictions")["account"].to_pylist() == [NAMES[1]]


def test_a_second_run_trains_nothing_and_says_so(turned_on: dg.DagsterInstance) -> None:
    run_job(turned_on, "age_training")
    first = _metadata(turned_on, "age_model")
    run_job(turned_on, "age_training")
    second = _metadata(turned_on, "age_model")
    assert (first.pop("trained now"), second.pop("trained now")) == (1, 0)
    assert first == second
    logged = [record.user_message for record in turned_on.all_logs(turned_on.get_runs(limit=1)[0].run_id)]
    assert any("nothing changed" in line and "nothing was trained" in line for line in logged)


def test_the_ui_shows_measures_pictures_and_the_card(
    turned_on: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INSTAGRAM_ASSETS_AGE__LIKE_SOURCE", "true")
    settings.cache_clear()
    run_job(turned_on, "age_training")
    shown = _metadata(turned_on, "age_model")
    assert 0 <= shown["accuracy, low"] <= shown["accuracy"] <= shown["accuracy, high"] <= 1
    assert "accuracy of TF-IDF" in shown
    assert "a test" in shown["model card"]
    assert shown["trained"].startswith("like bumc_instascraping (--like-source), but head_learn_rate 0.003 instead of")
    assert f"| trained | {shown['trained']}: Adam; " in shown["model card"]
    assert "Not for decisions about a person" in shown["use"]
    for picture in ("calibration", "confusion", "baselines"):
        assert shown[picture].startswith(f"![{picture}](data:image/png;base64,")


def test_a_check_asks_whether_the_model_beats_the_larger_class(turned_on: dg.DagsterInstance) -> None:
    missing = better_than_the_larger_class()
    assert isinstance(missing, dg.AssetCheckResult)
    assert not missing.passed
    run_job(turned_on, "age_training")
    key = dg.AssetCheckKey(dg.AssetKey("age_model"), "better_than_the_larger_class")
    record = turned_on.event_log_storage.get_asset_check_execution_history(key, limit=1)[0]
    assert record.event
    assert record.event.dagster_event
    found = record.event.dagster_event.asset_check_evaluation_data
    low, high = (found.metadata[name].value for name in ("accuracy, low", "accuracy of the larger class, high"))
    assert isinstance(low, float)
    assert isinstance(high, float)
    assert found.passed == (low > high)
