"""An age model saved by torch becomes one of ours, whatever its tensors are called, and nothing in it is run."""

import os
import pickle
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModel

from instagram_assets.age.legacy_pth import match_tensors, read_legacy_weights
from instagram_assets.age.model import AgeModel
from instagram_assets.errors import ModelError
from instagram_assets.models.local_models import ModelSource, find_model, loading_errors

HEAD = {
    "head.hidden.weight": (16, 128),
    "head.hidden.bias": (16,),
    "head.logit.weight": (1, 16),
    "head.logit.bias": (1,),
}
LANGUAGE = {"embeddings.word_embeddings.weight": (9, 32), "encoder.layer.0.output.dense.weight": (32, 64)}
WANTED = {f"backbone.{name}": shape for name, shape in LANGUAGE.items()} | HEAD
OLD_HEAD = {"l1.weight": (16, 128), "l1.bias": (16,), "l2.weight": (1, 16), "l2.bias": (1,)}


@pytest.fixture
def backbone(language_model: Path, tmp_path: Path) -> ModelSource:
    """The language model that the old weights are made upon."""
    return find_model(str(language_model), "main", tmp_path, pictures=False)


def old_weights(backbone: ModelSource, prefix: str = "bert.", names: tuple[str, ...] = ("l1", "l2")) -> dict[str, Any]:
    """A state dict as a script of the source's architecture saves it."""
    torch.manual_seed(3)
    with loading_errors(backbone):
        language = AutoModel.from_pretrained(backbone.folder)
    width = language.config.hidden_size
    first, second = torch.nn.Linear(4 * width, width // 2), torch.nn.Linear(width // 2, 1)
    weights = {f"{prefix}{name}": tensor for name, tensor in language.state_dict().items()}
    weights[f"{prefix}embeddings.position_ids"] = torch.arange(40)[None]
    for name, layer in zip(names, (first, second), strict=True):
        weights |= {f"{name}.{key}": tensor for key, tensor in layer.state_dict().items()}
    return weights


def test_the_weights_of_an_old_file_are_those_of_the_model(backbone: ModelSource, tmp_path: Path) -> None:
    weights = old_weights(backbone, "module.bert_layer.", ("module.top.0", "module.top.2"))
    torch.save({"epoch": 3, "state_dict": weights, "lr": [2e-5]}, tmp_path / "old.pth")
    model = read_legacy_weights(tmp_path / "old.pth", backbone).model
    assert torch.equal(model.head.hidden.weight, weights["module.top.0.weight"])
    assert torch.equal(model.head.logit.bias, weights["module.top.2.bias"])
    layer = "encoder.layer.1.output.dense.weight"
    assert torch.equal(model.backbone.state_dict()[layer], weights["module.bert_layer." + layer])


def test_files_of_torch_before_1_6_are_read_too(backbone: ModelSource, tmp_path: Path) -> None:
    weights = {name: tensor.half() if "l1" in name else tensor for name, tensor in old_weights(backbone).items()}
    torch.save(weights, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    model = read_legacy_weights(tmp_path / "old.pth", backbone).model
    assert torch.equal(model.head.hidden.weight, weights["l1.weight"].float())
    assert model.head.hidden.weight.dtype == torch.float32


@pytest.mark.parametrize("prefix", ["", "bert.", "module.model.bert_layer."])
@pytest.mark.parametrize("unused", ["pooler.dense.weight", "embeddings.position_ids"])
def test_tensors_under_any_names_are_found_by_shape(prefix: str, unused: str) -> None:
    found = {f"{prefix}{name}": shape for name, shape in LANGUAGE.items()} | {f"{prefix}{unused}": (7, 7)} | OLD_HEAD
    assert match_tensors("old.pth", found, WANTED, "bert") == {
        **{f"backbone.{name}": f"{prefix}{name}" for name in LANGUAGE},
        **dict(zip(HEAD, OLD_HEAD, strict=True)),
    }


class Payload:
    """What an attacker would put into a pickle."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.mark),)


@pytest.mark.parametrize("kind", ["pickle", "state dict"])
@pytest.mark.bad_input("damaged model")
def test_a_pickle_that_would_run_code_is_refused_and_not_run(backbone: ModelSource, tmp_path: Path, kind: str) -> None:
    mark, file = tmp_path / "ran", tmp_path / "old.pth"
    if kind == "pickle":
        file.write_bytes(pickle.dumps(Payload(mark)))
    else:
        torch.save(old_weights(backbone) | {"more": Payload(mark)}, file)
    with pytest.raises(ModelError, match=r"old\.pth: is a pickle that holds more than weights, and could run") as told:
        read_legacy_weights(file, backbone)
    assert not mark.exists()
    assert ("mkdir" in str(told.value)) == (kind == "state dict")
    assert "weights_only" not in str(told.value)


def test_a_whole_model_in_the_place_of_its_weights_is_refused_with_what_to_do(
    backbone: ModelSource, tmp_path: Path
) -> None:
    torch.save(AgeModel(AutoModel.from_pretrained(backbone.folder)), tmp_path / "old.pth")
    with pytest.raises(ModelError, match=r"holds more than weights.*torch\.save\(model\.state_dict\(\)"):
        read_legacy_weights(tmp_path / "old.pth", backbone)


@pytest.mark.parametrize("damage", ["truncated", "tensor", "bomb", "folder", "missing"])
def test_a_file_without_weights_says_so(backbone: ModelSource, tmp_path: Path, damage: str) -> None:
    file = tmp_path / "old.pth"
    if damage == "folder":
        file.mkdir()
    elif damage == "tensor":
        torch.save(torch.zeros(3), file)
    elif damage == "bomb":
        torch.save({"a": torch.zeros(1).expand(10**6, 10**5)}, file)
    elif damage == "truncated":
        torch.save(old_weights(backbone), file)
        file.write_bytes(file.read_bytes()[:-5000])
    with pytest.raises(
        ModelError, match=r"old\.pth: (is damaged|holds (no weights by name|weights that cannot be copied)|is no file)"
    ):
        read_legacy_weights(file, backbone)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"l1.weight": None}, "no tensor of the shape 16×128 for head.hidden.weight"),
        ({"l3": (1,)}, "more than one tensor (l2.bias, l3) of the shape 1 for head.logit.bias"),
        ({"extra": (7,)}, "extra of the shape 7 is not part of it"),
        ({"bert.embeddings.word_embeddings.weight": (8, 32)}, "weight has the shape 8×32 and not 9×32"),
        ({"bert.embeddings.word_embeddings.weight": None}, "bert.embeddings.word_embeddings.weight is missing"),
        (
            dict.fromkeys((*OLD_HEAD, *(f"bert.{name}" for name in LANGUAGE))),
            "embeddings.word_embeddings.weight is missing",
        ),
    ],
)
def test_tensors_that_do_not_fit_are_named(changes: dict[str, tuple[int, ...] | None], said: str) -> None:
    whole = {f"bert.{name}": shape for name, shape in LANGUAGE.items()} | OLD_HEAD | changes
    found = {name: shape for name, shape in whole.items() if shape}
    with pytest.raises(ModelError, match=re.escape(said)) as caught:
        match_tensors("old.pth", found, WANTED, "bert-base")
    assert str(caught.value).startswith("old.pth: is no age model on top of bert-base: ")
    assert "--model-name-or-path" in str(caught.value)


def test_weights_that_are_no_numbers_are_refused(backbone: ModelSource, tmp_path: Path) -> None:
    weights = old_weights(backbone)
    torch.save(weights | {"l1.weight": weights["l1.weight"] * float("nan")}, tmp_path / "old.pth")
    with pytest.raises(ModelError, match=r"the weights l1\.weight hold NaN"):
        read_legacy_weights(tmp_path / "old.pth", backbone)
