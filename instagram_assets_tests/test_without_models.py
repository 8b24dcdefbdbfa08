"""A machine without models: everything else is made, what was skipped is told, and one command makes it later."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow.parquet as pq
import pytest

from instagram_assets.automation.jobs import SKIPPED
from instagram_assets.automation.schedules import yesterday
from instagram_assets.automation.sensors import landed_sensor
from instagram_assets.automation.shell_runs import land
from instagram_assets.definitions import defs
from instagram_assets.demo import SAMPLE
from instagram_assets.demo.export import EXPORT_FILES, PLACEHOLDER_URL
from instagram_assets.demo.server import DemoServer
from instagram_assets.settings import load_settings, settings
from instagram_assets.status.preflight import missing_models, skipped_line
from instagram_assets_tests import commands
from instagram_assets_tests.conftest import export, post
from instagram_assets_tests.ingest.archive_helper import zipped

ROOT = Path(__file__).parent.parent
POSTS = 4
LATER = "materialize 'key:captions+ or key:embeddings+'"


class Machine:
    """A machine with nothing on it: an empty HOME, an empty data folder, and a network that is only itself."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "home").mkdir()
        self.environment = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ} | {
            "HOME": str(folder / "home"),
            "PYTHONPATH": str(ROOT),
            "COLUMNS": "200",
            "OMP_NUM_THREADS": "1",
            "INSTAGRAM_ASSETS_DOWNLOAD__ALLOW_HTTP": "true",
            "INSTAGRAM_ASSETS_DOWNLOAD__ALLOW_LOOPBACK": "true",
        }

    def run(self, *words: object, **environment: str) -> subprocess.CompletedProcess[str]:
        return commands.run(*words, cwd=self.folder, environment=self.environment | environment)

    def run_anew(self, *words: object, **environment: str) -> subprocess.CompletedProcess[str]:
        return commands.run_anew(*words, cwd=self.folder, environment=self.environment | environment)

    def dataset(self) -> list[dict[str, Any]]:
        return json.loads((self.folder / "data" / "datasets" / "merged_dataset_all_with_images.json").read_text())

    def table(self, name: str) -> list[dict[str, Any]]:
        paths = sorted((self.folder / "data" / "lake" / name).rglob("*.parquet"))
        return [row for path in paths for row in pq.read_table(path).to_pylist()]


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """The machine, with a small export of which the pictures are on it."""
    machine = Machine(tmp_path)
    with DemoServer(port=0) as server:
        for name in EXPORT_FILES:
            records = json.loads((SAMPLE / name).read_text("utf-8").replace(PLACEHOLDER_URL, server.url))
            (tmp_path / name).write_text(json.dumps(records[:POSTS], ensure_ascii=False), "utf-8")
        yield machine


def test_the_commands_of_the_readme_end_with_datasets_and_say_what_was_skipped(machine: Machine) -> None:
    inbox = machine.folder / "data" / "inbox"
    inbox.mkdir(parents=True)
    for name in ("reels.json", "profiles.json"):
        shutil.copy(machine.folder / name, inbox)
    first = machine.run_anew("ingest", INSTAGRAM_ASSETS_INGEST__SETTLE_SECONDS="0")
    assert first.returncode == 0, first.stderr
    assert "Warning" not in first.stderr
    reels = {record["shortCode"] for record in machine.dataset()}
    assert len(reels) == POSTS
    second = machine.run("ingest", "posts.json")
    assert second.returncode == 0, second.stderr
    assert {record["shortCode"] for record in machine.dataset()} > reels
    assert [row["status"] for row in machine.table("images")].count("ok") >= POSTS
    for done in (first, second):
        assert "Skipped: captions (Salesforce/blip-image-captioning-base at revision main is not on" in done.stdout
        assert f"models pull, then instagram-assets {LATER}" in done.stdout
    assert not machine.table("captions") + machine.table("embeddings")
    # What was skipped is made later by the command that the line names.
    models = SAMPLE / "models"
    later = machine.run(
        "materialize",
        "key:captions+ or key:embeddings+",
        INSTAGRAM_ASSETS_MODELS__CAPTION_MODEL=str(models / "blip"),
        INSTAGRAM_ASSETS_MODELS__EMBEDDING_MODEL=str(models / "clip"),
    )
    assert later.returncode == 0, later.stderr
    for name in ("captions", "embeddings"):
        assert len(machine.table(name)) == len(machine.table("images"))
    captioned = machine.folder / "data" / "datasets" / "merged_dataset_all_with_images_with_captions.json"
    assert any(any(record["imageCaptions"]) for record in json.loads(captioned.read_text("utf-8")))


