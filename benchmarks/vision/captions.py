"""Captions by our decoder against the source's way: transformers in fp32, one image after another.

Models of BLIP base's and CLIP ViT-B/32's size with random weights: speed does not depend on what weights mean, and
captions of random weights never end by themselves, so that all have 30 tokens.
"""

import copy
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from benchmarks.measure import Report, in_child

if TYPE_CHECKING:
    from instagram_assets.vision.load_models import LoadedModel

_TOKENS, _CANDIDATES = 30, 5
_BATCH = 8
_SEP = 102


def measure(report: Report, quick: bool) -> None:
    """Equality of greedy captions in fp32 first, then the times of both ways, in turns."""
    lines, figures = in_child("benchmarks.vision.captions:compare", quick).result
    for line in lines:
        report.note(line)
    report.figures.update(figures)


def compare(quick: bool) -> tuple[list[str], dict[str, float]]:
    """What both ways take in this process: lines for a reader, and figures."""
    import torch

    from instagram_assets.models.devices import choose_device, choose_dtype
    from instagram_assets.models.int8 import multiplies_int8
    from instagram_assets.settings import CaptionSettings
    from instagram_assets.vision.caption import Captioner
    from instagram_assets.vision.embed import Embedder

    rounds, ours, theirs = (3, _BATCH, 1) if quick else (5, 2 * _BATCH, 2)
    device = choose_device("auto")
    dtype = choose_dtype("auto", device)
    images = _pictures(ours)
    blip, clip = _blip(device), _clip(device)
    options = CaptionSettings(
        max_caption_length=_TOKENS, num_captions=_CANDIDATES, batch_size=_BATCH, no_repeat_ngram_size=0
    )

    def captions(captioner: Captioner, count: int = ours) -> list[Any]:
        ready = [(str(place), captioner.prepare(image)) for place, image in enumerate(images[:count])]
        batches = [ready[begin : begin + _BATCH] for begin in range(0, count, _BATCH)]
        return [result for batch in batches for result in captioner.captions(batch)]

    exact = [_greedy(blip, image) for image in images[: 2 * theirs]]
    if [result.best.caption for result in captions(Captioner(blip, options), len(exact))] != exact:
        raise AssertionError("our greedy captions in fp32 are not those of transformers")

    fast_blip, fast_clip = _rounded(blip, dtype), _rounded(clip, dtype)
    greedy = Captioner(fast_blip, options)
    scored = Captioner(fast_blip, options, Embedder(fast_clip))
    ways = {"ours": (greedy, scored)}
    if device.type == "cpu" and multiplies_int8():
        int8_blip, int8_clip = replace(fast_blip, precision="int8"), _in_int8(fast_clip)
        ways["int8"] = Captioner(int8_blip, options), Captioner(int8_blip, options, Embedder(int8_clip))
    rounded = [result.best.caption for result in captions(greedy, len(exact))]
    # The checks warmed up both greedy ways; these are for the scored ones.
    for some in ways.values():
        captions(some[0], 1)
        captions(some[1], 1)
    _scored(blip, clip, images[0])
    words = [_agreeing(a.split(), b.split()) for a, b in zip(exact, rounded, strict=True)]
    lines = [
        f"captions of {_TOKENS} tokens on {device}, {torch.get_num_threads()} threads, {dtype} against fp32",
        f"greedy captions in fp32 are those of transformers ({len(exact)} images)",
        f"{dtype} agrees with fp32 on the first {statistics.mean(words):.0f} of {_TOKENS} words of a caption on "
        f"average, and on {sum(map(str.__eq__, exact, rounded))} of {len(exact)} whole captions (random weights)",
    ]
    figures: dict[str, float] = {}
    contests: dict[str, Mapping[str, tuple[int, Callable[[], object]]]] = {
        "greedy": {
            **{way: (ours, lambda some=some: captions(some[0])) for way, some in ways.items()},
            "theirs": (theirs, lambda: [_greedy(blip, image) for image in images[:theirs]]),
        },
        "scored": {
            **{way: (ours, lambda some=some: captions(some[1])) for way, some in ways.items()},
            "theirs": (theirs, lambda: [_scored(blip, clip, image) for image in images[:theirs]]),
        },
    }
    for name, sides in contests.items():
        times = _in_turns(sides, rounds, device)
        for side, (wall, cpu) in times.items():
            lines.append(f"{name:<7} {side:<6} {wall * 1000:7.0f} ms an image, {cpu * 1000:7.0f} ms of processor")
        figures[f"caption_ratio_{name}"] = times["theirs"][0] / times["ours"][0]
        figures[f"caption_cpu_ratio_{name}"] = times["theirs"][1] / times["ours"][1]
        figures[f"captions_per_second_{name}"] = 1 / times["ours"][0]
        if "int8" in times:
            figures[f"caption_ratio_{name}_int8"] = times["theirs"][0] / times["int8"][0]
            figures[f"caption_cpu_ratio_{name}_int8"] = times["theirs"][1] / times["int8"][1]
            figures[f"caption_cpu_ratio_{name}_int8_to_auto"] = times["ours"][1] / times["int8"][1]
    return lines, figures


