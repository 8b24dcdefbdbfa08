"""Models whose text tower reads Korean are loaded and embed as transformers does, each family by its own rules."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from instagram_assets.demo import MODELS
from instagram_assets.demo.synthetic_images import Scene, encode_image
from instagram_assets.errors import ModelError
from instagram_assets.models.local_models import find_model
from instagram_assets.vision.embed import Embedder
from instagram_assets.vision.load_models import load_embedder
from instagram_assets_tests.models import multilingual_models as models
from instagram_assets_tests.models.korean_clip import COLOURS, SHAPES, save_korean_clip_of

TEXTS = ["고양이", "빨간 원", "a red circle on a white background " * 9, "소파 위에서 자는 고양이 사진"]
Save = Callable[[Path], None]


def embedder_of(folder: Path, precision: str = "fp32") -> Embedder:
    return Embedder(load_embedder(find_model(str(folder), "", folder.parent), "cpu", precision))


def theirs(folder: Path, images: list[Image.Image], texts: list[str], **padding: Any) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings of images and texts one by one, by transformers' own processor and model."""
    import torch
    from transformers import AutoModel, AutoProcessor

    model, processor = AutoModel.from_pretrained(folder).eval(), AutoProcessor.from_pretrained(folder, backend="pil")
    with torch.inference_mode():
        seen = [model.get_image_features(**processor(images=image, return_tensors="pt")) for image in images]
        read = [model.get_text_features(**processor(text=text, return_tensors="pt", **padding)) for text in texts]
    rows = [np.stack([output.pooler_output[0].numpy() for output in outputs]) for outputs in (seen, read)]
    vectors, said = (row / np.linalg.norm(row, axis=1, keepdims=True) for row in rows)
    return vectors, said


@pytest.mark.parametrize(
    ("save", "longest", "padding"),
    [
        (models.save_metaclip2, 12, {}),
        (models.save_altclip, 12, {}),
        (models.save_dual_encoder, 12, {}),
        (models.save_siglip2, 16, {"padding": "max_length"}),
        (models.save_korean_clip, 16, {}),
    ],
)
def test_a_family_embeds_as_transformers_does_alone_in_batches_and_in_bf16(
    save: Save, longest: int, padding: dict[str, Any], tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    save(folder)
    noise = np.random.default_rng(0)
    images = [Image.fromarray(noise.integers(0, 256, (*size, 3), np.uint8)) for size in ((40, 50), (90, 33))]
    embedder = embedder_of(folder)
    vectors, said = theirs(folder, images, TEXTS, truncation=True, max_length=longest, **padding)
    np.testing.assert_allclose(embedder.images([embedder.prepare(image) for image in images]), vectors, atol=1e-5)
    np.testing.assert_allclose(embedder.texts(TEXTS), said, atol=1e-5)
    assert embedder.reads(TEXTS[0])
    half = embedder_of(folder, "bf16")
    assert (half.texts(TEXTS) * said).sum(axis=1).min() > 0.998
    assert (half.images([half.prepare(image) for image in images]) * vectors).sum(axis=1).min() > 0.998


def test_siglip_2_with_the_tokenizer_class_that_the_hub_names_reads_the_same(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    models.save_siglip2(folder)
    before = embedder_of(folder).texts(TEXTS[:2])
    file = folder / "tokenizer_config.json"
    file.write_text(file.read_text().replace("Siglip2Tokenizer", "GemmaTokenizer"))
    np.testing.assert_array_equal(embedder_of(folder).texts(TEXTS[:2]), before)


def test_a_model_for_images_of_any_shape_is_refused_by_name(tmp_path: Path) -> None:
    models.save_naflex(tmp_path / "naflex")
    with pytest.raises(ModelError, match=r"NaFlex.*not supported.*fixed image size"):
        embedder_of(tmp_path / "naflex")


def test_a_tower_that_learned_korean_finds_what_korean_words_say(tmp_path: Path) -> None:
    save_korean_clip_of(MODELS / "clip", tmp_path / "korean")
    embedder = embedder_of(tmp_path / "korean")
    scenes = [
        Scene(shape, colour, "white", 320, 360, 10 * row + column)
        for row, shape in enumerate(SHAPES)
        for column, colour in enumerate(("red", "blue", "green", "black"))
    ]
    files = (Image.open(io.BytesIO(encode_image(scene))).convert("RGB") for scene in scenes)
    vectors = embedder.images([embedder.prepare(file) for file in files])
    words = sorted({f"{COLOURS[scene.colour]} {SHAPES[scene.shape]}" for scene in scenes})
    found = [words[index] for index in (vectors @ embedder.texts(words).T).argmax(axis=1)]
    right = [
        word == f"{COLOURS[scene.colour]} {SHAPES[scene.shape]}" for word, scene in zip(found, scenes, strict=True)
    ]
    assert np.mean(right) >= 0.9
    english = embedder_of(MODELS / "clip")
    assert all(map(embedder.reads, words))
    assert not any(map(english.reads, words))
