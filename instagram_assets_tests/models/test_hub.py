"""`models pull` with the hub's own client against a hub on this machine, as a user runs it."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from instagram_assets.models.local_models import find_model
from instagram_assets_tests import commands
from instagram_assets_tests.servers.hub import HubServer

WEIGHTS = "model.safetensors"


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with HubServer() as server:
        yield server


def models(command: str, hub: HubServer, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """One `instagram-assets models` command with both models named someone/clip, unless told otherwise."""
    names = {
        f"INSTAGRAM_ASSETS_MODELS__{use}_{what}": value
        for use in ("CAPTION", "EMBEDDING")
        for what, value in (("MODEL", "someone/clip"), ("REVISION", "main"))
    }
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING"))}
    basics = {"HF_ENDPOINT": hub.url, "COLUMNS": "600", "HF_HOME": str(cwd / "home")}
    return commands.run("models", command, cwd=cwd, environment={**clean, **basics, **names, **environment})


def missing(model: Path, folder: Path) -> list[str]:
    """The files of a model that a pull did not keep: they come side by side, and where one fails others stop, too."""
    kept = {file.name for file in (folder / "data" / "models").glob("*/snapshots/*/*")}
    return sorted({file.name for file in model.iterdir()} - kept)


def test_what_the_settings_name_is_fetched_once_and_found_without_the_hub(
    hub: HubServer, saved: Path, clip: Path, tmp_path: Path
) -> None:
    for superfluous in ("pytorch_model.bin", "tf_model.h5", "README.md", "model.fp16.safetensors"):
        (clip / superfluous).write_bytes(b"x" * 20_000)
    commits = [hub.add("someone/clip", clip, "v1"), hub.add("someone/blip", saved / "blip")]
    named = {
        "INSTAGRAM_ASSETS_MODELS__EMBEDDING_REVISION": "v1",
        "INSTAGRAM_ASSETS_MODELS__CAPTION_MODEL": "someone/blip",
    }
    first = models("pull", hub, tmp_path, **named)
    assert first.returncode == 0, first.stderr
    assert f"someone/clip: commit {commits[0]}, 0.3 MB in 5 files, 0.3 MB to fetch" in first.stdout
    assert sorted(hub.fetched()) == sorted(file.name for name in ("clip", "blip") for file in (saved / name).iterdir())
    hub.requests.clear()
    second = models("pull", hub, tmp_path, **named)
    assert "0.3 MB in 5 files, 0.0 MB to fetch" in second.stdout
    assert hub.fetched() == []
    hub.requests.clear()
    cache = tmp_path / "data" / "models"
    found = find_model("someone/clip", "v1", cache)
    assert found.commit == commits[0]
    assert found.fingerprint == find_model(str(saved / "clip"), "", cache).fingerprint
    listed = models("list", hub, tmp_path, **named)
    for shown in ("captions", "embeddings", "someone/blip", "v1", commits[0][:12], found.fingerprint[:12], "0.3 MB"):
        assert shown in listed.stdout
    assert hub.requests == []


def test_the_age_models_language_model_belongs_to_them_only_where_it_is_turned_on(
    hub: HubServer, saved: Path, tmp_path: Path
) -> None:
    hub.add("someone/clip", saved / "clip")
    commit = hub.add("someone/bert", saved / "bert", "v2")
    named = {
        "INSTAGRAM_ASSETS_AGE__MODEL_NAME_OR_PATH": "someone/bert",
        "INSTAGRAM_ASSETS_AGE__MODEL_REVISION": "v2",
    }
    assert "bert" not in models("pull", hub, tmp_path, **named).stdout
    assert "someone/bert" not in models("list", hub, tmp_path, **named).stdout
    named["INSTAGRAM_ASSETS_AGE__ENABLED"] = "true"
    assert "someone/bert at revision v2 is not on this machine" in models("list", hub, tmp_path, **named).stdout
    done = models("pull", hub, tmp_path, **named)
    assert done.returncode == 0, done.stderr
    assert find_model("someone/bert", "v2", tmp_path / "data" / "models", pictures=False).commit == commit
    assert f"v2, commit {commit}" in models("list", hub, tmp_path, **named).stdout


def test_a_cut_connection_goes_on_where_it_was_cut(hub: HubServer, clip: Path, tmp_path: Path) -> None:
    chunk = 10 * 1024 * 1024  # in which huggingface_hub writes
    save_file({"weights": np.arange(chunk // 4 + 500_000, dtype=np.float32)}, clip / WEIGHTS)
    hub.add("someone/clip", clip)
    hub.cut_once[WEIGHTS] = chunk + 1_000_000
    done = models("pull", hub, tmp_path)
    assert done.returncode == 0, done.stderr
    asked = [request.range for request in hub.requests if request.method == "GET" and request.path.endswith(WEIGHTS)]
    assert asked == ["", f"bytes={chunk}-"]
    cache = tmp_path / "data" / "models"
    assert find_model("someone/clip", "main", cache).fingerprint == find_model(str(clip), "", cache).fingerprint


def test_a_pull_that_was_stopped_goes_on_with_the_files_that_are_missing(
    hub: HubServer, saved: Path, tmp_path: Path
) -> None:
    commit = hub.add("someone/clip", saved / "clip")
    hub.repositories["someone/clip"].unreadable.add(WEIGHTS)
    assert models("pull", hub, tmp_path).returncode == 1
    assert "there is no model.safetensors" in models("list", hub, tmp_path).stdout
    still_to_come = missing(saved / "clip", tmp_path)
    hub.repositories["someone/clip"].unreadable.clear()
    hub.requests.clear()
    done = models("pull", hub, tmp_path)
    assert done.returncode == 0, done.stderr
    assert WEIGHTS in still_to_come
    assert sorted(hub.fetched()) == still_to_come
    assert find_model("someone/clip", "main", tmp_path / "data" / "models").commit == commit


def test_weights_damaged_on_the_way_are_not_kept(hub: HubServer, saved: Path, tmp_path: Path) -> None:
    hub.add("someone/clip", saved / "clip")
    hub.damaged.add(WEIGHTS)
    ill = models("pull", hub, tmp_path)
    assert (ill.returncode, "was damaged on its way" in ill.stderr) == (1, True)
    hub.damaged.clear()
    hub.requests.clear()
    well = models("pull", hub, tmp_path)
    assert well.returncode == 0, well.stderr
    assert hub.fetched() == [WEIGHTS]


def test_a_repository_without_safetensors_names_the_proposals_that_have_them(
    hub: HubServer, saved: Path, clip: Path, tmp_path: Path
) -> None:
    (clip / WEIGHTS).rename(clip / "pytorch_model.bin")
    hub.add("someone/clip", clip)
    hub.add("someone/clip", clip, "refs/pr/2")
    commit = hub.add("someone/clip", saved / "clip", "refs/pr/11")
    ill = models("pull", hub, tmp_path)
    assert ill.returncode == 1
    assert "someone/clip at revision main has no model.safetensors" in ill.stderr
    assert "proposals of its users have one: refs/pr/11." in ill.stderr
    assert hub.fetched() == []
    proposal = {f"INSTAGRAM_ASSETS_MODELS__{use}_REVISION": "refs/pr/11" for use in ("CAPTION", "EMBEDDING")}
    well = models("pull", hub, tmp_path, **proposal)
    assert well.returncode == 0, well.stderr
    assert find_model("someone/clip", "refs/pr/11", tmp_path / "data" / "models").commit == commit


def test_a_model_or_revision_that_the_hub_has_not_is_said_so(hub: HubServer, saved: Path, tmp_path: Path) -> None:
    nothing = models("pull", hub, tmp_path)
    assert nothing.returncode == 1
    assert f"someone/clip: the hub at {hub.url} has no such model" in nothing.stderr
    hub.add("someone/clip", saved / "clip", "v1")
    other = models("pull", hub, tmp_path)
    assert "has no revision main" in other.stderr
    listed = models("list", hub, tmp_path)
    assert "Run `instagram-assets models pull`" in listed.stdout


def test_a_hub_that_does_not_answer_is_said_so(hub: HubServer, tmp_path: Path) -> None:
    hub.__exit__()
    done = models("pull", hub, tmp_path)
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert f"the hub at {hub.url} gave no answer to use" in done.stderr


def test_the_token_opens_private_models_and_is_written_nowhere(hub: HubServer, saved: Path, tmp_path: Path) -> None:
    hub.private_to = "hf_canary_5fd1"
    hub.add("someone/clip", saved / "clip")
    closed = models("pull", hub, tmp_path)
    assert "set HF_TOKEN" in closed.stderr
    wrong = models("pull", hub, tmp_path, HF_TOKEN="hf_wrong_canary_77")
    opened = models("pull", hub, tmp_path, HF_TOKEN=hub.private_to)
    assert opened.returncode == 0, opened.stderr
    said = "".join(done.stdout + done.stderr for done in (closed, wrong, opened))
    kept = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    assert "canary" not in said
    assert b"canary" not in kept


def test_a_folder_is_checked_and_not_fetched(hub: HubServer, clip: Path, tmp_path: Path) -> None:
    folder = {f"INSTAGRAM_ASSETS_MODELS__{use}_MODEL": str(clip) for use in ("CAPTION", "EMBEDDING")}
    well = models("pull", hub, tmp_path, **folder)
    assert (well.returncode, hub.requests) == (0, [])
    os.truncate(clip / WEIGHTS, 1_000)
    assert models("pull", hub, tmp_path, **folder).returncode == 1
    shutil.rmtree(clip)
    assert "no such folder" in models("pull", hub, tmp_path, **folder).stderr
