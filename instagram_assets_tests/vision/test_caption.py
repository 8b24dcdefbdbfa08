"""What captioning promises: an answer for each image, the same in any batch, none lost to its neighbours or a kill."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from PIL import Image

from instagram_assets.demo.synthetic_images import SCENE_COLOURS, Scene, encode_image
from instagram_assets.errors import SettingsError
from instagram_assets.models.local_models import ModelSource, find_model
from instagram_assets.schemas import CAPTIONS, IMAGE_QUALITY, IMAGES
from instagram_assets.settings import CaptionSettings, ModelSettings, QualitySettings
from instagram_assets.storage.features import FeatureStore
from instagram_assets.vision.caption import Captioned, Captioner, caption_fingerprint, open_captioner
from instagram_assets.vision.caption_tables import CAPTION_FEATURES, caption_all, caption_store, captions_table
from instagram_assets.vision.image_batches import Failed
from instagram_assets.vision.quality import quality_store, quality_table
from instagram_assets_tests.models.small_models import save_git, save_vit_bert

pytestmark = pytest.mark.usefixtures("one_thread")

SEP, DEC, RED = 3, 5, 7
"""Tokens of the small captioner; words come after them."""
FP32 = ModelSettings(precision="fp32", device="cpu")
OPTIONS = CaptionSettings(max_caption_length=12, num_captions=4, batch_size=8, temperature=2, num_workers=1)


@pytest.fixture(scope="module")
def talkative(saved: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small captioner, made to say words only, and to go on until it is cut."""
    from transformers import BlipForConditionalGeneration

    folder = shutil.copytree(saved / "blip", tmp_path_factory.mktemp("talkative") / "blip")
    model = BlipForConditionalGeneration.from_pretrained(folder)
    with torch.no_grad():
        model.text_decoder.cls.predictions.bias[: DEC + 1] = -1000
        model.text_decoder.cls.predictions.decoder.bias[: DEC + 1] = -1000
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def models(talkative: Path, saved: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[ModelSource, ModelSource]:
    """A captioning and an embedding model."""
    cache = tmp_path_factory.mktemp("cache")
    return find_model(str(talkative), "", cache), find_model(str(saved / "clip"), "", cache)


@pytest.fixture
def captioner(models: tuple[ModelSource, ModelSource]) -> Captioner:
    return open_captioner(*models, FP32, OPTIONS)


def pictures(count: int) -> list[Image.Image]:
    rng = np.random.default_rng(0)
    return [Image.fromarray(rng.integers(0, 256, (48, 40, 3), np.uint8)) for _ in range(count)]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return save(tmp_path_factory.mktemp("pictures"), 24)


def save(folder: Path, count: int) -> dict[str, Path]:
    images = {f"image {place}": folder / f"{place}.png" for place in range(count)}
    for picture, file in zip(pictures(count), images.values(), strict=True):
        picture.save(file)
    return images


def ready(captioner: Captioner, count: int = 16) -> list[tuple[str, Any]]:
    return [(f"image {place}", captioner.prepare(picture)) for place, picture in enumerate(pictures(count))]


def good(results: list[Captioned | Failed]) -> list[Captioned]:
    assert not [result for result in results if isinstance(result, Failed)]
    return [result for result in results if isinstance(result, Captioned)]


def model_of(captioner: Captioner) -> Any:
    return captioner._loaded.model  # pyright: ignore[reportPrivateUsage]  # the hooks of torch go onto the model


def test_candidates_differ_and_come_best_first(captioner: Captioner) -> None:
    for result in good(captioner.captions(ready(captioner))):
        captions = [one.caption for one in result.candidates]
        scores = [one.score for one in result.candidates]
        assert len(set(captions)) == len(captions) <= 4
        assert all(score is not None and -1 <= score <= 1 for score in scores)
        if not result.note:
            assert result.best.score == scores[0]


def test_answers_do_not_depend_on_batch_or_order(captioner: Captioner) -> None:
    batch = ready(captioner, 32)
    together = dict(zip((image_id for image_id, _ in batch), captioner.captions(batch), strict=True))
    assert len({result.best.caption for result in good(list(together.values()))}) > 3
    for size in (1, 4, 16):
        for begin in range(0, 32, size):
            some = batch[::-1][begin : begin + size]
            assert captioner.captions(some) == [together[image_id] for image_id, _ in some]


def test_without_scoring_there_is_the_greedy_caption_and_no_score(
    models: tuple[ModelSource, ModelSource], captioner: Captioner
) -> None:
    alone = open_captioner(models[0], None, FP32, OPTIONS)
    scored = captioner.captions(ready(captioner))
    for result, among in zip(good(alone.captions(ready(alone))), good(scored), strict=True):
        assert len(result.candidates) == 1
        assert result.best.score is None
        assert result.best.caption in [one.caption for one in among.candidates]


def test_one_caption_can_be_asked_for_and_is_scored(models: tuple[ModelSource, ModelSource]) -> None:
    single = open_captioner(*models, FP32, OPTIONS.model_copy(update={"num_captions": 1}))
    for result in good(single.captions(ready(single))):
        assert len(result.candidates) == 1
        assert result.best.score is not None


def test_equal_candidates_are_one(models: tuple[ModelSource, ModelSource]) -> None:
    cold = open_captioner(*models, FP32, OPTIONS.model_copy(update={"top_p": 1e-9}))
    assert all(len(result.candidates) == 1 for result in good(cold.captions(ready(cold))))


def test_bf16_captions_too(models: tuple[ModelSource, ModelSource]) -> None:
    rounded = open_captioner(*models, ModelSettings(precision="bf16", device="cpu"), OPTIONS)
    assert len(good(rounded.captions(ready(rounded)))) == 16


@pytest.mark.parametrize("save_model", [save_git, save_vit_bert], ids=["git", "vision-encoder-decoder"])
def test_other_architectures_caption_by_the_same_calls(
    save_model: Callable[[Path], None], models: tuple[ModelSource, ModelSource], tmp_path: Path
) -> None:
    save_model(tmp_path / "model")
    source = find_model(str(tmp_path / "model"), "", tmp_path)
    other = open_captioner(source, models[1], FP32, OPTIONS)
    batch = ready(other, 6)
    state = torch.random.get_rng_state()
    results = other.captions(batch)
    assert len({one.caption for result in good(results) for one in result.candidates}) > 6
    assert [other.captions([one])[0] for one in batch[::-1]] == results[::-1]
    assert torch.equal(torch.random.get_rng_state(), state)


def test_a_bad_image_never_stops_its_batch(captioner: Captioner) -> None:
    def refuse_plain(_: Any, inputs: tuple[torch.Tensor, ...]) -> None:
        if (inputs[0].std(dim=(1, 2, 3)) < 0.5).any():
            raise RuntimeError("too plain")

    batch = ready(captioner, 8)
    expected = captioner.captions(batch)
    batch[5] = ("poison", captioner.prepare(Image.new("RGB", (40, 40), "grey")))
    hook = model_of(captioner).vision_model.embeddings.register_forward_pre_hook(refuse_plain)
    try:
        results = captioner.captions(batch)
    finally:
        hook.remove()
    assert isinstance(results[5], Failed)
    assert "too plain" in results[5].reason
    assert results[:5] + results[6:] == expected[:5] + expected[6:]


def test_a_batch_too_large_for_the_memory_gets_the_same_answer(captioner: Captioner) -> None:
    def small_memory(_: Any, inputs: tuple[torch.Tensor, ...]) -> None:
        if inputs[0].numel() > 2 * OPTIONS.num_captions:
            raise torch.OutOfMemoryError("out of memory")

    batch = ready(captioner)
    expected = captioner.captions(batch)
    hook = model_of(captioner).text_decoder.bert.embeddings.word_embeddings.register_forward_pre_hook(small_memory)
    try:
        assert captioner.captions(batch) == expected
    finally:
        hook.remove()


@pytest.fixture
def biased(models: tuple[ModelSource, ModelSource]) -> Iterator[Callable[[int], Captioner]]:
    """A captioner that wants to say one token only; takes that token's id."""
    captioner = open_captioner(models[0], None, FP32, OPTIONS.model_copy(update={"no_repeat_ngram_size": 0}))
    bias = model_of(captioner).text_decoder.cls.predictions.decoder.bias
    before = bias.clone()

    def say(token: int) -> Captioner:
        bias[token] += 5000
        return captioner

    yield say
    bias.copy_(before)


def test_a_model_that_says_nothing_is_a_fault(biased: Callable[[int], Captioner]) -> None:
    silent = biased(SEP)
    assert silent.captions(ready(silent, 2)) == [Failed("the model said nothing about it")] * 2


def test_a_caption_in_circles_is_told(biased: Callable[[int], Captioner]) -> None:
    stuck = biased(RED)
    for result in good(stuck.captions(ready(stuck, 2))):
        assert result.best.caption.startswith("red red red")
        assert result.note == "repeats itself"


def test_captions_longer_than_the_model_writes_are_refused(models: tuple[ModelSource, ModelSource]) -> None:
    with pytest.raises(SettingsError, match=r"MAX_CAPTION_LENGTH=200.*at most 16"):
        open_captioner(models[0], None, FP32, CaptionSettings(max_caption_length=200))


def test_the_fingerprint_follows_every_setting_that_changes_an_answer(
    models: tuple[ModelSource, ModelSource],
) -> None:
    def of(precision: str = "fp32", scorer: str | None = "scorer", **changes: Any) -> str:
        return caption_fingerprint(models[0], precision, OPTIONS.model_copy(update=changes), scorer)

    same = {of(), of(batch_size=1), of(num_workers=7), of(batch_processing=False), of(skip_existing=False)}
    assert same == {of()}
    others = [
        of("bf16"),
        of(scorer=None),
        of(scorer="other"),
        of(seed=1),
        of(top_p=0.5),
        of(temperature=0.5),
        of(num_captions=2),
        of(max_caption_length=5),
        of(no_repeat_ngram_size=2),
        caption_fingerprint(replace(models[0], fingerprint="other"), "fp32", OPTIONS, "scorer"),
    ]
    assert len({*others, of()}) == len(others) + 1
    assert of(scorer=None, seed=1, num_captions=3) == of(scorer=None)


def test_the_store_is_named_by_the_captioners_own_fingerprint(
    models: tuple[ModelSource, ModelSource], captioner: Captioner, tmp_path: Path
) -> None:
    assert caption_store(tmp_path, *models, FP32, OPTIONS).folder.name == captioner.fingerprint


def no_model() -> Captioner:
    raise AssertionError("a model was loaded with nothing to do")


def test_what_is_known_loads_no_model(captioner: Captioner, files: dict[str, Path], tmp_path: Path) -> None:
    store, steps = FeatureStore(tmp_path, "captions", captioner.fingerprint, CAPTION_FEATURES), list[tuple[int, int]]()
    table = caption_all(files, store, lambda: captioner, lambda *step: steps.append(step), options=OPTIONS)
    assert steps == [(8, 24), (16, 24), (24, 24)]
    assert table["image_id"].to_pylist() == list(files)
    assert set(table["status"].to_pylist()) == {"ok"}
    assert caption_all(files, store, no_model, options=OPTIONS).equals(table)


def test_files_that_cannot_be_read_are_rows_with_reasons(
    captioner: Captioner, files: dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "page.png").write_text("<html>not found</html>")
    (tmp_path / "half.png").write_bytes(files["image 0"].read_bytes()[:900])
    images = {"page": tmp_path / "page.png", **files, "half": tmp_path / "half.png", "gone": tmp_path / "gone.png"}
    store = FeatureStore(tmp_path, "captions", captioner.fingerprint, CAPTION_FEATURES)
    rows = caption_all(images, store, lambda: captioner, options=OPTIONS).to_pylist()
    failed = {row["image_id"]: row["reason"] for row in rows if row["status"] == "failed"}
    assert failed.keys() == {"page", "half", "gone"}
    assert "not a picture" in failed["page"]
    assert all(row["caption"] and row["score"] is not None for row in rows if row["image_id"] not in failed)


KILLED_RUN = """
import os, signal, sys
from pathlib import Path
import torch
from instagram_assets_tests.vision import test_caption as here
from instagram_assets.vision.caption import open_captioner
from instagram_assets.vision.caption_tables import caption_all, caption_store
from instagram_assets.models.local_models import find_model

torch.set_num_threads(1)
folder, model, kill_at = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
source = find_model(model, "", folder)
captioner = open_captioner(source, None, here.FP32, here.OPTIONS)
seen = 0
def count(module, inputs):
    global seen
    seen += len(inputs[0])
    if seen == kill_at:
        os.kill(os.getpid(), signal.SIGKILL)
here.model_of(captioner).vision_model.embeddings.register_forward_pre_hook(count)
images = {file.stem: file for file in sorted((folder / "pictures").iterdir())}
store = caption_store(folder, source, None, here.FP32, here.OPTIONS)
table = caption_all(images, store, lambda: captioner, options=here.OPTIONS)
print(seen, table.num_rows, set(table["status"].to_pylist()))
"""


def test_a_killed_run_loses_at_most_one_batch(talkative: Path, tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    save(tmp_path / "pictures", 200)

    def run(kill_at: int) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", KILLED_RUN, str(tmp_path), str(talkative), str(kill_at)]
        return subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2], env=os.environ)

    assert run(160).returncode == -signal.SIGKILL
    again = run(-1)
    assert again.returncode == 0, again.stderr
    captioned, rows, statuses = again.stdout.split(maxsplit=2)
    assert (rows, statuses.strip()) == ("200", "{'ok'}")
    assert 40 < int(captioned) <= 40 + OPTIONS.batch_size