def test_what_needs_a_model_is_refused_before_any_work_and_the_rest_is_made_without(machine: Machine) -> None:
    assert machine.run("ingest", "posts.json", INSTAGRAM_ASSETS_EMBEDDINGS__ENABLED="false").returncode == 0
    asked = machine.run("materialize", "captions+")
    assert asked.returncode == 1
    assert "Run `instagram-assets models pull`" in asked.stderr
    among_others = machine.run("materialize", "image_quality+")
    assert among_others.returncode == 0, among_others.stderr
    assert f"instagram-assets {LATER}" in among_others.stdout
    assert "box: image_quality" in among_others.stdout
    for words in (["search", "고양이"], ["caption", "data/media"], ["embed", "data/media"], ["cluster", "data/media"]):
        refused = machine.run(*words)
        assert refused.returncode == 1
        assert "Run `instagram-assets models pull`" in refused.stderr
    assert not (machine.folder / "data" / "datasets" / "search").exists()


@pytest.mark.parametrize(
    ("words", "environment", "problem"),
    [
        (["ingest", "nope.json"], {}, "nope.json: cannot be read"),
        (["ingest", "photos.zip"], {}, "photos.zip: it holds no file that can be read; 1 passed over (1 .jpg)"),
        (["ingest", "posts.json", "photos"], {}, "photos: it holds no file that can be read; 1 passed over (1 .jpg)"),
        (["ingest", "posts.json"], {"INSTAGRAM_ASSETS_TEXT__WORDS_FILE": "nope.toml"}, "nope.toml: cannot be read"),
        (
            ["ingest", "posts.json"],
            {"INSTAGRAM_ASSETS_MODELS__DEVICE": "mps"},
            "with this build of torch",
        ),
        (["ingest", "posts.json"], {"INSTAGRAM_ASSETS_DATA_DIR": "posts.json"}, "posts.json is not a folder. Set INS"),
        (["materialize", "posts"], {"INSTAGRAM_ASSETS_DATA_DIR": "posts.json"}, "posts.json is not a folder. Set INS"),
        (["ingest", "posts.json"], {"INSTAGRAM_ASSETS_LAKE": "nowhere://lake"}, "INSTAGRAM_ASSETS_LAKE=nowhere://lake"),
        (["search", "고양이"], {"INSTAGRAM_ASSETS_SEARCH__SITE": "nobody"}, "Run `instagram-assets models pull`"),
    ],
)
def test_what_cannot_work_is_told_before_anything_is_made(
    tmp_path: Path, words: list[str], environment: dict[str, str], problem: str
) -> None:
    machine = Machine(tmp_path)
    export(tmp_path / "posts.json", [post(1)])
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "1.jpg").write_bytes(b"")
    zipped(tmp_path / "photos.zip", {"1.jpg": b""})
    done = machine.run(*words, **environment)
    assert done.returncode == 1
    assert problem in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "data").exists()


def test_nothing_of_dagster_is_loaded_to_refuse_a_file_that_is_not_there(tmp_path: Path) -> None:
    program = (
        "import sys\nfrom instagram_assets.cli import app\n"
        "try:\n    app(['ingest', 'nope.json'])\nexcept SystemExit as end:\n    assert end.code == 1\n"
        "assert not {'dagster', 'torch', 'transformers', 'pandas'} & sys.modules.keys()"
    )
    machine = Machine(tmp_path)
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=machine.environment, text=True)
    assert done.returncode == 0


def test_what_starts_by_itself_leaves_out_what_lacks_its_models_and_says_so(
    instance: dg.DagsterInstance, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INSTAGRAM_ASSETS_DOWNLOAD__DOWNLOAD_IMAGES", "true")
    settings.cache_clear()
    export(data_dir / "inbox" / "posts.json", [post(1)])
    land(instance, [])
    ticked = landed_sensor(dg.build_sensor_context(instance=instance, definitions=defs))
    assert isinstance(ticked, dg.SensorResult)
    morning = datetime(2026, 11, 2, tzinfo=UTC)
    daily = yesterday(dg.build_schedule_context(instance=instance, scheduled_execution_time=morning))
    assert isinstance(daily, dg.RunRequest)
    for request in [*(ticked.run_requests or []), daily]:
        names = {key.path[-1] for key in request.asset_selection or []}
        assert "image_quality" in names
        assert not names & {"captions", "embeddings"}
        assert request.tags[SKIPPED] == "captions, embeddings"


def test_a_damaged_model_is_skipped_like_one_that_is_not_there(clip: Path, blip: Path) -> None:
    weights = blip / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    chosen = load_settings(models={"caption_model": str(blip), "embedding_model": str(clip)})
    missing = missing_models(chosen)
    assert list(missing) == ["captions"]
    assert "model.safetensors: holds" in skipped_line(missing)
    assert "materialize 'key:captions+'" in skipped_line(missing)
