"""Model card of the demo's language model: description, training and evaluation results."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from instagram_assets.demo.training.evaluate import Score
from instagram_assets.demo.training.language_scores import BertScores
from instagram_assets.demo.training.train_bert import TEXT_LENGTH, TRAINING_PEOPLE


@dataclass(frozen=True)
class LanguageTraining:
    """Facts about the training for the model card: number of distinct texts, duration and software."""

    texts: int
    steps: int
    seed: int
    cpu_seconds: float
    versions: dict[str, str]


def bert_card(folder: Path, bert: Any, reading: LanguageTraining, marks: BertScores) -> str:
    """Return the model card as Markdown, from the training facts `reading` and the evaluation scores `marks`.

    The model size is read from the weights in `folder`.
    """
    rows = {
        ("a hidden word of a post", "the model"): marks.words,
        ("a hidden word of a post", "always the commonest word"): marks.commonest_word,
        ("who is 21 or older", "logistic regression on the untouched vectors"): marks.ages,
        ("who is 21 or older", "always the commoner answer"): marks.commonest_age,
    }
    return _CARD.format(
        weights=bert.num_parameters(),
        pieces=bert.config.vocab_size,
        megabytes=(folder / "model.safetensors").stat().st_size / 1e6,
        people=TRAINING_PEOPLE,
        length=TEXT_LENGTH,
        reading=reading,
        versions=", ".join(f"{name} {version}" for name, version in reading.versions.items()),
        rows="\n".join(f"| {asked} | {how} | {_cells(score)} |" for (asked, how), score in rows.items()),
    )


def _cells(score: Score) -> str:
    low, high = score.interval
    return f"{score.share:.1%} | {low:.1%} to {high:.1%} | {score.right} of {score.total}"


_CARD = """\
# Demo language model: a BERT that has read invented posts, and nothing else

Written by `python -m instagram_assets.demo.training.train` (`make train-demo`); do not edit.

It lets `make demo` train the age model for real, within a minute and without a download. It knows the words of the
demo in Korean and English; for texts of real people, name a real language model in the settings.

A BertModel of {weights:,} weights ({megabytes:.2f} MB, float32 safetensors): 4 layers of width 64, {pieces:,} word
pieces. Korean syllables are taken apart into their letters, so that none of them is unknown. Load it with
transformers' `AutoModel` and `AutoTokenizer` from this folder, as any model of a hub.

## Data

{reading.texts:,} different texts: posts of {people:,} people that `instagram_assets/demo/age_people.py` invents, and
diaries about the demo's pictures. The people whose ages the demo guesses are others, drawn from another seed.

## Recipe

A quarter of a post's words are hidden and must be guessed, at their own places, and once more from the vector of
[CLS]: so [CLS] comes to hold what the whole post is about. No age is told. Posts are cut after {length} tokens.

Seed {reading.seed}; {reading.steps} steps; {reading.cpu_seconds:.0f} s of CPU time; {versions}.
The same seed gives the same quality, not the same bits.

## Exam

New people, drawn from a third seed; 95 % intervals (Wilson):

| asked | by | right | interval | count |
|---|---|---|---|---|
{rows}

The vectors are those that the age model starts with: [CLS] of the four layers, side by side, as a mean over a person's
posts. One half of the people teaches the regression, the other half is asked about.

## Limits

- The people, their posts and how their ages show in them are made up: nothing here says anything about real people.
- Other words than those of the demo are read letter by letter and mean nothing to it.
"""
