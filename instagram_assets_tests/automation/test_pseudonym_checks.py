"""The check of pseudonymous datasets: red for one raw name, in the UI and on the command line."""

import shutil
from datetime import date
from pathlib import Path

import dagster as dg
import pytest
from typer.testing import CliRunner
from upath import UPath

from instagram_assets.assets import datasets
from instagram_assets.automation.pseudonym_checks import DATASET_FILES, identifier_checks
from instagram_assets.automation.stale_datasets import datasets_are_due
from instagram_assets.cli import app
from instagram_assets.privacy.secret_keys import rotate_key
from instagram_assets.settings import settings
from instagram_assets_tests.datasets.delta_lakes import put
from instagram_assets_tests.datasets.tables import post
from instagram_assets_tests.folder_hashes import digests

DATASETS = [each for each in dg.load_assets_from_modules([datasets]) if isinstance(each, dg.AssetsDefinition)]
ROWS = (
    post("31415926535897932", caption="with @jin.park\n010-1234-5678", mentions=["jin.park"]),
    post("31415926535897933", "demo.sol.garden", kind="reel"),
)


@pytest.fixture
def declared(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder whose datasets are declared pseudonymous, with a lake of two accounts."""
    monkeypatch.setenv("INSTAGRAM_ASSETS_PRIVACY__PSEUDONYMOUS_EXPORTS", "true")
    settings.cache_clear()
    put(UPath(data_dir / "lake"), *ROWS)
    return data_dir


def test_it_is_green_after_a_run_and_red_with_one_raw_name(declared: Path, instance: dg.DagsterInstance) -> None:
    assert _outcomes(instance, DATASETS) == dict.fromkeys(DATASET_FILES, True)
    planted = {
        "dataset_csv": declared / "datasets" / "post.csv",
        "dataset_json": declared / "datasets" / "merged_dataset_all_with_images.json",
        "dataset_parquet": declared / "datasets" / "parquet" / "@jin.park.txt",
        "search_dataset": declared / "datasets" / "search" / "cat" / "dataset_card.md",
        "dataset_delta": declared / "datasets" / "delta" / "posts" / "_delta_log" / f"{0:020}.json",
    }
    for path in planted.values():
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as stream:
            stream.write('{"note": "@jin.park"}\n')
    assert _outcomes(instance, []) == dict.fromkeys(DATASET_FILES, False)


def test_datasets_are_due_again_when_people_are_to_be_named_otherwise(
    data_dir: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(UPath(data_dir / "lake"), *ROWS)

    def is_due_before_and_after() -> tuple[bool, bool]:
        before = datasets_are_due(instance)
        assert dg.materialize(DATASETS, instance=instance).success
        return before, datasets_are_due(instance)

    is_due_before_and_after()
    assert is_due_before_and_after() == (False, False)
    monkeypatch.setenv("INSTAGRAM_ASSETS_PRIVACY__PSEUDONYMOUS_EXPORTS", "true")
    settings.cache_clear()
    assert is_due_before_and_after() == (True, False)
    rotate_key(settings().folder("privacy"))
    assert is_due_before_and_after() == (True, False)
    monkeypatch.delenv("INSTAGRAM_ASSETS_PRIVACY__PSEUDONYMOUS_EXPORTS")
    settings.cache_clear()
    assert is_due_before_and_after() == (True, False)


def test_it_says_file_and_place_and_not_the_name(declared: Path, instance: dg.DagsterInstance) -> None:
    dg.materialize(DATASETS, instance=instance)
    (declared / "datasets" / "post.csv").write_text("id\r\n@jin.park\r\n")
    (found,) = [each for each in _evaluations(instance, []) if each.asset_key == dg.AssetKey("dataset_csv")]
    assert found.severity == dg.AssetCheckSeverity.ERROR
    assert "post.csv, line 2: the name jin…" in (found.description or "")
    assert "jin.park" not in str(found)


def test_what_lies_beside_the_datasets_is_named_and_red_where_it_holds_a_name(
    declared: Path, instance: dg.DagsterInstance
) -> None:
    dg.materialize(DATASETS, instance=instance)
    for name in ("notes.txt", "merged_dataset_reel_with_images.json", "delta/old.csv", "posts_jin.park.bak"):
        (declared / "datasets" / name).write_text("nobody")
    (declared / "datasets" / "selection" / "jin.park").mkdir(parents=True)
    found = {each.asset_key.path[-1]: each for each in _evaluations(instance, [])}
    in_datasets = ("dataset_csv", "dataset_json", "dataset_parquet")
    for asset in in_datasets:
        assert not found[asset].passed
        assert "selection/jin…/, not made by this export, its name: the name jin…" in (found[asset].description or "")
    (declared / "datasets" / "selection" / "jin.park").rmdir()
    (declared / "datasets" / "posts_jin.park.bak").unlink()
    (declared / "datasets" / "delta" / "old.csv").write_text("@jin.park")
    found = {each.asset_key.path[-1]: each for each in _evaluations(instance, [])}
    assert {asset for asset, each in found.items() if not each.passed} == {"dataset_delta"}
    assert "old.csv, not made by this export, line 1: the name jin…" in (found["dataset_delta"].description or "")
    for asset in in_datasets:
        assert "no export made: merged_dataset_reel_with_images.json, notes.txt." in (found[asset].description or "")


@pytest.mark.parametrize("form", ["json", "delta"])
def test_what_an_earlier_export_left_in_the_folder_is_searched_and_what_lies_in_ones_own_is_named(
    data_dir: Path, tmp_path: Path, form: str
) -> None:
    put(UPath(data_dir / "lake"), *ROWS)
    folder = data_dir / "datasets" / "pseudonymous" / ("delta" if form == "delta" else "")
    folder.mkdir(parents=True)
    (folder / "post.csv").write_text("@jin.park")
    done = CliRunner().invoke(app, ["export", form, "--pseudonymous"])
    assert done.exit_code == 1
    assert "post.csv, not made by this export, line 1: the name jin…" in done.output
    own = tmp_path / "mine"
    own.mkdir()
    for name in ("letter_to_jin.park.txt", "b", "c", "d", "e", "f"):
        (own / name).write_text("@jin.park")
    done = CliRunner().invoke(app, ["export", form, "--pseudonymous", "--out", str(own)])
    assert done.exit_code == 0, done.output
    assert "mine: b, c, d, e, f and 1 more were not made by this export" in done.output


@pytest.mark.parametrize("form", ["csv", "json", "parquet", "delta"])
def test_the_command_line_exports_without_names(data_dir: Path, form: str) -> None:
    put(UPath(data_dir / "lake"), *ROWS)
    done = CliRunner().invoke(app, ["export", form, "--pseudonymous"])
    assert done.exit_code == 0, done.output
    assert list((data_dir / "datasets" / "pseudonymous").rglob("*.*"))


def test_it_exits_with_1_where_a_raw_name_remains(data_dir: Path) -> None:
    put(UPath(data_dir / "lake"), *ROWS)
    assert CliRunner().invoke(app, ["export", "delta", "--pseudonymous"]).exit_code == 0
    (data_dir / "datasets" / "pseudonymous" / "delta" / "posts" / "demo.sol.garden.txt").write_text("")
    done = CliRunner().invoke(app, ["export", "delta", "--pseudonymous"])
    assert done.exit_code == 1
    assert "its name: the name dem…" in done.output


@pytest.mark.parametrize("form", ["csv", "json", "parquet", "delta"])
def test_a_red_export_leaves_what_lay_there_and_no_file_of_its_own(data_dir: Path, form: str) -> None:
    put(UPath(data_dir / "lake"), *ROWS)
    export = ["export", form, "--pseudonymous"]
    assert CliRunner().invoke(app, export).exit_code == 0
    before = digests(data_dir / "datasets")
    # A column that goes out as it is, since Instagram has few words for it.
    put(UPath(data_dir / "lake"), post("31415926535897934", day=date(2024, 7, 1), product_type="demo.sol.garden"))
    for _ in range(2):
        done = CliRunner().invoke(app, export)
        assert done.exit_code == 1
        assert "what lay there stays" in " ".join(done.output.split())
        assert digests(data_dir / "datasets") == before
    shutil.rmtree(data_dir / "datasets")
    assert CliRunner().invoke(app, export).exit_code == 1
    assert [path for path in (data_dir / "datasets").rglob("*") if path.is_file()] == []


def test_a_run_that_is_red_leaves_each_dataset_as_it_was(declared: Path, instance: dg.DagsterInstance) -> None:
    assert dg.materialize(DATASETS, instance=instance).success
    before = digests(declared / "datasets")
    put(UPath(declared / "lake"), post("31415926535897934", day=date(2024, 7, 1), product_type="demo.sol.garden"))
    run = dg.materialize(DATASETS, instance=instance, raise_on_error=False)
    failed = {event.step_key for event in run.filter_events(lambda event: event.is_step_failure)}
    assert failed == {"dataset_csv", "dataset_json", "dataset_parquet", "dataset_delta"}
    assert digests(declared / "datasets") == before


def test_whose_gives_the_pseudonym_and_rotating_gives_another(data_dir: Path) -> None:
    def told(*words: str) -> str:
        done = CliRunner().invoke(app, ["pseudonyms", *words])
        assert done.exit_code == 0, done.output
        return done.output.strip()

    first = told("whose", "@Jin.Park")
    assert first == told("whose", "jin.park")
    assert first.startswith("person_")
    assert "cut off" in told("rotate", "--yes")
    assert told("whose", "jin.park") != first


def test_rotating_asks_first(data_dir: Path) -> None:
    before = CliRunner().invoke(app, ["pseudonyms", "whose", "jin.park"]).output
    assert CliRunner().invoke(app, ["pseudonyms", "rotate"], input="n\n").exit_code == 1
    assert CliRunner().invoke(app, ["pseudonyms", "whose", "jin.park"]).output == before


def _outcomes(instance: dg.DagsterInstance, assets: list[dg.AssetsDefinition]) -> dict[str, bool]:
    return {found.asset_key.path[-1]: found.passed for found in _evaluations(instance, assets)}


def _evaluations(instance: dg.DagsterInstance, assets: list[dg.AssetsDefinition]) -> list[dg.AssetCheckEvaluation]:
    run = dg.materialize([*DATASETS, *identifier_checks()], instance=instance, selection=_selection(assets))
    return [*run.get_asset_check_evaluations()]


def _selection(assets: list[dg.AssetsDefinition]) -> dg.AssetSelection:
    checks = dg.AssetSelection.checks(*identifier_checks())
    return dg.AssetSelection.assets(*assets) | checks if assets else checks
