"""The training learns what there is to learn, judges as predictions do, and depends on nothing that it should not."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from numpy.typing import NDArray

from instagram_assets.age.batching import read_users
from instagram_assets.age.dataset import TrainingData, defining_options, weight_options
from instagram_assets.age.encode import PostEncoder, tokenize_posts
from instagram_assets.age.model import AgeModel
from instagram_assets.age.model_files import load_backbone
from instagram_assets.age.split import Split
from instagram_assets.age.trainer import TrainedModel, train
from instagram_assets.age.training_loop import TrainingPlan, TrainingStage, TrainingState, train_stage
from instagram_assets.age.training_stages import fine_tuning_stage
from instagram_assets.errors import ModelError, SettingsError, TrainingDataError, TrainingError
from instagram_assets.models.local_models import ModelSource, find_model
from instagram_assets.settings import AgeSettings
from instagram_assets_tests.age.people import parts_of, people
from instagram_assets_tests.age.small_language_models import save_language_model
from instagram_assets_tests.age.trainings import digest

QUICK: dict[str, Any] = {
    "head_epoch_num": 2,
    "epoch_num": 2,
    "learn_rate": 1e-3,
    "accumulation_steps": 7,
    "device": "cpu",
    "precision": "fp32",
}


@pytest.fixture(scope="module")
def backbone(language_model: Path, tmp_path_factory: pytest.TempPathFactory) -> ModelSource:
    return find_model(str(language_model), "", tmp_path_factory.mktemp("cache"), pictures=False)


def trained_with(
    backbone: ModelSource,
    folder: Path,
    table: pa.Table,
    on_progress: Callable[[str], None] | None = None,
    **changes: Any,
) -> TrainedModel:
    return train(table, parts_of(table), backbone, AgeSettings.model_validate(QUICK | changes), folder, on_progress)


def test_it_learns_what_tells_people_apart(backbone: ModelSource, tmp_path: Path) -> None:
    table = people(150, signal=0.7)
    trained = trained_with(backbone, tmp_path, table, head_epoch_num=5, epoch_num=8)
    best = trained.history[trained.best]
    assert best.validation_auc > 0.9
    assert best.stage == "layers"
    assert best.validation_loss < trained.history[0].validation_loss - 0.2


def test_validation_sees_users_as_predictions_do(backbone: ModelSource, tmp_path: Path) -> None:
    """With dropout off, all posts, and the weights of the best pass."""
    table = people(60)
    trained = trained_with(backbone, tmp_path, table, max_posts=2)
    texts, users = read_users(table, parts_of(table), ["validation"])
    encoder = PostEncoder(trained.model.backbone, trained.tokenizer, 18, torch.device("cpu"), torch.float32)
    own = [
        (name, texts.take(pa.array(posts)).to_pylist()) for name, posts in zip(*users["validation"][::2], strict=True)
    ]
    vectors = torch.from_numpy(np.stack([user.vector for user in encoder.user_vectors(own)]))
    np.testing.assert_allclose(trained.model.head(vectors).detach().numpy(), trained.logits, atol=1e-5)
    assert trained.names == users["validation"].names
    assert trained.labels.tolist() == users["validation"].labels.tolist()
    assert not trained.model.training


def test_the_best_pass_counts_and_patience_ends_a_stage(backbone: ModelSource, tmp_path: Path) -> None:
    trained = trained_with(
        backbone, tmp_path, people(60, signal=0), head_epoch_num=40, trained_layers=0, patience=3, head_learn_rate=0.05
    )
    merits = [(epoch.validation_auc, -epoch.validation_loss) for epoch in trained.history]
    assert merits[trained.best] == max(merits)
    assert len(trained.history) == trained.best + 1 + 3 < 40


def test_only_the_top_layers_and_the_head_learn(backbone: ModelSource, tmp_path: Path) -> None:
    before = load_backbone(backbone).model.state_dict()

    def changed(layers: int) -> set[str]:
        trained = trained_with(backbone, tmp_path / str(layers), people(40), trained_layers=layers)
        after = trained.model.backbone.state_dict()
        return {name for name, weight in before.items() if not torch.equal(weight, after[name])}

    def of_layers(wanted: set[int]) -> set[str]:
        return {
            name
            for name in before
            if (layer := re.search(r"encoder\.layer\.(\d+)\.", name)) and int(layer[1]) in wanted
        }

    assert changed(0) == set()
    assert changed(2) == of_layers({3, 4})
    assert changed(5) == of_layers({0, 1, 2, 3, 4})
    assert changed(6) == before.keys()


def test_classes_weigh_alike_by_the_training_users_alone(backbone: ModelSource, tmp_path: Path) -> None:
    table = people(60)
    few = {
        name: part for place, (name, part) in enumerate(parts_of(table).items()) if part != "train" or place % 4 != 1
    }
    labels = dict(zip(table["username"].to_pylist(), table["label"].to_pylist(), strict=True))
    learners = [labels[name] for name, part in few.items() if part == "train"]
    options = AgeSettings.model_validate(QUICK | {"head_epoch_num": 1, "trained_layers": 0})
    trained = train(table, few, backbone, options, tmp_path)
    assert trained.positive_weight == pytest.approx(learners.count(0) / learners.count(1))
    assert trained.positive_weight > 1.2


def test_what_has_ended_is_only_read_whatever_the_order_of_the_rows(backbone: ModelSource, tmp_path: Path) -> None:
    table = people(40)
    first = trained_with(backbone, tmp_path, table)
    lines: list[str] = []
    again = trained_with(backbone, tmp_path, table.take(list(reversed(range(40)))), lines.append)
    assert lines == []
    assert digest(again) == digest(first)
    assert again.fingerprint == first.fingerprint


def test_other_settings_people_or_texts_are_another_training(backbone: ModelSource, tmp_path: Path) -> None:
    table = people(40)
    first = trained_with(backbone, tmp_path, table)
    others: list[tuple[pa.Table, dict[str, Any]]] = [
        (table, {"seed": 1}),
        (people(42), {}),
        (people(40, signal=0.4), {}),
    ]
    for number, (other, changes) in enumerate(others):
        lines: list[str] = []
        second = trained_with(backbone, tmp_path, other, lines.append, **changes)
        assert lines
        assert second.fingerprint != first.fingerprint
        assert digest(second) == digest(trained_with(backbone, tmp_path / str(number), other, **changes))


def test_random_numbers_and_settings_of_others_stay_as_they_were(backbone: ModelSource, tmp_path: Path) -> None:
    state = torch.get_rng_state()
    trained_with(backbone, tmp_path, people(40))
    assert torch.equal(torch.get_rng_state(), state)
    assert not torch.are_deterministic_algorithms_enabled()


def test_a_line_is_told_every_so_many_steps(backbone: ModelSource, tmp_path: Path) -> None:
    lines: list[str] = []
    trained_with(backbone, tmp_path, people(40), lines.append, accumulation_steps=3, print_step=4)
    assert re.fullmatch(r"vectors of posts (\d+)/\1", lines[0])
    assert [line.split("  loss")[0] for line in lines[1:4]] == [
        "head: epoch 1/2  step 4/8",
        "head: epoch 1/2  step 8/8",
        "head: epoch 2/2  step 4/8",
    ]
    assert all(re.search(r"loss \d\.\d{4}$", line) for line in lines[1:])


def test_one_user_may_have_any_number_of_posts(backbone: ModelSource, tmp_path: Path) -> None:
    table = people(20, posts=(1, 1))
    busy = people(1, seed=3, posts=(3000, 3000))["texts"].to_pylist()
    table = table.set_column(2, "texts", pa.array(busy + table["texts"].to_pylist()[1:], table["texts"].type))
    trained = trained_with(backbone, tmp_path, table, max_posts=5000, head_epoch_num=1, epoch_num=1)
    assert np.isfinite(trained.logits).all()


@pytest.mark.parametrize("part", ["train", "validation"])
def test_a_label_that_nobody_has_is_told_before_any_work(backbone: ModelSource, tmp_path: Path, part: str) -> None:
    table = people(40)
    labels = dict(zip(table["username"].to_pylist(), table["label"].to_pylist(), strict=True))
    one_sided = {name: "test" if own == part and labels[name] else own for name, own in parts_of(table).items()}
    with pytest.raises(TrainingDataError, match=rf"the part {part} nobody has the label 1\. Label more people"):
        train(table, one_sided, backbone, AgeSettings(device="cpu"), tmp_path)
    with pytest.raises(TrainingDataError, match="Among the 0 users"):
        train(table.slice(0, 0), {}, backbone, AgeSettings(device="cpu"), tmp_path)


def test_settings_that_train_nothing_are_refused(backbone: ModelSource, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="HEAD_EPOCH_NUM=0 and INSTAGRAM_ASSETS_AGE__TRAINED_LAYERS=0"):
        trained_with(backbone, tmp_path, people(40), head_epoch_num=0, trained_layers=0)


def test_layers_that_cannot_be_told_apart_are_refused_with_the_way_out(tmp_path: Path) -> None:
    save_language_model(tmp_path / "albert", "albert")
    albert = find_model(str(tmp_path / "albert"), "", tmp_path, pictures=False)
    with pytest.raises(ModelError, match="TRAINED_LAYERS=0"):
        trained_with(albert, tmp_path / "work", people(40), head_epoch_num=0)
    assert trained_with(albert, tmp_path / "work", people(40), trained_layers=0).history


def test_a_loss_that_is_no_number_ends_the_training_with_the_settings_to_change() -> None:
    weight = torch.nn.Parameter(torch.ones(1))

    def learn(users: NDArray[np.int64], epoch: int) -> float:
        loss = (weight * (torch.nan if epoch else 1.0)).sum()
        loss.backward()
        return loss.item()

    labels = np.array([0, 1], np.float32)
    stage = TrainingStage("head", 3, [(0.1, {"weight": weight})], learn, lambda: torch.tensor([0.1, 0.9]))
    plan = TrainingPlan(2, 1, 5, 0, 1, labels, lambda logits: logits.sum())
    state = TrainingState()
    with pytest.raises(TrainingError, match=r"head, epoch 2, step 1: the loss is nan.*LEARN_RATE"):
        train_stage(stage, plan, state, lambda now: None, lambda progress: None)
    assert all(tensor.isfinite().all() for tensor in state.tensors.values())


@pytest.mark.parametrize("tokens_at_once", [4096, 20], ids=["packed", "recomputed"])
@pytest.mark.parametrize("kind", ["bert", "distilbert", "electra", "roberta"])
def test_packing_gives_the_gradient_of_one_user_at_a_time(tmp_path: Path, kind: str, tokens_at_once: int) -> None:
    """The source's way, user by user with fixed padding, is the yardstick; without dropout they must agree."""
    save_language_model(tmp_path / kind, kind)
    backbone = find_model(str(tmp_path / kind), "", tmp_path, pictures=False)
    table = people(12, posts=(1, 9))
    everyone = dict.fromkeys(table["username"].to_pylist(), "train")
    texts, users = read_users(table, everyone, ["train"])
    own = users["train"]
    language_model, tokenizer = load_backbone(backbone)
    torch.manual_seed(0)
    model = AgeModel(language_model)
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0

    def loss(logits: torch.Tensor, labels: NDArray[np.float32]) -> torch.Tensor:
        wanted = torch.from_numpy(labels)
        return torch.nn.functional.binary_cross_entropy_with_logits(logits, wanted, reduction="sum")

    stage = fine_tuning_stage(
        model, tokenizer, texts, own, own, loss, AgeSettings(), torch.float32, tokens_at_once=tokens_at_once
    )
    order = np.random.default_rng(1).permutation(12)[:10]
    packed_loss = stage.learn(order, 0)
    packed = {name: parameter.grad for name, parameter in stage.parameters.items()}
    model.zero_grad()

    total = 0.0
    for user in order:
        posts = tokenize_posts(tokenizer, [texts[int(post)].as_py() for post in own.posts[user]], 18)
        ids = torch.tensor([[*post, *[0] * (18 - len(post))] for post in posts])
        mask = torch.tensor([[1] * len(post) + [0] * (18 - len(post)) for post in posts])
        one = loss(model(ids, mask, torch.zeros(len(posts), dtype=torch.long), 1), own.labels[[user]]) / 10
        one.backward()
        total += one.item()

    assert packed_loss == pytest.approx(total, abs=1e-6)
    for name, parameter in stage.parameters.items():
        gradient = packed[name]
        assert gradient is not None
        assert parameter.grad is not None
        torch.testing.assert_close(gradient, parameter.grad, atol=1e-6, rtol=1e-4)


def test_what_decides_the_weights_decides_the_model_too() -> None:
    options = AgeSettings()
    assert weight_options(options).items() < defining_options(options).items()
    assert defining_options(options).keys() - weight_options(options).keys() == {
        "age_cutoff",
        "validation_share",
        "test_share",
        "like_source",
    }


def test_a_fingerprint_is_that_of_the_version_before_the_latest_options() -> None:
    people = pa.table({"username": ["ann", "bob"], "label": [0, 1], "texts": [["a", "b"], ["c"]]})
    data = TrainingData(Split(people, {}, 0, []), {})
    # Computed by the version before optimizer, class_weights and like_source, from the same users.
    assert data.fingerprint(AgeSettings(), "bert") == "036a1e74825a748500a4047308cc9f5b949095918a5d7d327595df0fcab29089"
    changed = ({"optimizer": "adam"}, {"class_weights": False}, {"like_source": True})
    assert len({data.fingerprint(AgeSettings.model_validate(options), "bert") for options in ({}, *changed)}) == 4