def _in_turns(
    sides: Mapping[str, tuple[int, Callable[[], object]]], rounds: int, device: Any
) -> dict[str, tuple[float, float]]:
    """Median seconds an image of each side: of the clock, and of the processor."""
    import torch

    times: dict[str, list[tuple[float, float]]] = {side: [] for side in sides}
    for _ in range(rounds):
        for side, (count, work) in sides.items():
            wall, cpu = time.perf_counter(), time.process_time()
            work()
            if device.type == "cuda":
                torch.cuda.synchronize()
            times[side].append(((time.perf_counter() - wall) / count, (time.process_time() - cpu) / count))
    return {
        side: (statistics.median(wall for wall, _ in runs), statistics.median(cpu for _, cpu in runs))
        for side, runs in times.items()
    }


def _greedy(blip: "LoadedModel", image: Image.Image) -> str:
    """One caption the source's way."""
    import torch

    with torch.inference_mode():
        inputs = blip.processor(images=image, return_tensors="pt").to(blip.device)
        tokens = blip.model.generate(**inputs, max_new_tokens=_TOKENS, do_sample=False, num_beams=1)
    # This tokenizer does not know that the first token is only the start.
    return blip.processor.decode(tokens[0, 1:], skip_special_tokens=True)


def _scored(blip: "LoadedModel", clip: "LoadedModel", image: Image.Image) -> str:
    """The best of five captions the source's way."""
    import torch

    with torch.inference_mode():
        inputs = blip.processor(images=image, return_tensors="pt").to(blip.device)
        tokens = blip.model.generate(
            **inputs,
            max_new_tokens=_TOKENS,
            do_sample=True,
            top_p=0.9,
            num_return_sequences=_CANDIDATES,
        )
        texts = blip.processor.batch_decode(tokens[:, 1:], skip_special_tokens=True)
        both = clip.processor(text=texts, images=image, padding=True, truncation=True, return_tensors="pt")
        scores = clip.model(**both.to(clip.device)).logits_per_image[0]
    return texts[int(scores.argmax())]


def _agreeing(first: list[str], second: list[str]) -> int:
    """How many words both begin with."""
    pairs = enumerate(zip(first, second, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(first), len(second)))


def _pictures(count: int) -> list[Image.Image]:
    rng = np.random.default_rng(0)
    small = [Image.fromarray(rng.integers(0, 256, (5, 4, 3), np.uint8)) for _ in range(count)]
    return [image.resize((1080, 1350), Image.Resampling.BICUBIC) for image in small]


def _blip(device: Any) -> "LoadedModel":
    """BLIP base in fp32, with a tokenizer of made-up words."""
    import torch
    from transformers import BertTokenizer, BlipConfig, BlipForConditionalGeneration, BlipProcessor
    from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil

    torch.manual_seed(0)
    # transformers' default spread of 1e-10 would leave nothing of the picture.
    config = BlipConfig(vision_config={"image_size": 384, "initializer_range": 0.02})
    model = BlipForConditionalGeneration(config)
    with torch.no_grad():
        model.text_decoder.cls.predictions.decoder.bias[: _SEP + 1] = -1000
    special = {0: "[PAD]", 100: "[UNK]", 101: "[CLS]", _SEP: "[SEP]", 103: "[MASK]"}
    vocab = {special.get(place, f"w{place}"): place for place in range(model.text_decoder.config.vocab_size)}
    processor = BlipProcessor(BlipImageProcessorPil(size={"height": 384, "width": 384}), BertTokenizer(vocab=vocab))
    return _loaded(model, processor, device)


def _clip(device: Any) -> "LoadedModel":
    """CLIP ViT-B/32 in fp32, with a tokenizer that knows digits and the letter of the made-up words."""
    import torch
    from transformers import CLIPConfig, CLIPModel, CLIPProcessor, CLIPTokenizer
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    torch.manual_seed(1)
    tokens = ["<|startoftext|>", "<|endoftext|>", *"w0123456789", *(f"{letter}</w>" for letter in "w0123456789")]
    ids = {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}
    model = CLIPModel(CLIPConfig(text_config=ids))
    vocab = {token: place for place, token in enumerate(tokens)}
    tokenizer = CLIPTokenizer(vocab=vocab, merges=[], model_max_length=77)
    pixels = CLIPImageProcessorPil(size={"shortest_edge": 224}, crop_size={"height": 224, "width": 224})
    return _loaded(model, CLIPProcessor(pixels, tokenizer), device)


def _loaded(model: Any, processor: Any, device: Any) -> "LoadedModel":
    import torch

    from instagram_assets.models.local_models import ModelSource
    from instagram_assets.vision.load_models import LoadedModel

    model = model.to(device).eval().requires_grad_(False)
    source = ModelSource("random weights", "", Path("random"), "0" * 64)
    return LoadedModel(model, processor, device, torch.float32, source, "fp32")


def _rounded(loaded: "LoadedModel", dtype: Any) -> "LoadedModel":
    return replace(loaded, model=copy.deepcopy(loaded.model).to(dtype), dtype=dtype, precision="auto")


def _in_int8(loaded: "LoadedModel") -> "LoadedModel":
    from instagram_assets.models.int8 import round_linear_layers

    model = copy.deepcopy(loaded.model)
    round_linear_layers(model, within=".layers.")
    return replace(loaded, model=model, precision="int8")
