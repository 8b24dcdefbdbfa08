"""The age of accounts from their posts, against the source's way: fp32, one post after another, all filled up to 18.

A model of BERT base's size with random weights: speed does not depend on what weights mean. A quarter of the posts
are doubles, as hashtags, greetings and advertisements are in real ones.
"""

import random
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from benchmarks.measure import Report, in_child

if TYPE_CHECKING:
    from instagram_assets.age.model import AgeModel
    from instagram_assets.age.model_files import LoadedAgeModel

_MAX_SEQ_LEN = 18
_POSTS_OF_A_USER = 16
_DOUBLES = 0.25


def measure(report: Report, quick: bool) -> None:
    """The same probabilities within 0.01 first, then the times of both ways, in turns."""
    lines, figures = in_child("benchmarks.text.age_predict:compare", quick).result
    for line in lines:
        report.note(line)
    report.figures.update(figures)


def compare(quick: bool) -> tuple[list[str], dict[str, float]]:
    """What both ways take in this process: lines for a reader, and figures."""
    import torch

    from instagram_assets.age.model import AgeModel
    from instagram_assets.age.predict import predict
    from instagram_assets.models.devices import choose_device, choose_dtype

    rounds, ours, theirs, checked = (3, 48, 1, 4) if quick else (5, 256, 4, 16)
    device = choose_device("auto")
    dtype = choose_dtype("auto", device)
    torch.manual_seed(0)
    tokenizer, backbone = _language_model()
    model = AgeModel(backbone).to(device).eval().requires_grad_(False)
    users = _users(ours)
    logits = np.array([_one_by_one(model, tokenizer, texts) for texts in users["texts"].to_pylist()[:checked]])
    exact, fast = (_loaded(model, tokenizer, device, kind) for kind in (torch.float32, dtype))
    # Random weights say next to nothing of a user. Spread as if they did, rounding is spread with it: both are told.
    slope = 1 / float(logits.std())
    errors: dict[str, float] = {}
    for name, calibration in {"as they are": (1.0, 0.0), "spread": (slope, -slope * float(logits.mean()))}.items():
        expected = 1 / (1 + np.exp(-(calibration[0] * logits + calibration[1])))
        for side in (exact, fast):
            found = predict(users.slice(0, checked), _calibrated(side, calibration))["probability"].to_numpy()
            errors[f"{side.dtype}, {name}"] = float(np.abs(found - expected).max())
    if errors[f"{dtype}, as they are"] > 1e-2 or errors[f"{torch.float32}, spread"] > 1e-3:
        raise AssertionError(f"our probabilities are not the source's: they differ by {errors}")

    sides: dict[str, tuple[int, Callable[[], object]]] = {
        "ours": (users.num_rows, lambda: predict(users, fast)),
        "theirs": (
            theirs,
            lambda: [_one_by_one(model, tokenizer, texts) for texts in users["texts"].to_pylist()[:theirs]],
        ),
    }
    times: dict[str, list[tuple[float, float]]] = {side: [] for side in sides}
    for _ in range(rounds + 1):
        for side, (count, work) in sides.items():
            times[side].append(_timed(work, count * _POSTS_OF_A_USER))
    lines = [
        f"age of {users.num_rows} users with {_POSTS_OF_A_USER} posts each on {device}, "
        f"{torch.get_num_threads()} threads, {dtype} against fp32",
        *(f"probabilities of {checked} users differ by at most {error:.0e}: {name}" for name, error in errors.items()),
    ]
    # The first round warms up.
    wall, cpu = (
        {side: statistics.median(run[kind] for run in runs[1:]) for side, runs in times.items()} for kind in (0, 1)
    )
    for side in sides:
        lines.append(f"{side:<6} {wall[side] * 1e3:7.2f} ms a post, {cpu[side] * 1e3:7.2f} ms of processor")
    return lines, {
        "age_predict_ratio": wall["theirs"] / wall["ours"],
        "age_predict_cpu_ratio": cpu["theirs"] / cpu["ours"],
        "age_predict_posts_per_second": 1 / wall["ours"],
    }


def _one_by_one(model: "AgeModel", tokenizer: Any, texts: list[str]) -> float:
    """The logit of one user the source's way."""
    import torch

    from instagram_assets.age.model import post_vectors

    vectors: list[Any] = []
    with torch.inference_mode():
        for text in texts:
            tokens = tokenizer(
                text, truncation=True, max_length=_MAX_SEQ_LEN, padding="max_length", return_tensors="pt"
            ).to(model.head.logit.weight.device)
            vectors.append(post_vectors(model, tokens["input_ids"], tokens["attention_mask"]))
        return model.head(torch.cat(vectors).mean(0, keepdim=True)).item()


def _timed(work: Callable[[], object], posts: int) -> tuple[float, float]:
    """Seconds a post: of the clock, and of the processor."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()  # both ways end with numbers on the processor: nothing is under way any more
    return (time.perf_counter() - wall) / posts, (time.process_time() - cpu) / posts


def _users(count: int) -> pa.Table:
    """Users with posts of 11 tokens on average, the longest cut off at 18."""
    rng = random.Random(0)
    posts: list[str] = []
    for _ in range(count * _POSTS_OF_A_USER):
        if posts and rng.random() < _DOUBLES:
            posts.append(rng.choice(posts))
        else:
            length = max(1, round(rng.gauss(9.3, 3.7)))
            posts.append(" ".join(f"w{rng.randrange(1000, 30_000)}" for _ in range(length)))
    # Whoever is compared first has doubles too.
    rng.shuffle(posts)
    texts = [posts[place * _POSTS_OF_A_USER : (place + 1) * _POSTS_OF_A_USER] for place in range(count)]
    return pa.table({"username": [f"user{place}" for place in range(count)], "texts": texts})


def _language_model() -> tuple[Any, Any]:
    """BERT base with a tokenizer of made-up words."""
    from transformers import BertConfig, BertModel, BertTokenizer

    config = BertConfig()
    special = {0: "[PAD]", 100: "[UNK]", 101: "[CLS]", 102: "[SEP]", 103: "[MASK]"}
    vocab = {special.get(place, f"w{place}"): place for place in range(config.vocab_size)}
    tokenizer = BertTokenizer(vocab=vocab, model_max_length=config.max_position_embeddings)
    return tokenizer, BertModel(config, add_pooling_layer=False)


def _loaded(model: "AgeModel", tokenizer: Any, device: Any, dtype: Any) -> "LoadedAgeModel":
    from instagram_assets.age.encode import PostEncoder
    from instagram_assets.age.model_files import AgeConfig, AgeModelSource, LoadedAgeModel
    from instagram_assets.models.local_models import ModelSource

    config = AgeConfig(21, _MAX_SEQ_LEN, "random weights", "benchmark")
    source = AgeModelSource(ModelSource("random weights", "", Path("random"), "0" * 64), config)
    encoder = PostEncoder(model.backbone, tokenizer, _MAX_SEQ_LEN, device, dtype)
    return LoadedAgeModel(model, tokenizer, encoder, device, dtype, source)


def _calibrated(loaded: "LoadedAgeModel", calibration: tuple[float, float]) -> "LoadedAgeModel":
    from instagram_assets.age.calibration_by_posts import PostLine

    source = loaded.source
    return replace(
        loaded, source=replace(source, config=replace(source.config, calibration=(PostLine(1, *calibration),)))
    )
