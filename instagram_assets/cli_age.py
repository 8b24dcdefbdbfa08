"""The age model from a shell: trained on labels and texts, and used for a folder of texts. Off by default."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from instagram_assets.cli_errors import clear_errors
from instagram_assets.cli_settings import chosen_settings

if TYPE_CHECKING:
    from instagram_assets.settings import Settings

age = typer.Typer()

_MOST_SHOWN = 20

Purpose = Annotated[str | None, typer.Option(help="What it is for, in a sentence; turns the age model on.")]
SeqLen = Annotated[int | None, typer.Option("--max-seq-len", help="Longest post, in tokens.")]
Cutoff = Annotated[int | None, typer.Option("--age-cutoff", help="The label is 1 for this age and older.")]
Model = Annotated[str | None, typer.Option("--model-name-or-path", help="Language model: hub id or folder.")]
Device = Annotated[str | None, typer.Option(help="auto, cpu, cuda or mps.")]


@age.command()
@clear_errors
def train(
    labels: Annotated[Path | None, typer.Option(help="CSV with username and age or birth_year.")] = None,
    texts: Annotated[Path | None, typer.Option(help="Folder with a CSV or JSON per user; else the lake.")] = None,
    output: Annotated[Path | None, typer.Option(help="Folder to make; else below `age` in the data folder.")] = None,
    purpose: Purpose = None,
    max_seq_len: SeqLen = None,
    print_step: Annotated[int | None, typer.Option(help="Steps between two lines of the log.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the split and of the training.")] = None,
    accumulation_steps: Annotated[int | None, typer.Option(help="Users per step of the optimiser.")] = None,
    learn_rate: Annotated[float | None, typer.Option(help="Learning rate of the language model.")] = None,
    epoch_num: Annotated[int | None, typer.Option(help="Most passes over the users.")] = None,
    model_name_or_path: Model = None,
    finetuned_model_name: Annotated[str | None, typer.Option(help="Name of the model's folder.")] = None,
    age_cutoff: Cutoff = None,
    device: Device = None,
) -> None:
    """Train an age model, judge it on people it has not seen, and write its card.

    What is not given here is as the settings say. A training that was killed goes on where it was.
    """
    from instagram_assets.age import steps
    from instagram_assets.media.progress import reporting

    given = {
        "labels": str(labels) if labels else None,
        "texts": str(texts) if texts else None,
        "max_seq_len": max_seq_len,
        "print_step": print_step,
        "seed": seed,
        "accumulation_steps": accumulation_steps,
        "learn_rate": learn_rate,
        "epoch_num": epoch_num,
        "model_name_or_path": model_name_or_path,
        "finetuned_model_name": finetuned_model_name,
        "age_cutoff": age_cutoff,
        "device": device,
    }
    settings = _turned_on(given, purpose)
    ...
