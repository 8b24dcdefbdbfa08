"""Loads captioning and image-text embedding models with transformers, once per process, and checks them."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from inspect import signature
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from instagram_assets.errors import ModelError
from instagram_assets.models.devices import choose_device, choose_dtype
from instagram_assets.models.file_checks import read_config
from instagram_assets.models.int8 import check_int8, round_linear_layers
from instagram_assets.models.kernels import pack_linear_layers
from instagram_assets.models.local_models import ModelSource, loading_errors
from instagram_assets.vision.blip import Blip
from instagram_assets.vision.decoding import Decoding, TransformersDecoder
from instagram_assets.vision.preprocess import Preprocessor

if TYPE_CHECKING:
    import torch

_TEST_SIZE = (96, 64)
_TEST_WORD = "a"
_SLOPE = 1.702


def fold_quick_gelu(model: Any) -> int:
    """Replace QuickGELU by SiLU in place, folding the constant into the adjacent weights; returns the layers changed.

    QuickGELU(x) = x · sigmoid(1.702 x) = SiLU(1.702 x) / 1.702. torch computes SiLU in one operation and QuickGELU in
    three, so the linear layer before is scaled by 1.702 and the one after by its inverse. For CLIP ViT-B/32 in bf16 on
    a CPU this saves a sixth of the time.
    """
    import torch
    from transformers.activations import QuickGELUActivation

    layers = [
        layer
        for layer in model.modules()
        if isinstance(getattr(layer, "activation_fn", None), QuickGELUActivation)
        and isinstance(getattr(layer, "fc1", None), torch.nn.Linear)
        and isinstance(getattr(layer, "fc2", None), torch.nn.Linear)
    ]
    with torch.no_grad():
        for layer in layers:
            for weight in layer.fc1.parameters():
                weight.mul_(_SLOPE)
            layer.fc2.weight.div_(_SLOPE)
            layer.activation_fn = torch.nn.SiLU(inplace=True)
    return len(layers)


_CAPTION_ARCHITECTURES = ("blip", "blip-2", "git", "vision-encoder-decoder")
"""Model types that caption an image without a text prompt."""


_PACKABLE = ("altclip", "clip", "metaclip_2", "siglip")
"""Types of embedding models whose code reads the weights of linear layers only in these layers."""

_IN_INT8 = ("blip", "clip", "siglip")
"""Model types of which int8 was shown to keep captions, cosines and clusters."""
_LEAST_COSINE_IN_INT8 = 0.99
"""A model is refused in int8 if a test image's embedding is further from that in fp32 or bf16."""


@dataclass(frozen=True)
class LoadedModel:
    """A loaded model in evaluation mode on its device, with its image processor and tokenizer.

    `precision` is the setting from which `dtype` was chosen.
    """

    model: Any
    processor: Any
    device: "torch.device"
    dtype: "torch.dtype"
    source: ModelSource
    precision: str = "auto"


def load_captioner(source: ModelSource, device: str = "auto", precision: str = "auto") -> LoadedModel:
    """Load an image captioning model; the last one loaded is cached.

    Raises ModelError if the files contain another type of model or NaN or infinite weights, or if captioning a grey
    test image fails, for example because model and tokenizer do not match.
    """
    return _captioner(source, device, precision)


def load_embedder(source: ModelSource, device: str = "auto", precision: str = "auto") -> LoadedModel:
    """Load a model such as CLIP that embeds images and texts in one space; the last one loaded is cached.

    Raises ModelError if the files contain another type of model or NaN or infinite weights, or if a grey test image and
    a word do not get embeddings of the same dimension.
    """
    return _embedder(source, device, precision)


@lru_cache(maxsize=1)
def _captioner(source: ModelSource, device: str, precision: str) -> LoadedModel:
    from transformers import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING as writers

    with loading_errors(source):
        config = _config(source)
        if config.model_type not in _CAPTION_ARCHITECTURES:
            what = "waits for a prompt" if type(config) in writers else "writes no text about images"
            raise ModelError(
                f"{source.name}: a model of type {config.model_type} {what}, so it cannot caption. "
                f"Name one of the types {', '.join(_CAPTION_ARCHITECTURES)}."
            )
        loaded = _load(writers[type(config)], source, device, precision)
        with _test_errors(source):
            TransformersDecoder(loaded.model).generate(_grey_image(loaded), Decoding(max_new_tokens=2))
            if precision == "int8":
                pictures = _test_images(loaded)
                exact, rounded = (Blip(loaded.model, int8).encode(pictures) for int8 in (False, True))
                _check_rounding(source, exact.flatten(1), rounded.flatten(1))
        return loaded