def quality_rows(*rows: dict[str, object]) -> pa.Table:
    place = {"account": "a", "day": date(2025, 1, 1), "status": "ok", "passed": True}
    return IMAGE_QUALITY.table([{**place, **row} for row in rows])


def test_three_bad_files_among_64_cost_three_captions(captioner: Captioner, tmp_path: Path) -> None:
    colours = [(a, b) for a in SCENE_COLOURS for b in SCENE_COLOURS if a != b]
    for place in range(61):
        colour, background = colours[place % len(colours)]
        picture = encode_image(Scene("star", colour, background, 320, 320, seed=place))
        (tmp_path / f"{place}.jpg").write_bytes(picture)
    (tmp_path / "truncated.jpg").write_bytes((tmp_path / "0.jpg").read_bytes()[:2000])
    (tmp_path / "page.jpg").write_text("<!doctype html><title>Login</title>")
    Image.new("RGB", (1, 1)).save(tmp_path / "dot.png")
    place = {"post_id": "1", "account": "a", "day": date(2025, 1, 1), "status": "ok"}
    stored: list[dict[str, object]] = [
        {**place, "image_id": file.stem, "path": file.name, "position": position}
        for position, file in enumerate(sorted(tmp_path.iterdir()))
    ]
    quality = quality_table(IMAGES.table(stored), tmp_path, quality_store(tmp_path / "features"), QualitySettings())
    store = FeatureStore(tmp_path / "features", "captions", captioner.fingerprint, CAPTION_FEATURES)
    rows = captions_table(
        quality,
        {str(row["image_id"]): tmp_path / str(row["path"]) for row in stored},
        lambda images: caption_all(images, store, lambda: captioner, options=OPTIONS),
        model=captioner.label,
        only_passed=True,
        max_images_per_post=0,
    ).to_pylist()
    assert sum(row["status"] == "ok" and bool(row["caption"]) for row in rows) == 61
    reasons = {row["image_id"]: row["reason"] for row in rows if row["status"] != "ok"}
    assert reasons.keys() == {"truncated", "page", "dot"}
    assert "cannot be decoded" in reasons["truncated"]
    assert "not a picture" in reasons["page"]
    assert "smaller than 300 px" in reasons["dot"]


