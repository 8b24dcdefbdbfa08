"""A model is found without the network, checked before any work, and refused with a reason."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from instagram_assets.errors import ModelError
from instagram_assets.models.digests import CACHE_FILE
from instagram_assets.models.local_models import find_model

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def lay_out(model: Path, cache: Path, name: str, commit: str, revision: str = "main") -> None:
    """Put a model's files where huggingface_hub would have put them."""
    home = cache / f"models--{name.replace('/', '--')}"
    snapshot = home / "snapshots" / commit
    (home / "blobs").mkdir(parents=True, exist_ok=True)
    snapshot.mkdir(parents=True)
    for file in model.iterdir():
        shutil.copy(file, home / "blobs" / file.name)
        os.symlink(Path("../../blobs", file.name), snapshot / file.name)
    ref = home / "refs" / revision
    ref.parent.mkdir(parents=True, exist_ok=True)
    ref.write_text(commit)


def edit(file: Path, **changes: object) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def test_a_folder_and_the_hubs_cache_give_the_same_model(clip: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    lay_out(clip, cache, "someone/clip", COMMIT, "refs/pr/3")
    plain = find_model(str(clip), "main", cache)
    pulled = find_model("someone/clip", "refs/pr/3", cache)
    pinned = find_model("someone/clip", COMMIT, cache)
    assert (plain.revision, plain.commit, pulled.commit, pinned.commit) == ("", "", COMMIT, COMMIT)
    assert plain.fingerprint == pulled.fingerprint == pinned.fingerprint
    assert pulled.label == f"someone/clip@{pulled.fingerprint[:12]}"
    assert plain.label == f"clip@{plain.fingerprint[:12]}"


def test_finding_a_model_needs_neither_torch_nor_the_network(saved: Path, tmp_path: Path) -> None:
    code = """
import socket, sys
from pathlib import Path
socket.socket.connect = socket.getaddrinfo = None
from instagram_assets.models.local_models import find_model
find_model(sys.argv[1], "main", Path(sys.argv[2]))
assert not {"torch", "transformers", "huggingface_hub"} & set(sys.modules)
"""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", code, saved / "clip", tmp_path]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("name", ["someone/unknown", "data/models/none", "../none", "s3://bucket/model", ""])
def test_a_model_that_is_not_there_says_what_to_do(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match=r"Run `instagram-assets models pull`|no such folder"):
        find_model(name, "main", tmp_path / "cache")


def test_a_revision_that_was_not_pulled_is_not_another_ones(clip: Path, tmp_path: Path) -> None:
    lay_out(clip, tmp_path / "cache", "someone/clip", COMMIT)
    with pytest.raises(ModelError, match=r"someone/clip at revision v2 is not on this machine"):
        find_model("someone/clip", "v2", tmp_path / "cache")


def _shorten(folder: Path) -> None:
    file = folder / "model.safetensors"
    os.truncate(file, file.stat().st_size - 1)


def _shorten_header(folder: Path) -> None:
    os.truncate(folder / "model.safetensors", 100)


def _empty(folder: Path) -> None:
    os.truncate(folder / "model.safetensors", 0)


def _html(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"\x20\0\0\0\0\0\0\0<!DOCTYPE html><html>login</html>")


def _pickle(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def _no_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def _lost_shard(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    shards = {"a": "model-00001-of-00002.safetensors"}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": shards}))


def _shard_elsewhere(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": "../model.safetensors"}}))


def _own_code(folder: Path) -> None:
    edit(folder / "config.json", auto_map={"AutoModel": "modeling_mine.Model"})


def _own_processor(folder: Path) -> None:
    edit(folder / "processor_config.json", auto_map={"AutoProcessor": "mine.Processor"})


def _no_config(folder: Path) -> None:
    (folder / "config.json").unlink()


def _broken_config(folder: Path) -> None:
    (folder / "config.json").write_text('{"model_type": ')


def _no_preprocessor(folder: Path) -> None:
    (folder / "processor_config.json").unlink()


def _no_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_shorten, r"model\.safetensors: holds \d+ bytes and not the \d+ that it promises\. Fetch the model again"),
        (_shorten_header, r"model\.safetensors: cut off within its header, at 100 bytes"),
        (_empty, r"model\.safetensors: cut off within its header, at 0 bytes"),
        (_html, r"model\.safetensors: is no safetensors file"),
        (_pickle, r"pytorch_model\.bin, a pickle that can run code.*refs/pr/4"),
        (_no_weights, r"there is no model\.safetensors"),
        (_lost_shard, r"model-00001-of-00002\.safetensors: these weights are missing"),
        (_shard_elsewhere, r"these weights are missing"),
        (_own_code, r"config\.json: the model comes with its own code"),
        (_own_processor, r"processor_config\.json: the model comes with its own code"),
        (_no_config, r"there is no config\.json"),
        (_broken_config, r"config\.json: cannot be read"),
        (_no_preprocessor, r"preprocessor_config\.json is missing"),
        (_no_tokenizer, r"the tokenizer is missing"),
    ],
)
@pytest.mark.bad_input("damaged model", "model without its parts")
def test_files_that_are_not_whole_or_not_harmless_are_refused_before_anything_is_loaded(
    damage: Callable[[Path], None], message: str, clip: Path, tmp_path: Path
) -> None:
    damage(clip)
    with pytest.raises(ModelError, match=message):
        find_model(str(clip), "main", tmp_path)


def test_a_language_model_needs_no_image_preprocessor_and_is_refused_where_one_is_needed(
    bert: Path, tmp_path: Path
) -> None:
    assert find_model(str(bert), "main", tmp_path, pictures=False).folder == bert
    with pytest.raises(ModelError, match=r"preprocessor_config\.json is missing"):
        find_model(str(bert), "main", tmp_path)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_shorten, r"model\.safetensors: holds \d+ bytes"),
        (_pickle, r"pytorch_model\.bin, a pickle that can run code"),
        (_own_code, r"config\.json: the model comes with its own code"),
        (_no_tokenizer, r"the tokenizer is missing"),
    ],
)
def test_a_language_model_is_checked_as_strictly_as_the_others(
    damage: Callable[[Path], None], message: str, bert: Path, tmp_path: Path
) -> None:
    damage(bert)
    with pytest.raises(ModelError, match=message):
        find_model(str(bert), "main", tmp_path, pictures=False)


