"""A model is found without the network, checked before any work, and refused with a reason."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from instagram_assets.errors import ModelError, SettingsError
from instagram_assets.vision.models import find_model, load_captioner, load_embedder
from instagram_assets_tests.vision.conftest import lay_out
from instagram_assets_tests.vision.small_models import save_blip

COMMIT = "0123456789abcdef0123456789abcdef01234567"


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
    loaded = load_embedder(pulled, "cpu", "fp32")
    assert loaded.processor.image_processor.backend == "pil"
    assert not loaded.model.training


def test_finding_a_model_needs_neither_torch_nor_the_network(clip: Path, tmp_path: Path) -> None:
    code = """
import socket, sys
from pathlib import Path
socket.socket.connect = socket.getaddrinfo = None
from instagram_assets.vision.models import find_model
source = find_model(sys.argv[1], "main", Path(sys.argv[2]))
assert not {"torch", "transformers", "huggingface_hub"} & set(sys.modules)
from instagram_assets.vision.models import load_embedder
load_embedder(source, "cpu", "fp32")
"""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "HF_ENDPOINT": "http://127.0.0.1:1"}
    done = subprocess.run([sys.executable, "-c", code, clip, tmp_path], env=environment, capture_output=True, text=True)
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
def test_files_that_are_not_whole_or_not_harmless_are_refused_before_anything_is_loaded(
    damage: Callable[[Path], None], message: str, clip: Path, tmp_path: Path
) -> None:
    damage(clip)
    with pytest.raises(ModelError, match=message):
        find_model(str(clip), "main", tmp_path)


def test_the_fingerprint_follows_every_change_of_a_file(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("instagram_assets.vision.model_files._LARGE", 1_000)
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
    monkeypatch.setattr("instagram_assets.vision.model_files._LARGE", 1_000)
    monkeypatch.setattr("instagram_assets.vision.model_files._CLOCK_STEP_NS", 0)
    first = find_model(str(clip), "main", tmp_path)
    memory = tmp_path / "digests.json"
    remembered = json.loads(memory.read_text())
    assert str(clip / "model.safetensors") in remembered
    # A digest that is known is taken from there: put in another, and the fingerprint shows it.
    memory.write_text(json.dumps({name: [*state[:-1], "0" * 64] for name, state in remembered.items()}))
    assert find_model(str(clip), "main", tmp_path).fingerprint != first.fingerprint
    memory.write_text('["not what was written"')
    assert find_model(str(clip), "main", tmp_path) == first


def test_an_embedder_does_not_caption_and_a_captioner_does_not_embed(saved: Path, tmp_path: Path) -> None:
    clip, blip = (find_model(str(saved / name), "main", tmp_path) for name in ("clip", "blip"))
    with pytest.raises(ModelError, match=r"a model of type clip writes no text about images"):
        load_captioner(clip, "cpu", "fp32")
    with pytest.raises(ModelError, match=r"holds a BlipForConditionalGeneration, not the BlipModel"):
        load_embedder(blip, "cpu", "fp32")


@pytest.mark.parametrize("kind", ["florence2", "qwen2_5_vl", "instructblip", "llava"])
def test_a_captioner_that_waits_for_a_prompt_is_refused_with_the_reason(kind: str, blip: Path, tmp_path: Path) -> None:
    (blip / "config.json").write_text(json.dumps({"model_type": kind}))
    with pytest.raises(ModelError, match=rf"a model of type {kind} waits for a prompt, so it cannot caption"):
        load_captioner(find_model(str(blip), "main", tmp_path), "cpu", "fp32")


def test_weights_trained_for_another_task_are_refused(blip: Path, tmp_path: Path) -> None:
    edit(blip / "config.json", architectures=["BlipForQuestionAnswering"])
    with pytest.raises(ModelError, match=r"holds a BlipForQuestionAnswering, not the BlipForConditionalGeneration"):
        load_captioner(find_model(str(blip), "main", tmp_path), "cpu", "fp32")


def test_an_unknown_type_of_model_is_refused(clip: Path, tmp_path: Path) -> None:
    edit(clip / "config.json", model_type="from_the_future")
    with pytest.raises(ModelError, match=r"cannot be loaded .*from_the_future"):
        load_embedder(find_model(str(clip), "main", tmp_path), "cpu", "fp32")


def test_weights_that_do_not_fill_the_model_are_refused(clip: Path, tmp_path: Path) -> None:
    config = json.loads((clip / "config.json").read_text())
    edit(clip / "config.json", vision_config={**config["vision_config"], "num_hidden_layers": 3})
    with pytest.raises(ModelError, match=r"its weights lack 16 tensors that a CLIPModel has, such as vision_model"):
        load_embedder(find_model(str(clip), "main", tmp_path), "cpu", "fp32")


def test_weights_of_another_size_are_refused(clip: Path, tmp_path: Path) -> None:
    edit(clip / "config.json", projection_dim=99)
    with pytest.raises(ModelError, match=r"cannot be loaded from"):
        load_embedder(find_model(str(clip), "main", tmp_path), "cpu", "fp32")


def test_weights_that_are_no_numbers_are_refused_by_name(clip: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(clip / "model.safetensors")
    tensors["visual_projection.weight"][3, 5] = float("nan")
    save_file(tensors, clip / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match=r"the weights visual_projection\.weight hold NaN"):
        load_embedder(find_model(str(clip), "main", tmp_path), "cpu", "fp32")


def test_a_device_that_is_not_there_is_named_with_those_that_are(saved: Path, tmp_path: Path) -> None:
    import torch

    missing = "mps" if torch.cuda.is_available() else "cuda"
    with pytest.raises(SettingsError, match=rf"MODELS__DEVICE='{missing}'.*or one of .*cpu"):
        load_embedder(find_model(str(saved / "clip"), "main", tmp_path), missing)


def test_a_process_loads_a_model_once(saved: Path, tmp_path: Path) -> None:
    source = find_model(str(saved / "clip"), "main", tmp_path)
    assert load_embedder(source, "cpu", "fp32") is load_embedder(source, device="cpu", precision="fp32")


def test_the_precision_is_the_one_that_was_asked_for(saved: Path, tmp_path: Path) -> None:
    import torch

    source = find_model(str(saved / "blip"), "main", tmp_path)
    for name, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        loaded = load_captioner(source, "cpu", name)
        assert {loaded.dtype, *(weight.dtype for weight in loaded.model.parameters())} == {dtype}


def test_shards_load_as_one_model(tmp_path: Path) -> None:
    from transformers import BlipForConditionalGeneration

    save_blip(tmp_path / "blip")
    BlipForConditionalGeneration.from_pretrained(tmp_path / "blip").save_pretrained(
        tmp_path / "blip", max_shard_size="50KB"
    )
    (tmp_path / "blip" / "model.safetensors").unlink(missing_ok=True)
    source = find_model(str(tmp_path / "blip"), "main", tmp_path)
    assert load_captioner(source, "cpu", "fp32").model.config.model_type == "blip"
    os.truncate(max((tmp_path / "blip").glob("model-*.safetensors")), 2_000)
    with pytest.raises(ModelError, match=r"Fetch the model again"):
        find_model(str(tmp_path / "blip"), "main", tmp_path)
