"""A training like the source's does what the source's authors say, and the model says that it was trained so."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.optim.optimizer import register_optimizer_step_pre_hook

from instagram_assets.age.batching import read_users
from instagram_assets.age.card import TrainingFacts, model_card
from instagram_assets.age.dataset import defining_options
from instagram_assets.age.model import AgeModel
from instagram_assets.age.model_files import load_backbone
from instagram_assets.age.presets import describe_options, training_preset
from instagram_assets.age.statistics import evaluate
from instagram_assets.age.trainer import TrainedModel, train
from instagram_assets.age.training_stages import fine_tuning_stage
from instagram_assets.errors import SettingsError
from instagram_assets.models.local_models import ModelSource, find_model
from instagram_assets.settings import LIKE_SOURCE, AgeSettings, load_settings
from instagram_assets_tests.age.people import parts_of, people
from instagram_assets_tests.age.small_language_models import save_language_model
from instagram_assets_tests.age.trainings import digest

TABLE = people(30)
PLACE: dict[str, Any] = {"device": "cpu", "precision": "fp32", "print_step": 1}


@pytest.fixture(scope="module")
def backbone(language_model: Path, tmp_path_factory: pytest.TempPathFactory) -> ModelSource:
    return find_model(str(language_model), "", tmp_path_factory.mktemp("cache"), pictures=False)


def trained(backbone: ModelSource, folder: Path, stop_at: int = 0, **options: Any) -> TrainedModel:
    """Train on the same people; `stop_at` is the number of the line at which the training is interrupted."""
    told = 0

    def tell(line: str) -> None:
        nonlocal told
        told += 1
        if told == stop_at:
            raise KeyboardInterrupt

    # Half of the training users of label 1 are left out, so that class weights would be seen.
    few = {
        name: part for place, (name, part) in enumerate(parts_of(TABLE).items()) if part != "train" or place % 4 != 1
    }
    settings = AgeSettings.model_validate(PLACE | options)
    return train(TABLE, few, backbone, settings, folder, tell, checkpoint_seconds=0)


def test_the_preset_sets_what_is_not_set_and_nothing_else() -> None:
    ours, source = AgeSettings(), AgeSettings(like_source=True)
    assert (source.learn_rate, source.optimizer, source.class_weights) == (5e-6, "adam", False)
    different = {name for name, value in source.model_dump().items() if value != getattr(ours, name)}
    assert different <= {*LIKE_SOURCE, "like_source"}
    assert source.model_fields_set == {"like_source"}
    assert AgeSettings(like_source=False) == ours.model_copy(update={"like_source": False})
    own = AgeSettings(like_source=True, learn_rate=2e-5, patience=5)
    assert (own.learn_rate, own.head_learn_rate, own.patience, own.optimizer) == (2e-5, 2e-5, 5, "adam")


def test_the_environment_can_choose_it_and_what_deviates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INSTAGRAM_ASSETS_AGE__LIKE_SOURCE", "true")
    monkeypatch.setenv("INSTAGRAM_ASSETS_AGE__EPOCH_NUM", "3")
    age = load_settings().age
    assert (age.optimizer, age.epoch_num) == ("adam", 3)
    monkeypatch.setenv("INSTAGRAM_ASSETS_AGE__LEARN_RATE", "2")
    with pytest.raises(SettingsError, match="LEARN_RATE='2'"):
        load_settings()


@pytest.mark.parametrize("like_source", [True, False])
def test_the_optimizer_the_class_weights_and_the_stages_are_those_of_the_preset(
    backbone: ModelSource, tmp_path: Path, like_source: bool
) -> None:
    seen: dict[type, set[tuple[float, float]]] = {}

    def look(optimizer: torch.optim.Optimizer, *_: object) -> None:
        groups = {(group["lr"], group["weight_decay"]) for group in optimizer.param_groups}
        seen.setdefault(type(optimizer), set()).update(groups)

    hook = register_optimizer_step_pre_hook(look)
    try:
        short = {} if like_source else {"head_epoch_num": 1}
        result = trained(backbone, tmp_path, like_source=like_source, epoch_num=1, **short)
    finally:
        hook.remove()
    if like_source:
        assert seen == {torch.optim.Adam: {(5e-6, 0)}}
        assert result.positive_weight == 1
        assert [epoch.stage for epoch in result.history] == ["layers"]
    else:
        assert seen == {torch.optim.AdamW: {(2e-5, 0.01), (1e-3, 0.01)}}
        assert result.positive_weight > 1.2


@pytest.mark.parametrize("kind", ["bert", "distilbert", "electra", "roberta", "albert"])
def test_every_weight_learns(tmp_path: Path, kind: str) -> None:
    save_language_model(tmp_path / kind, kind)
    language_model, tokenizer = load_backbone(find_model(str(tmp_path / kind), "", tmp_path, pictures=False))
    torch.manual_seed(0)
    model = AgeModel(language_model)
    texts, users = read_users(TABLE, dict.fromkeys(TABLE["username"].to_pylist(), "train"), ["train"])
    own, options = users["train"], AgeSettings(like_source=True)

    def loss(logits: torch.Tensor, labels: Any) -> torch.Tensor:
        return torch.nn.functional.binary_cross_entropy_with_logits(logits, torch.from_numpy(labels), reduction="sum")

    stage = fine_tuning_stage(model, tokenizer, texts, own, own, loss, options, torch.float32)
    assert stage.parameters.keys() == dict(model.named_parameters()).keys()
    assert {rate for rate, _ in stage.groups} == {5e-6}
    stage.learn(np.arange(10), 0)
    without = {name for name, weight in stage.parameters.items() if weight.grad is None or not weight.grad.any()}
    assert without == set()


def test_an_interrupted_one_goes_on_and_never_from_the_checkpoint_of_other_options(
    backbone: ModelSource, tmp_path: Path
) -> None:
    like_source: dict[str, Any] = {"like_source": True, "epoch_num": 2, "learn_rate": 1e-3}
    expected = digest(trained(backbone, tmp_path / "whole", **like_source))
    # With our optimizer it stops at the same step, with the same stage and the same weights to be trained.
    others: tuple[dict[str, Any], ...] = (
        {"optimizer": "adamw"},
        {"class_weights": True},
        {"learn_rate": 2e-3},
        {"trained_layers": 5},
    )
    for other in others:
        with pytest.raises(KeyboardInterrupt):
            trained(backbone, tmp_path / "work", 3, **like_source | other)
    with pytest.raises(KeyboardInterrupt):
        trained(backbone, tmp_path / "work", 4, **like_source)
    files = {path.name[:16] for path in (tmp_path / "work").glob("*.safetensors")}
    assert len(files) == len(others) + 1
    assert digest(trained(backbone, tmp_path / "work", **like_source)) == expected


def test_the_card_says_the_preset_and_what_deviates_from_it() -> None:
    def card(**options: Any) -> str:
        chosen = defining_options(AgeSettings.model_validate(options))
        part = {"users": 4, "positives": 2, "posts": 9}
        facts = TrainingFacts("a test", 21, "f" * 64, "bert@0123", chosen, 0.7, {"train": part})
        return model_card(
            facts, {name: evaluate([0, 1], [0.2, 0.9], {}, 0.7) for name in ("model", "tfidf", "majority")}, []
        )

    assert "| trained | with our own defaults: AdamW; learning rate 2e-05, of the head 0.001; top layers: 4;" in card()
    assert "| trained | like bumc_instascraping (--like-source): Adam; learning rate 5e-06, of the" in card(
        like_source=True
    )
    said = card(like_source=True, epoch_num=3, class_weights=True)
    assert "(--like-source), but class_weights true instead of false, epoch_num 3 instead of 10: Adam" in said


def test_edited_options_are_told_as_they_are() -> None:
    edited = defining_options(AgeSettings()) | {"optimizer": "sgd", "learn_rate": "Fast", "patience": None}
    assert describe_options(edited).startswith("sgd; learning rate Fast, of the head 0.001; top layers: 4;")
    assert "optimizer sgd instead of adamw" in str(training_preset(edited))
    assert "patience None instead of 5" in str(training_preset(edited))


def test_options_of_older_models_are_our_own() -> None:
    assert str(training_preset({"max_seq_len": 18, "seed": 7})) == "with our own defaults"
    assert (
        str(training_preset({"patience": 3, "learn_rate": 2e-5}))
        == "with our own defaults, but patience 3 instead of 5"
    )
