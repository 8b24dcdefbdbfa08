"""An age model comes back from its folder as it was saved, and what is no whole age model is refused with a reason."""

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from instagram_assets.age.model import AgeHead, AgeModel
from instagram_assets.age.model_files import (
    CONFIG,
    HEAD,
    AgeModelSource,
    find_age_model,
    load_age_model,
    load_backbone,
    save_age_model,
)
from instagram_assets.errors import ModelError, SettingsError
from instagram_assets.models.digests import DIGESTS
from instagram_assets.models.local_models import find_model
from instagram_assets_tests.age.conftest import example_config
from instagram_assets_tests.age.small_language_models import save_language_model


def edit(file: Path, **changes: object) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def saved_without_digests(folder: Path) -> None:
    """As an earlier version left it: what is changed in it afterwards is not seen at once."""
    (folder / DIGESTS).unlink()


def test_an_age_model_comes_back_as_it_was_saved(age_model: Path, tmp_path: Path) -> None:
    loaded = load_age_model(find_age_model(age_model, tmp_path), "cpu", "fp32")
    assert loaded.source.config == example_config()
    save_age_model(tmp_path / "again", loaded.model, loaded.tokenizer, loaded.source.config, "# Card\n")
    again = load_age_model(find_age_model(tmp_path / "again", tmp_path), "cpu", "fp32")
    assert again is not loaded
    weights = loaded.model.state_dict()
    assert weights.keys() == again.model.state_dict().keys()
    assert all(torch.equal(weights[name], weight) for name, weight in again.model.state_dict().items())
    assert not again.model.training
    assert (tmp_path / "again" / "README.md").read_text() == "# Card\n"
    assert load_age_model(find_age_model(tmp_path / "again", tmp_path), "cpu", "fp32") is again


def test_the_folder_says_what_its_label_means(age_model: Path) -> None:
    described = json.loads((age_model / CONFIG).read_text())
    assert described["positive"] == "age>=cutoff"
    assert {"age_cutoff", "calibration", "abstain_below", "max_seq_len", "purpose", "metrics"} < described.keys()
    assert not [file.name for file in age_model.iterdir() if file.suffix in (".bin", ".pt", ".pth", ".pkl", ".tmp")]


def test_whoever_may_read_the_folder_may_read_its_weights(age_model: Path) -> None:
    assert len({file.stat().st_mode for file in age_model.iterdir()}) == 1


def test_saving_replaces_the_old_model_whole(age_model: Path, age_source: AgeModelSource, tmp_path: Path) -> None:
    (age_model / "leftover.txt").write_text("of the old model")
    loaded = load_age_model(age_source, "cpu", "fp32")
    save_age_model(age_model, loaded.model, loaded.tokenizer, replace(example_config(), age_cutoff=30), "# New\n")
    assert find_age_model(age_model, tmp_path).config.age_cutoff == 30
    assert not (age_model / "leftover.txt").exists()


def test_weights_that_are_no_numbers_are_not_saved(age_model: Path, age_source: AgeModelSource, tmp_path: Path) -> None:
    loaded = load_age_model(age_source, "cpu", "fp32")
    broken = AgeModel(loaded.model.backbone, AgeHead(32))
    broken.head.logit.bias.data.fill_(torch.nan)
    with pytest.raises(ModelError, match="NaN or infinity"):
        save_age_model(age_model, broken, loaded.tokenizer, example_config(), "")
    assert find_age_model(age_model, tmp_path).files.fingerprint == age_source.files.fingerprint


def test_the_fingerprint_changes_with_what_decides_a_prediction(age_model: Path, tmp_path: Path) -> None:
    def fingerprint() -> str:
        return find_age_model(age_model, tmp_path / "cache").files.fingerprint

    first = fingerprint()
    saved_without_digests(age_model)
    assert fingerprint() == first
    edit(age_model / CONFIG, purpose="another", metrics={"accuracy": 1.0})
    (age_model / "README.md").write_text("# Other words\n")
    assert fingerprint() == first
    seen = {first}
    for change in ({"calibration": [2.0, 0.0]}, {"abstain_below": 0.8}, {"age_cutoff": 30}, {"max_seq_len": 10}):
        edit(age_model / CONFIG, **change)
        seen.add(fingerprint())
    head = load_file(age_model / HEAD)
    head["logit.bias"] += 1
    save_file(head, age_model / HEAD)
    seen.add(fingerprint())
    assert len(seen) == 6


