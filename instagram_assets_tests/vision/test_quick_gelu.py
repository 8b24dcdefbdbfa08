"""CLIP's activation by fewer operations gives the same embeddings."""

from pathlib import Path
from typing import Any


def test_folded_weights_give_the_same_embeddings(saved: Path) -> None:
    import torch
    from transformers import CLIPModel, SiglipModel

    from instagram_assets.vision.load_models import fold_quick_gelu

    model: Any = CLIPModel.from_pretrained(saved / "clip").eval()
    pixels = torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    ids = torch.tensor([[0, 5, 7, 1]])
    with torch.inference_mode():
        images, texts = model.get_image_features(pixels).pooler_output, model.get_text_features(ids).pooler_output
        assert fold_quick_gelu(model) == 4  # two layers for images, two for text
        assert torch.allclose(model.get_image_features(pixels).pooler_output, images, atol=1e-5)
        assert torch.allclose(model.get_text_features(ids).pooler_output, texts, atol=1e-5)
    assert fold_quick_gelu(model) == 0
    assert fold_quick_gelu(SiglipModel.from_pretrained(saved / "siglip")) == 0