@lru_cache(maxsize=1)
def _embedder(source: ModelSource, device: str, precision: str) -> LoadedModel:
    from transformers import MODEL_MAPPING

    with loading_errors(source):
        config = _config(source)
        kind: Any = MODEL_MAPPING.get(type(config), None)
        if not (hasattr(kind, "get_image_features") and hasattr(kind, "get_text_features")):
            raise ModelError(
                f"{source.name}: a model of type {config.model_type} does not embed images and text. "
                "Name one of CLIP's or SigLIP's kind."
            )
        if "spatial_shapes" in signature(kind.get_image_features).parameters:
            raise ModelError(
                f"{source.name}: takes images of any shape (NaFlex), which is not supported. Name one of a fixed image "
                "size, such as google/siglip2-base-patch16-224."
            )
        loaded = _load(kind, source, device, precision)
        # fp32 must reproduce transformers' own values to the last bits, bf16 must be fast.
        if loaded.dtype.itemsize < 4:
            fold_quick_gelu(loaded.model)
        if precision == "int8":
            with _test_errors(source):
                _round_embedder(loaded)
        if config.model_type in _PACKABLE:
            pack_linear_layers(loaded.model)
        with _test_errors(source):
            _test_embeddings(loaded)
        return loaded


def _load(kind: Any, source: ModelSource, device: str, precision: str) -> LoadedModel:
    torch_device = choose_device(device)
    if precision == "int8":
        check_int8(torch_device)
        _check_family(source)
    dtype = choose_dtype(precision, torch_device)
    made_for = read_config(source.folder).get("architectures") or [kind.__name__]
    if kind.__name__ not in made_for:
        raise ModelError(
            f"{source.name}: holds a {made_for[0]}, not the {kind.__name__} that this needs. Name another."
        )
    model, report = kind.from_pretrained(
        source.folder, dtype=dtype, use_safetensors=True, local_files_only=True, output_loading_info=True
    )
    if missing := sorted(report["missing_keys"]):
        raise ModelError(
            f"{source.name}: its weights lack {len(missing)} tensors that a {kind.__name__} has, "
            f"such as {missing[0]}. Fetch the model again, or name another."
        )
    _check_numbers(model, source)
    processor = _processor(source.folder)
    for part in ("image_processor", "tokenizer"):
        if getattr(processor, part, None) is None:
            raise ModelError(f"{source.name}: its processor has no {part}. Fetch the model again, or name another.")
    model = model.to(torch_device).eval().requires_grad_(False)
    return LoadedModel(model, processor, torch_device, dtype, source, precision)


def _test_embeddings(loaded: LoadedModel) -> None:
    """Embed a grey image and a word, which must give two vectors of the same dimension."""
    import torch

    with torch.inference_mode():
        tokens = loaded.processor.tokenizer([_TEST_WORD], return_tensors="pt").to(loaded.device)
        output = loaded.model.get_text_features(**tokens)
        image = _image_features(loaded, _grey_image(loaded)).shape[-1]
    text = getattr(output, "pooler_output", output).shape[-1]
    if image != text:
        raise ValueError(f"its embeddings of images have {image} dimensions, those of texts {text}")


def _image_features(loaded: LoadedModel, pixels: "torch.Tensor") -> "torch.Tensor":
    """Embeddings of images, as the model gives them: float[n, width]."""
    import torch

    with torch.inference_mode():
        output = loaded.model.get_image_features(pixel_values=pixels)
    return output if isinstance(output, torch.Tensor) else output.pooler_output


