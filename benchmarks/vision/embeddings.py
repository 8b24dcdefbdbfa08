"""Embeddings of JPEGs by a full-size CLIP ViT-B/32 with random weights, against one by one in fp32.

The naive side is transformers' own processor and model, image by image. Ours is `embed_all` with everything that
belongs to it: decoding in threads, bf16 where the hardware multiplies in it, batches, and the feature store.
"""

import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.measure import ROUNDS, Report, in_child

_NAME, _COMMIT = "benchmarks/clip-vit-base-patch32", "0" * 40
_BATCH = 32


def measure(report: Report, quick: bool) -> None:
    """Agreement first, then times of all sides in turn."""
    with tempfile.TemporaryDirectory() as folder:
        in_child("benchmarks.vision.embeddings:prepare", folder, 64 if quick else 256)
        found = in_child("benchmarks.vision.embeddings:compare", folder, 6 if quick else 12).result
    for side, cosine in found["cosines"].items():
        report.note(f"embeddings, {side} against fp32 one by one: least cosine {cosine:.5f}")
        if cosine < 0.999:
            raise AssertionError(f"{side}: cosines down to {cosine}")
    for side, (seconds, cpu) in found["times"].items():
        report.note(f"embeddings, {side}: {seconds * 1e3:.1f} ms an image, {cpu * 1e3:.1f} ms of processor")
    model, peak = found["model_rate"], found["peak_rate"]
    report.note(
        f"the model part on {found['device']}: {model / 1e9:,.0f} of {peak / 1e9:,.0f} GFLOP/s in {found['dtype']}"
    )
    naive, exact, draft = (found["times"][side] for side in ("naive", "exact", "draft"))
    report.figures |= {
        "embed_ratio": naive[0] / exact[0],
        "embed_ratio_draft": naive[0] / draft[0],
        "embed_cpu_ratio": naive[1] / exact[1],
        "embed_cpu_ratio_draft": naive[1] / draft[1],
        "embed_images_per_second": 1 / exact[0],
        "embed_images_per_second_draft": 1 / draft[0],
        "embed_share_of_peak": model / peak,
    }
    if int8 := found["times"].get("int8"):
        report.figures |= {
            "embed_ratio_int8": naive[0] / int8[0],
            "embed_cpu_ratio_int8": naive[1] / int8[1],
            "embed_cpu_ratio_int8_to_auto": exact[1] / int8[1],
        }


def prepare(folder: str, images: int) -> None:
    """In a child: the model in the hub's layout, and photographs of 1080 × 1350 pixels."""
    import torch
    from PIL import Image
    from transformers import CLIPConfig, CLIPModel, CLIPProcessor, CLIPTokenizer
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    home = Path(folder) / "models" / f"models--{_NAME.replace('/', '--')}"
    snapshot = home / "snapshots" / _COMMIT
    torch.manual_seed(0)
    CLIPModel(CLIPConfig()).save_pretrained(snapshot)
    letters = ["<|startoftext|>", "<|endoftext|>", *(f"{letter}</w>" for letter in "abcdefghijklmnopqrstuvwxyz")]
    tokenizer = CLIPTokenizer(vocab={token: place for place, token in enumerate(letters)}, merges=[])
    CLIPProcessor(CLIPImageProcessorPil(), tokenizer).save_pretrained(snapshot)
    (home / "refs").mkdir()
    (home / "refs" / "main").write_text(_COMMIT)
    noise = np.random.default_rng(0)
    (Path(folder) / "photos").mkdir()
    for number in range(images):
        coarse = Image.fromarray(noise.integers(0, 256, (34, 27, 3), np.uint8))
        smooth = np.asarray(coarse.resize((1080, 1350), Image.Resampling.BICUBIC), np.float32)
        grain = smooth + noise.normal(0, 6, smooth.shape[:2])[..., None]
        photo = Image.fromarray(grain.clip(0, 255).astype(np.uint8))
        photo.save(Path(folder) / "photos" / f"{number:04}.jpg", quality=85)


