"""The age model computes what it says: [CLS] of four layers, the mean over posts, two layers on top."""

from pathlib import Path

import pytest
import torch

from instagram_assets.age.model import AgeHead, AgeModel, post_vectors, user_means
from instagram_assets.age.model_files import load_backbone
from instagram_assets.errors import ModelError
from instagram_assets.models.local_models import find_model
from instagram_assets_tests.age.small_language_models import save_language_model


def test_the_head_has_the_sources_shape() -> None:
    shapes = {name: tuple(weight.shape) for name, weight in AgeHead(768).state_dict().items()}
    assert shapes == {
        "hidden.weight": (384, 3072),
        "hidden.bias": (384,),
        "logit.weight": (1, 384),
        "logit.bias": (1,),
    }


def test_a_posts_vector_is_cls_of_the_last_four_layers_lowest_first(language_model: Path, tmp_path: Path) -> None:
    backbone = load_backbone(find_model(str(language_model), "", tmp_path, pictures=False)).model
    ids = torch.tensor([[2, 5, 6, 3], [2, 8, 3, 0]])
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 1, 0]])
    with torch.inference_mode():
        vectors = post_vectors(AgeModel(backbone), ids, mask)
        # Each layer by itself, without the padding: what no batch can disturb.
        x = backbone.embeddings(input_ids=ids[1:, :3])
        states = [x := layer(x) for layer in backbone.encoder.layer]
    expected = torch.cat([state[0, 0] for state in states[-4:]])
    assert vectors.shape == (2, 128)
    torch.testing.assert_close(vectors[1], expected, atol=1e-5, rtol=0)


def test_every_user_counts_alike_however_many_posts_they_have(language_model: Path, tmp_path: Path) -> None:
    backbone = load_backbone(find_model(str(language_model), "", tmp_path, pictures=False)).model
    model = AgeModel(backbone).eval()
    ids = torch.tensor([[2, 5, 3], [2, 6, 3], [2, 7, 3]])
    mask = torch.ones_like(ids)
    with torch.inference_mode():
        together = model(ids, mask, torch.tensor([1, 0, 1]), 2)
        alone = [model(ids[some], mask[some], torch.zeros(len(some), dtype=torch.long), 1) for some in ([1], [0, 2])]
    torch.testing.assert_close(together, torch.cat(alone), atol=1e-5, rtol=0)


def test_a_user_without_posts_has_no_direction() -> None:
    means = user_means(torch.ones(2, 8), torch.tensor([0, 0]), 2)
    assert means.tolist() == [[1] * 8, [0] * 8]


def test_the_head_learns_through_the_mean(language_model: Path, tmp_path: Path) -> None:
    model = AgeModel(load_backbone(find_model(str(language_model), "", tmp_path, pictures=False)).model)
    ids = torch.tensor([[2, 5, 3], [2, 6, 3]])
    model(ids, torch.ones_like(ids), torch.tensor([0, 0]), 1).sum().backward()
    assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in model.head.parameters())
    lowest = model.backbone.encoder.layer[0].attention.self.query.weight.grad
    assert lowest is not None
    assert lowest.abs().sum() > 0


def test_fewer_than_four_layers_are_refused(tmp_path: Path) -> None:
    save_language_model(tmp_path / "short", layers=3)
    with pytest.raises(ModelError, match=r"short: the age model needs an encoder of text with at least 4 layers"):
        load_backbone(find_model(str(tmp_path / "short"), "", tmp_path, pictures=False))
