"""What a run's config can reach: anyone who reaches the Dagster UI may write it."""

from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from pydantic import ValidationError

from instagram_assets.assets.ingest import LandingConfig
from instagram_assets.automation.shell_runs import land, run_job
from instagram_assets.definitions import defs
from instagram_assets.errors import RunFailedError
from instagram_assets.settings import settings
from instagram_assets.storage.lake import open_lake
from instagram_assets_tests.conftest import export, post


def files(*names: str) -> dict[str, Any]:
    return {"ops": {"landed": {"config": {"files": list(names)}}}}


@pytest.mark.parametrize("job", ["landing", "box", "datasets", "search"])
@pytest.mark.parametrize("name", ["io_manager", "landing_files"])
def test_no_run_says_where_tables_are_written_or_which_files_are_read(job: str, name: str, tmp_path: Path) -> None:
    definition = defs.resolve_job_def(job)
    config = {"resources": {name: {"config": {"base_uri": str(tmp_path / "elsewhere")}}}}
    with pytest.raises(dg.DagsterInvalidConfigError):
        dg.validate_run_config(definition, config)


@pytest.mark.parametrize("name", ["../outside.json", "sub/inside.json", "/outside.json", "..", ".", "", "a\0b"])
def test_what_is_no_name_of_a_file_in_the_inbox_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="is not the name of a file in the inbox"):
        LandingConfig(files=["posts.json", name])


def test_a_run_of_the_ui_lands_files_of_the_inbox_only(instance: dg.DagsterInstance, data_dir: Path) -> None:
    path = export(data_dir / "outside.json", [post(1)])
    with pytest.raises(RunFailedError, match="is not the name of a file in the inbox"):
        run_job(instance, "landing", config=files(str(path)))
    assert not (open_lake(settings()) / "landing").exists()


def test_a_run_lands_the_named_files_of_the_inbox_and_leaves_others(
    instance: dg.DagsterInstance, data_dir: Path
) -> None:
    for number, name in enumerate(["..posts.json", "b.json"]):
        export(data_dir / "inbox" / name, [post(number)])
    run_job(instance, "landing", config=files("..posts.json"))
    assert [path.name for path in (data_dir / "inbox").glob("*.json")] == ["b.json"]


def test_the_command_lands_files_from_anywhere(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    path = export(tmp_path / "posts.json", [post(1)])
    land(instance, [path], "2026-11-01T00:00:00Z")
    assert path.exists()
    assert len(list((open_lake(settings()) / "landing" / "posts").iterdir())) == 1
