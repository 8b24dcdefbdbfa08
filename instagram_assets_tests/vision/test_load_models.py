"""A model that looks at images is loaded once, without the network, and refused with a reason."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from instagram_assets.errors import ModelError
from instagram_assets.models.local_models import ModelSource, find_model
from instagram_assets.vision.load_models import load_captioner, load_embedder
from instagram_assets_tests.models.small_models import save_blip


def edit(file: Path, **changes: object) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def test_loading_a_model_needs_no_network_and_says_nothing(saved: Path, tmp_path: Path) -> None:
    code = """
import socket, sys
from pathlib import Path
socket.socket.connect = socket.getaddrinfo = None
from instagram_assets.models.local_models import ModelSource, find_model
from instagram_assets.vision.load_models import load_embedder
loaded = load_embedder(find_model(sys.argv[1], "main", Path(sys.argv[2])), "cpu", "fp32")
assert loaded.processor.image_processor.backend == "pil"
assert not loaded.model.training
"""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "HF_ENDPOINT": "http://127.0.0.1:1"}
    command = [sys.executable, "-c", code, saved / "clip", tmp_path]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


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


@pytest.mark.parametrize(("name", "load"), [("clip", load_embedder), ("blip", load_captioner)])
def test_a_preprocessor_of_another_image_size_is_refused_before_any_work(
    name: str, load: Callable[[ModelSource, str, str], object], saved: Path, tmp_path: Path
) -> None:
    folder = tmp_path / name
    shutil.copytree(saved / name, folder)
    file = next(
        file for file in (folder / "processor_config.json", folder / "preprocessor_config.json") if file.exists()
    )
    wrong = {"size": {"height": 48, "width": 48}, "crop_size": {"height": 48, "width": 48}}
    settings = json.loads(file.read_text())
    settings.get("image_processor", settings).update(wrong)
    file.write_text(json.dumps(settings))
    with pytest.raises(ModelError, match=rf"{name}: does not work on a grey test image .*Fetch the model again"):
        load(find_model(str(folder), "main", tmp_path), "cpu", "fp32")


def test_weights_that_are_no_numbers_are_refused_by_name(clip: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(clip / "model.safetensors")
    tensors["visual_projection.weight"][3, 5] = float("nan")
    save_file(tensors, clip / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match=r"the weights visual_projection\.weight hold NaN"):
        load_embedder(find_model(str(clip), "main", tmp_path), "cpu", "fp32")


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