def test_the_table_has_a_row_for_each_image_of_a_post(
    captioner: Captioner, files: dict[str, Path], tmp_path: Path
) -> None:
    quality = quality_rows(
        {"image_id": "image 1", "post_id": "1", "position": 2},
        {"image_id": "image 0", "post_id": "1", "position": 0},
        {"image_id": "image 2", "post_id": "1", "position": 1, "passed": False, "reason": "not sharp"},
        {"image_id": "image 3", "post_id": "1", "position": 3},
        {"image_id": "image 3", "post_id": "2", "position": 0},
        {"image_id": "image 4", "post_id": "2", "position": 1, "passed": None, "status": "failed", "reason": "no jpeg"},
        {"image_id": "lost", "post_id": "3", "position": 0},
    )
    store = FeatureStore(tmp_path, "captions", captioner.fingerprint, CAPTION_FEATURES)

    def table(only_passed: bool, most: int) -> list[dict[str, Any]]:
        captions = captions_table(
            quality,
            files,
            lambda images: caption_all(images, store, lambda: captioner, options=OPTIONS),
            model=captioner.label,
            only_passed=only_passed,
            max_images_per_post=most,
        )
        assert captions.schema.equals(CAPTIONS.schema)
        return captions.to_pylist()

    rows = table(only_passed=True, most=2)
    assert [(row["image_id"], row["status"], row["reason"] or "") for row in rows if row["status"] != "ok"] == [
        ("image 2", "skipped", "not sharp"),
        ("image 3", "skipped", "beyond max_images_per_post"),
        ("image 4", "skipped", "no jpeg"),
        ("lost", "failed", "its file is not in the media store"),
    ]
    assert all(row["caption"] and row["model"] == captioner.label for row in rows if row["status"] == "ok")
    everything = table(only_passed=False, most=0)
    assert [row["status"] for row in everything] == ["ok"] * 5 + ["skipped", "failed"]
    assert everything[3]["caption"] == everything[4]["caption"]