def test_the_fingerprint_follows_every_change_of_a_file(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("instagram_assets.models.digests._LARGE", 1_000)
    first = find_model(str(clip), "main", tmp_path)
    (clip / "README.md").write_text("not part of the model")
    assert find_model(str(clip), "main", tmp_path) == first
    weights = clip / "model.safetensors"
    times = weights.stat()
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    os.utime(weights, ns=(times.st_atime_ns, times.st_mtime_ns))
    second = find_model(str(clip), "main", tmp_path)
    edit(clip / "processor_config.json", processor_class="CLIPProcessor", note="changed")
    third = find_model(str(clip), "main", tmp_path)
    assert len({first.fingerprint, second.fingerprint, third.fingerprint}) == 3


def test_large_weights_are_hashed_once(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("instagram_assets.models.digests._LARGE", 1_000)
    monkeypatch.setattr("instagram_assets.models.digests._CLOCK_STEP_NS", 0)
    first = find_model(str(clip), "main", tmp_path)
    memory = tmp_path / CACHE_FILE
    remembered = json.loads(memory.read_text())
    assert str(clip / "model.safetensors") in remembered
    # A digest that is known is taken from there: put in another, and the fingerprint shows it.
    memory.write_text(json.dumps({name: [*state[:-1], "0" * 64] for name, state in remembered.items()}))
    assert find_model(str(clip), "main", tmp_path).fingerprint != first.fingerprint
    memory.write_text('["not what was written"')
    assert find_model(str(clip), "main", tmp_path) == first