def compare(folder: str, rounds: int) -> dict[str, Any]:
    """In a child: least cosines, median seconds and processor seconds an image, and rates of the model part.

    The rates are the best of so many `rounds`.
    """
    import torch

    from instagram_assets.models.int8 import multiplies_int8
    from instagram_assets.models.local_models import find_model
    from instagram_assets.settings import ModelSettings
    from instagram_assets.vision.embed import as_vectors, embed_all, embedding_store, open_embedder
    from instagram_assets.vision.load_models import load_embedder

    photos = {file.stem: file for file in sorted(Path(folder, "photos").iterdir())}
    source = find_model(_NAME, "main", Path(folder, "models"))
    fast = load_embedder(source)
    plain = _Notebook(source.folder, fast.device)
    # Ours needs several batches to run as it does in earnest; one by one, fewer images tell as much.
    few = list(photos.values())[: len(photos) // 4]

    def ours(side: str) -> NDArray[np.float32]:
        with tempfile.TemporaryDirectory() as features:
            store = embedding_store(Path(features), source, settings[side])
            return as_vectors(embed_all(photos, store, lambda: embedders[side], batch_size=_BATCH)["embedding"])

    settings = {"exact": ModelSettings(), "draft": ModelSettings(draft=True)}
    if fast.device.type == "cpu" and multiplies_int8():
        settings["int8"] = ModelSettings(precision="int8")
    embedders = {side: open_embedder(source, settings[side]) for side in settings}
    sides: dict[str, Callable[[], NDArray[np.float32]]] = {
        "naive": lambda: _one_by_one(plain, few),
        **{side: lambda side=side: ours(side) for side in settings},
    }
    vectors = {side: work() for side, work in sides.items()}
    pixels = torch.randn(_BATCH, 3, 224, 224, device=fast.device, dtype=fast.dtype)

    def model_part() -> None:
        with torch.inference_mode():
            fast.model.get_image_features(pixel_values=pixels)

    rates = _rates({"model": (model_part, _BATCH * _operations(fast.model.config.vision_config))}, fast, rounds)
    naive = vectors["naive"]
    return {
        "cosines": {side: float((vectors[side][: len(few)] * naive).sum(axis=1).min()) for side in settings},
        "times": {side: [value / len(vectors[side]) for value in times] for side, times in _timed(sides).items()},
        "model_rate": rates["model"],
        "peak_rate": max(rate for name, rate in rates.items() if name != "model"),
        "device": str(fast.device),
        "dtype": str(fast.dtype),
    }


class _Notebook:
    """Transformers' own model and processor in fp32, as a notebook loads them."""

    def __init__(self, folder: Path, device: Any) -> None:
        from transformers import AutoModel, AutoProcessor

        self.device = device
        self.model = AutoModel.from_pretrained(folder).to(device).eval()
        self.processor = AutoProcessor.from_pretrained(folder, backend="pil")


def _one_by_one(loaded: _Notebook, files: list[Path]) -> NDArray[np.float32]:
    """As a notebook does it."""
    import torch
    from PIL import Image

    rows: list[NDArray[np.float32]] = []
    for file in files:
        inputs = loaded.processor(images=Image.open(file).convert("RGB"), return_tensors="pt").to(loaded.device)
        with torch.no_grad():
            vector = loaded.model.get_image_features(**inputs).pooler_output[0].float().cpu().numpy()
        rows.append(vector / np.linalg.norm(vector))
    return np.array(rows)


def _timed(sides: Mapping[str, Callable[[], object]]) -> dict[str, tuple[float, float]]:
    """Median seconds and processor seconds of each side, all sides in turn."""
    runs: dict[str, list[tuple[float, float]]] = {side: [] for side in sides}
    for _ in range(ROUNDS):
        for side, work in sides.items():
            start, cpu = time.perf_counter(), time.process_time()
            work()
            runs[side].append((time.perf_counter() - start, time.process_time() - cpu))
    return {
        side: (statistics.median(run[0] for run in some), statistics.median(run[1] for run in some))
        for side, some in runs.items()
    }


def _rates(works: dict[str, tuple[Callable[[], object], float]], loaded: Any, rounds: int) -> dict[str, float]:
    """Best operations per second of each work, and of plain matrix products of several sizes, all in turn.

    On a processor these are one thread's, in its own seconds, which who else is at work does not change.
    """
    import torch

    device = loaded.device
    for size in (1024, 2048, 4096):
        left, right = (torch.randn(size, size, device=device, dtype=loaded.dtype) for _ in range(2))
        works[f"matrices of {size}"] = (lambda left=left, right=right: left @ right, 2.0 * size**3)
    on_cpu, threads = device.type == "cpu", torch.get_num_threads()
    clock = time.process_time if on_cpu else time.perf_counter
    wait = torch.cuda.synchronize if device.type == "cuda" else lambda: None
    torch.set_num_threads(1 if on_cpu else threads)
    best = dict.fromkeys(works, float("inf"))
    for _ in range(rounds):
        for name, (work, _) in works.items():
            start = clock()
            work()
            wait()
            best[name] = min(best[name], clock() - start)
    torch.set_num_threads(threads)
    return {name: operations / best[name] for name, (_, operations) in works.items()}


def _operations(config: Any) -> float:
    """Multiplications and additions of a vision transformer's matrix products for one image."""
    width, inner = config.hidden_size, config.intermediate_size
    patches = (config.image_size // config.patch_size) ** 2
    tokens = patches + 1
    layer = tokens * (4 * width * width + 2 * width * inner) + 2 * tokens * tokens * width
    return 2.0 * (patches * 3 * config.patch_size**2 * width + config.num_hidden_layers * layer)