def test_finding_an_age_model_needs_neither_torch_nor_the_network(age_model: Path, tmp_path: Path) -> None:
    code = """
import socket, sys
from pathlib import Path
socket.socket.connect = socket.getaddrinfo = None
from instagram_assets.age import predict
from instagram_assets.age.model_files import find_age_model, load_age_model
source = find_age_model(Path(sys.argv[1]), Path(sys.argv[2]))
assert not {"torch", "transformers", "huggingface_hub"} & set(sys.modules)
load_age_model(source, "cpu", "fp32")
"""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "HF_ENDPOINT": "http://127.0.0.1:1"}
    command = [sys.executable, "-c", code, str(age_model), str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def _no_folder(folder: Path) -> None:
    folder.rename(folder.with_name("elsewhere"))


def _only_a_language_model(folder: Path) -> None:
    (folder / CONFIG).unlink()


def _no_head(folder: Path) -> None:
    (folder / HEAD).unlink()


def _short_head(folder: Path) -> None:
    os.truncate(folder / HEAD, (folder / HEAD).stat().st_size - 1)


def _pickle_as_head(folder: Path) -> None:
    (folder / HEAD).write_bytes(pickle.dumps({"logit.weight": [1.0]}))


def _short_weights(folder: Path) -> None:
    os.truncate(folder / "model.safetensors", 1000)


def _pickled_weights(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def _own_code(folder: Path) -> None:
    edit(folder / "config.json", auto_map={"AutoModel": "mine.Model"})


def _no_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()


def _label_the_other_way_round(folder: Path) -> None:
    edit(folder / CONFIG, positive="age<cutoff")


def _no_cutoff(folder: Path) -> None:
    edit(folder / CONFIG, age_cutoff="twenty-one")


def _endless_calibration(folder: Path) -> None:
    (folder / CONFIG).write_text((folder / CONFIG).read_text().replace("0.9", "Infinity"))


def _half_a_calibration(folder: Path) -> None:
    edit(folder / CONFIG, calibration=[1.0])


def _calibration_out_of_order(folder: Path) -> None:
    edit(folder / CONFIG, calibration=[[10, 1.0, 0.0], [1, 1.0, 0.0]])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_no_folder, r"there is no such folder\. Train an age model"),
        (_only_a_language_model, r"there is no age_config\.json, so this is no age model"),
        (_no_head, r"age_head\.safetensors: these weights are missing"),
        (_short_head, r"age_head\.safetensors: holds \d+ bytes and not the \d+ that it promises"),
        (_pickle_as_head, r"age_head\.safetensors: (cut off|is no safetensors file)"),
        (_short_weights, r"model\.safetensors: (cut off|holds \d+ bytes)"),
        (_pickled_weights, r"a pickle that can run code"),
        (_own_code, r"its own code"),
        (_no_tokenizer, r"the tokenizer is missing"),
        (_label_the_other_way_round, r"positive is 'age<cutoff'"),
        (_no_cutoff, r"age_cutoff is 'twenty-one'"),
        (_endless_calibration, r"calibration is \[\[1, inf, 0\.1\]\]"),
        (_half_a_calibration, r"calibration is \[1\.0\]"),
        (_calibration_out_of_order, r"calibration is \[\[10, "),
    ],
)
def test_what_is_no_whole_age_model_is_refused_when_found(
    spoil: Callable[[Path], None], message: str, age_model: Path, tmp_path: Path
) -> None:
    spoil(age_model)
    with pytest.raises(ModelError, match=message):
        find_age_model(age_model, tmp_path / "cache")


def _head_without_numbers(folder: Path) -> None:
    head = load_file(folder / HEAD)
    head["hidden.bias"][0] = torch.inf
    save_file(head, folder / HEAD)


def _head_of_another_width(folder: Path) -> None:
    save_file(AgeHead(64).state_dict(), folder / HEAD)


def _weights_without_numbers(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    weights["embeddings.LayerNorm.weight"][0] = torch.nan
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


def _weights_of_fewer_layers(folder: Path) -> None:
    edit(folder / "config.json", num_hidden_layers=6)


def _posts_longer_than_the_model_reads(folder: Path) -> None:
    edit(folder / CONFIG, max_seq_len=1000)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_head_without_numbers, r"the weights hidden\.bias hold NaN or infinity"),
        (_head_of_another_width, r"age_head\.safetensors: does not fit the language model"),
        (_weights_without_numbers, r"the weights embeddings\.LayerNorm\.weight hold NaN"),
        (_weights_of_fewer_layers, r"its weights lack 16 tensors"),
        (_posts_longer_than_the_model_reads, r"reads at most 40 tokens"),
    ],
)
def test_what_only_loading_shows_is_refused_then(
    spoil: Callable[[Path], None], message: str, age_model: Path, tmp_path: Path
) -> None:
    saved_without_digests(age_model)
    spoil(age_model)
    source = find_age_model(age_model, tmp_path / "cache")
    with pytest.raises((ModelError, SettingsError), match=message):
        load_age_model(source, "cpu", "fp32")


def test_a_model_without_cls_is_refused(tmp_path: Path) -> None:
    save_language_model(tmp_path / "model")
    edit(tmp_path / "model" / "tokenizer_config.json", cls_token=None)
    with pytest.raises(ModelError, match=r"a model of type bert has no \[CLS\] token before its text"):
        load_backbone(find_model(str(tmp_path / "model"), "", tmp_path, pictures=False))


def test_a_language_model_with_and_without_pooler_is_the_same(language_model: Path, tmp_path: Path) -> None:
    backbone = load_backbone(find_model(str(language_model), "", tmp_path, pictures=False))
    assert not [name for name in backbone.model.state_dict() if name.startswith("pooler")]
    backbone.model.save_pretrained(tmp_path / "plain")
    backbone.tokenizer.save_pretrained(tmp_path / "plain")
    plain = load_backbone(find_model(str(tmp_path / "plain"), "", tmp_path, pictures=False))
    weights = backbone.model.state_dict()
    assert all(torch.equal(weights[name], weight) for name, weight in plain.model.state_dict().items())


def test_the_example_config_is_plain_json() -> None:
    assert json.loads(json.dumps(asdict(example_config())))["calibration"] == [[1, 0.9, 0.1]]