def _check_family(source: ModelSource) -> None:
    """Raise ModelError if int8 was not shown to hold for this type of model."""
    kind = read_config(source.folder).get("model_type")
    if kind not in _IN_INT8:
        raise ModelError(
            f"{source.name}: INSTAGRAM_ASSETS_MODELS__PRECISION='int8' is offered for models of type "
            f"{', '.join(_IN_INT8)}, since for others, such as {kind}, it was not shown to hold. Set it to auto."
        )


def _round_embedder(loaded: LoadedModel) -> None:
    """Round the towers' layers to int8 in place; patch embedding, norms and projections stay as they are."""
    pictures = _test_images(loaded)
    exact = _image_features(loaded, pictures)
    round_linear_layers(loaded.model, within=".layers.")
    _check_rounding(loaded.source, exact, _image_features(loaded, pictures))


def _check_rounding(source: ModelSource, exact: "torch.Tensor", rounded: "torch.Tensor") -> None:
    """Raise ModelError if int8 changes what a model makes of test images, both float[images, …], by too much."""
    import torch

    least = float(torch.cosine_similarity(exact.float(), rounded.float(), dim=-1).min())
    # Also refused if it is not a number.
    if not least >= _LEAST_COSINE_IN_INT8:
        raise ModelError(
            f"{source.name}: INSTAGRAM_ASSETS_MODELS__PRECISION='int8' changes its view of a test image to a cosine of "
            f"{least:.3f}, where {_LEAST_COSINE_IN_INT8} is the least. Set it to auto."
        )


def _test_images(loaded: LoadedModel) -> "torch.Tensor":
    """Test images with structure, as the model's own preprocessor prepares them, float[4, 3, height, width]."""
    import numpy as np
    from PIL import Image

    pixels, colours = Preprocessor.of(loaded.processor), np.random.default_rng(0)
    coarse = [Image.fromarray(colours.integers(0, 256, (3 * number, 4, 3), np.uint8)) for number in (1, 2, 4, 8)]
    images = [pixels.prepare(image.resize((480, 480), Image.Resampling.BICUBIC)) for image in coarse]
    return pixels.batch(images).to(loaded.device, loaded.dtype)


def _grey_image(loaded: LoadedModel) -> "torch.Tensor":
    """A grey test image as the model's own preprocessor prepares it, float[1, 3, height, width] on its device."""
    from PIL import Image

    pixels = Preprocessor.of(loaded.processor)
    grey = pixels.prepare(Image.new("RGB", _TEST_SIZE, (128, 128, 128)))
    return pixels.batch([grey]).to(loaded.device, loaded.dtype)


@contextmanager
def _test_errors(source: ModelSource) -> Generator[None]:
    """Context manager: converts exceptions of a model for the test image or word to a ModelError with the remedy."""
    try:
        yield
    except ModelError:
        raise
    except Exception as error:  # whatever a layer raises for a shape or an index that it does not like
        first_line = next(iter(str(error).splitlines()), "")
        raise ModelError(
            f"{source.name}: does not work on a grey test image ({type(error).__name__}: {first_line}), so its "
            "preprocessor, tokenizer and weights do not fit together. Fetch the model again, or name another."
        ) from error


def _processor(folder: Path) -> Any:
    """The processor of a model, an object with attributes `image_processor` and `tokenizer`."""
    from transformers import AutoImageProcessor, AutoProcessor, AutoTokenizer, PreTrainedTokenizerBase

    processor = AutoProcessor.from_pretrained(folder, backend="pil", local_files_only=True)
    if not isinstance(processor, PreTrainedTokenizerBase):
        return processor
    # Vision-encoder-decoder models have no combined processor, only its two parts.
    return SimpleNamespace(
        image_processor=AutoImageProcessor.from_pretrained(folder, backend="pil", local_files_only=True),
        tokenizer=AutoTokenizer.from_pretrained(folder, local_files_only=True),
    )


def _config(source: ModelSource) -> Any:
    from transformers import AutoConfig

    return AutoConfig.from_pretrained(source.folder, local_files_only=True)


def _check_numbers(model: Any, source: ModelSource) -> None:
    for name, tensor in model.state_dict().items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise ModelError(f"{source.name}: the weights {name} hold NaN or infinity. Fetch the model again.")
