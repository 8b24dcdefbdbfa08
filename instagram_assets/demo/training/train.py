"""Training of the demo's captioner, embedder and language model from scratch, with evaluation and model cards."""

import argparse
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from instagram_assets.demo import MODELS
from instagram_assets.demo.dataset_splits import split_subjects
from instagram_assets.demo.sample_catalogue import SEED
from instagram_assets.demo.training.evaluate import load_models
from instagram_assets.demo.training.language_model_card import LanguageTraining, bert_card
from instagram_assets.demo.training.language_scores import evaluate_bert
from instagram_assets.demo.training.model_card import ModelTraining, models_card
from instagram_assets.demo.training.train_bert import TRAINING_PEOPLE, train_bert, training_texts
from instagram_assets.demo.training.train_blip import train_blip
from instagram_assets.demo.training.train_clip import train_clip
from instagram_assets.demo.training.training_set import ReportProgress, make_training_set
from instagram_assets.demo.training.vision_encoder import train_vision_encoder
from instagram_assets.demo.training.vision_scores import EvaluationSize, evaluate_models
from instagram_assets.storage.atomic import write_atomic

CARD_FILE = "README.md"
_THREADS = 1  # the matrices are so small that a second thread mostly waits


@dataclass(frozen=True)
class TrainingRecipe:
    """Sizes of training and evaluation data, and numbers of training steps."""

    pictures: int = 36  # of each training combination
    tower_steps: int = 3000
    blip_steps: int = 500
    clip_steps: int = 700
    readers: int = TRAINING_PEOPLE
    bert_steps: int = 4000
    examined: int = 900  # people in the language model's evaluation


def train_vision_models(folder: Path, seed: int, recipe: TrainingRecipe, progress: ReportProgress) -> ModelTraining:
    """Train captioner and embedder, save them as `blip` and `clip`, and return the facts for their model card."""
    wall, cpu = time.perf_counter(), time.process_time()
    lessons = make_training_set(split_subjects(seed).trained, recipe.pictures, seed, progress)
    tower, hints = train_vision_encoder(lessons, recipe.tower_steps, seed, progress)
    blip = train_blip(tower, hints, lessons, recipe.blip_steps, seed, progress)
    clip = train_clip(tower, hints, lessons, recipe.clip_steps, seed, progress)
    for name, parts in (("blip", blip), ("clip", clip)):
        for part in parts:
            part.save_pretrained(folder / name)
    return ModelTraining(
        seed,
        recipe.pictures,
        {"image tower": recipe.tower_steps, "BLIP": recipe.blip_steps, "CLIP": recipe.clip_steps},
        time.process_time() - cpu,
        time.perf_counter() - wall,
        _versions(),
    )


def evaluate_and_write_card(folder: Path, training: ModelTraining, exam: EvaluationSize, validate: bool = False) -> str:
    """Evaluate the vision models in `folder` on unseen images, write their model card and return it.

    With `validate` the validation set is used instead of the test set, to compare recipes.
    """
    splits = split_subjects(training.seed)
    exam_set, held_out = ("validation", splits.validation) if validate else ("test", splits.test)
    marks = evaluate_models(load_models(folder), exam, splits.trained, held_out, f"{training.seed} {exam_set}")
    text = models_card(folder, training, splits, marks, exam_set)
    write_atomic(folder / CARD_FILE, lambda stream: stream.write(text.encode()))
    return text


def train_language_model(folder: Path, seed: int, recipe: TrainingRecipe, progress: ReportProgress) -> str:
    """Train the language model, save it as `bert` with its model card, and return the card."""
    cpu = time.process_time()
    texts = training_texts(seed, recipe.readers)
    model, tokenizer = train_bert(texts, recipe.bert_steps, seed, progress)
    spent = time.process_time() - cpu
    for part in (model.bert, tokenizer):
        part.save_pretrained(folder / "bert")
    progress("exam: asking for hidden words of new posts")
    marks = evaluate_bert(model, tokenizer, seed, recipe.examined)
    told = LanguageTraining(len(texts), recipe.bert_steps, seed, spent, _versions())
    text = bert_card(folder / "bert", model.bert, told, marks)
    write_atomic(folder / "bert" / CARD_FILE, lambda stream: stream.write(text.encode()))
    return text


def _versions() -> dict[str, str]:
    return {name: version(name) for name in ("torch", "transformers")}


def main() -> None:
    """Command line: train and evaluate the demo's captioner, embedder and language model; writes model cards."""
    import torch
    from transformers.utils import logging

    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--out", type=Path, default=MODELS, help="folder of the models (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=SEED, help="decides pictures, weights and splits (%(default)s)")
    parser.add_argument("--validate", action="store_true", help="examine on the validation set, to compare recipes")
    parser.add_argument("--only", choices=("pictures", "words"), help="only BLIP and CLIP, or only the language model")
    options = parser.parse_args()
    torch.set_num_threads(_THREADS)
    logging.disable_progress_bar()
    started = time.perf_counter()

    def progress(line: str) -> None:
        print(f"{time.perf_counter() - started:6.0f} s  {line}", flush=True)

    if options.only != "pictures":
        print(train_language_model(options.out, options.seed, TrainingRecipe(), progress))
    if options.only != "words":
        training = train_vision_models(options.out, options.seed, TrainingRecipe(), progress)
        progress("exam: drawing new pictures and asking about them")
        print(evaluate_and_write_card(options.out, training, EvaluationSize(), options.validate))


if __name__ == "__main__":
    main()
