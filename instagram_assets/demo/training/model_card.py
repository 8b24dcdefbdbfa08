"""Model card of the demo's vision models: description, training and evaluation results."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from instagram_assets.demo.dataset_splits import DatasetSplits
from instagram_assets.demo.training.evaluate import CANDIDATE_COUNT, EPS, MIN_SAMPLES, Score
from instagram_assets.demo.training.vision_scores import (
    COLLECTION_SIZES,
    COLLECTIONS,
    NOISE_IMAGES,
    CaptionScores,
    ModelScores,
)

_MERGED = 6  # groups of merged subjects that are listed


@dataclass(frozen=True)
class ModelTraining:
    """Facts about the training for the model card."""

    seed: int
    pictures: int
    steps: dict[str, int]
    cpu_seconds: float
    wall_seconds: float
    versions: dict[str, str]


def models_card(folder: Path, training: ModelTraining, splits: DatasetSplits, marks: ModelScores, exam_set: str) -> str:
    """Return the model card as Markdown; model sizes are read from the files in the folder.

    `marks` are the scores, and `exam_set` is the name of the held-out set: validation or test.
    """
    return _CARD.format(
        sizes="\n".join(f"| `{name}` | {_size(folder / name)} |" for name in ("blip", "clip")),
        seed=training.seed,
        pictures=training.pictures,
        steps=", ".join(f"{count} steps of the {name}" for name, count in training.steps.items()),
        cpu=round(training.cpu_seconds),
        wall=round(training.wall_seconds),
        versions=", ".join(f"{name} {version}" for name, version in training.versions.items()),
        trained=len(splits.trained),
        validation=len(splits.validation),
        test=len(splits.test),
        exam_set=exam_set,
        candidates=CANDIDATE_COUNT,
        seen=_rows("seen", marks.seen),
        held_out=_rows("never seen", marks.held_out),
        errors=_errors(marks),
        eps=EPS,
        min_samples=MIN_SAMPLES,
        collections=COLLECTIONS,
        collection=", ".join(map(str, COLLECTION_SIZES)),
        noise=NOISE_IMAGES,
        clusters=_cluster_rows(marks),
        merged=_merged(marks),
    )


def _rows(name: str, marks: CaptionScores) -> str:
    asked = {
        "greedy": marks.greedy,
        f"best of {CANDIDATE_COUNT} by CLIP": marks.chosen,
        "found by CLIP alone": marks.found,
    }
    return "\n".join(f"| {name} ({marks.subjects}) | {way} | {_cells(score)} |" for way, score in asked.items())


def _cluster_rows(marks: ModelScores) -> str:
    worst = f"{marks.clusters.worst:.1%}"
    rows = {
        f"pictures in the largest group that show its subject (worst group: {worst})": marks.clusters.purity,
        "pairs of one subject that are neighbours": marks.clusters.together,
        "pairs that differ in one word and are not": marks.clusters.apart,
    }
    return "\n".join(f"| {what} | {_cells(score)} |" for what, score in rows.items())


def _cells(score: Score) -> str:
    low, high = score.interval
    return f"{score.share:.1%} | {low:.1%} to {high:.1%} | {score.right} of {score.total}"


def _errors(marks: ModelScores) -> str:
    """Return the confused caption words as text, most frequent first."""
    confused: Counter[str] = Counter()
    for said, truth in (*marks.seen.errors, *marks.held_out.errors):
        words, right = said.split(), truth.split()
        if len(words) != len(right):
            confused["a caption of another form"] += 1
            continue
        confused.update(
            f"{b} taken for {a}" for a, b in zip(words, right, strict=True) if a != b and b not in ("a", "an")
        )
    return ", ".join(f"{what} ({count})" for what, count in confused.most_common(6)) or "none"


def _merged(marks: ModelScores) -> str:
    groups = [" + ".join(subject.caption for subject in group) for group in marks.clusters.merged]
    named = [f"- {group}" for group in groups[:_MERGED]]
    rest = len(groups) - len(named)
    return "\n".join([*named, *([f"- and {rest} more groups"] if rest else [])]) or "- none"


def _size(folder: Path) -> str:
    return f"{sum(path.stat().st_size for path in folder.iterdir()) / 1e6:.2f} MB"


_CARD = """\
# Demo models: a BLIP and a CLIP that know coloured shapes, and nothing else

The language model in `bert` has a card of its own, [bert/README.md](bert/README.md).

Written by `python -m instagram_assets.demo.training.train` (`make train-demo`); do not edit.

They let `make demo` caption, embed and cluster its own drawn pictures for real, within seconds and without a
download. They say nothing sensible about photographs: for those, name real models in the settings.

| model | files |
|---|---|
{sizes}

`blip` is a BlipForConditionalGeneration, `clip` a CLIPModel with 512 numbers per embedding; weights are float32
safetensors. Load them with transformers' `Auto` classes from these folders, as any model of a hub.

## Data

Scenes of `instagram_assets/demo/synthetic_images.py`: 6 shapes in 8 colours on cloth of another colour, tilted,
unevenly lit, some blurred, cropped or compressed again, in all sizes of the demo. Of the
{trained} + {validation} + {test} combinations of shape, colour and background, {trained} are trained on;
{validation} are kept for choosing the recipe and {test} for the test. Training draws {pictures} pictures of each, at a
third of the demo's size.

## Recipe

One image tower learns to name shape, colour and background and to point at the shape; both models start with it.
BLIP then learns captions, with some words of what it has said so far replaced by wrong ones, so that it looks at
the picture. CLIP learns cosines: two things are as near as the share of the words in which they agree. No word is
taught as wrong that would name a combination kept for validation or test.

Seed {seed}; {steps}; {cpu} s of CPU time, {wall} s in all;
{versions}.
The same seed gives the same quality, not the same bits.

## Exam: {exam_set}

New pictures at full size, drawn from another seed. Exactly right captions, with 95 % intervals (Wilson; pictures of one
combination are alike, so the true intervals are somewhat wider):

| combinations | caption | right | interval | pictures |
|---|---|---|---|---|
{seen}
{held_out}

"Best of {candidates}": the greedy caption and four from nucleus sampling (top_p 0.9), of which CLIP keeps the
nearest. "Found by CLIP alone": the nearest among the captions of all combinations. What was confused in greedy
captions: {errors}.

Clusters by DBSCAN (cosine, eps {eps}, min_samples {min_samples}) of combinations that were never seen. The largest
groups are those of {collections} small collections: {collection} pictures of four combinations, and {noise} single
pictures of others. Pairs are of all pictures of the set:

| | share | interval | count |
|---|---|---|---|
{clusters}

Combinations that become one group when all pictures of the set are clustered at once:

{merged}

## Limits

- Only words of these captions mean anything; other words are read letter by letter and give an arbitrary vector.
- One shape per picture. Anything else is called some shape in some colour.
- English only.
"""
