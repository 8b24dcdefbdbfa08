"""Commands of the age model: train it on labels and texts, and predict a folder of texts. Disabled by default."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from instagram_assets.cli.command_options import settings_with_options
from instagram_assets.cli.messages import report_errors

if TYPE_CHECKING:
    import pyarrow as pa

    from instagram_assets.age.dataset import TrainingData
    from instagram_assets.settings import Settings

commands = typer.Typer()

_MOST_SHOWN = 20

_Purpose = Annotated[str | None, typer.Option(help="What it is for, in a sentence; turns the age model on.")]
_MaxSeqLen = Annotated[int | None, typer.Option("--max-seq-len", help="Longest post, in tokens.")]
_AgeCutoff = Annotated[int | None, typer.Option("--age-cutoff", help="The label is 1 for this age and older.")]
_Model = Annotated[str | None, typer.Option("--model-name-or-path", help="Language model: hub id or folder.")]
_Device = Annotated[str | None, typer.Option(help="auto, cpu, cuda or mps.")]
_LikeSource = Annotated[
    bool | None,
    typer.Option(
        "--like-source/--no-like-source",
        help="Train as bumc_instascraping did, whatever the settings say; options given beside it win.",
    ),
]


@commands.command()
@report_errors
def train(
    labels: Annotated[Path | None, typer.Option(help="CSV with username and age or birth_year.")] = None,
    texts: Annotated[Path | None, typer.Option(help="Folder with a CSV or JSON per user; else the lake.")] = None,
    output: Annotated[Path | None, typer.Option(help="Folder to make; else below `age` in the data folder.")] = None,
    purpose: _Purpose = None,
    max_seq_len: _MaxSeqLen = None,
    print_step: Annotated[int | None, typer.Option(help="Steps between two lines of the log.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the split and of the training.")] = None,
    accumulation_steps: Annotated[int | None, typer.Option(help="Users per step of the optimiser.")] = None,
    learn_rate: Annotated[float | None, typer.Option(help="Learning rate of the language model.")] = None,
    epoch_num: Annotated[int | None, typer.Option(help="Most passes over the users.")] = None,
    model_name_or_path: _Model = None,
    finetuned_model_name: Annotated[str | None, typer.Option(help="Name of the model's folder.")] = None,
    age_cutoff: _AgeCutoff = None,
    device: _Device = None,
    as_source: _LikeSource = None,
) -> None:
    """Train an age model, evaluate it on held-out people, and write its model card.

    Options that are not given are taken from the settings. A training that was killed is resumed, and one that is
    complete is not repeated.
    """
    from instagram_assets.age import pipeline
    from instagram_assets.age.card import NOT_FOR_PERSONS
    from instagram_assets.age.presets import training_preset
    from instagram_assets.report.progress import show_progress
    from instagram_assets.settings import like_source

    given = {
        "labels": labels and str(labels),
        "texts": texts and str(texts),
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
        "like_source": as_source,
    }
    if as_source:
        # Asked for in this command, the preset goes before the settings, but not before the command's other options.
        given = like_source({name: value for name, value in given.items() if value is not None})
    settings = _age_settings(given, purpose)
    with show_progress(lambda line: typer.echo(line, err=True), str) as report:
        folder, trained, made = pipeline.train_model(settings, None, report, output, _print_warning, _print_unused)
    typer.echo(f"{folder}: {'trained' if trained else 'nothing changed, so nothing was trained'}")
    typer.echo(f"  trained: {training_preset(made.facts.options)}")
    for name, number in made.numbers.items():
        typer.echo(f"  {name}: {number:.4g}")
    typer.echo(NOT_FOR_PERSONS)


@commands.command()
@report_errors
def predict(
    input_dir: Annotated[Path, typer.Option(help="Folder with a JSON or CSV per user, or with files of posts.")],
    finetuned_model_path: Annotated[Path, typer.Option(help="Folder of a trained model, or an old .pth.")],
    prediction_output_file: Annotated[Path, typer.Option(help="The CSV to write.")],
    max_seq_len: _MaxSeqLen = None,
    age_cutoff: _AgeCutoff = None,
    model_name_or_path: Annotated[
        str | None, typer.Option(help="Language model below a .pth; a folder brings its own.")
    ] = None,
    device: _Device = None,
    labelled: Annotated[
        Path | None,
        typer.Option(help="CSV as for training, of 50 or more of these users: their ages anchor the share."),
    ] = None,
    purpose: _Purpose = None,
) -> None:
    """Predict for each user of a folder whether they are of the cut-off age or older, and the share of all of them.

    Cut-off age and maximum post length are those that the model was trained with. An old .pth does not contain them:
    it counts as trained with those given here.
    """
    from instagram_assets.age import pipeline
    from instagram_assets.age.card import NOT_FOR_PERSONS
    from instagram_assets.age.legacy_pth import resolve_model
    from instagram_assets.age.predictions_csv import check_output_file, write_predictions_csv, write_share_csv
    from instagram_assets.age.user_texts import scan_user_folder
    from instagram_assets.ingest.folder_scan import FolderContents
    from instagram_assets.report.progress import counter, show_progress

    given = {
        "max_seq_len": max_seq_len,
        "age_cutoff": age_cutoff,
        "model_name_or_path": model_name_or_path,
        "device": device,
    }
    settings = _age_settings(given, purpose)
    pipeline.check_enabled(settings)
    check_output_file(prediction_output_file)
    people = scan_user_folder(input_dir, settings.ingest)
    folder, settings = resolve_model(finetuned_model_path, settings)
    with show_progress(lambda line: typer.echo(line, err=True), counter("users")) as report:
        users, tell = people.users(), lambda done: report(done, len(people.names))
        found = pipeline.predict_users(users, settings, tell, folder, labelled)
    safe = settings.export.spreadsheet_safe
    write_predictions_csv(found.table, prediction_output_file, settings.age.age_cutoff, spreadsheet_safe=safe)
    if found.forgotten:
        typer.echo(f"left out, since they were forgotten: {found.forgotten} users")
    if others := FolderContents(passed=people.passed).others:
        typer.echo(f"{input_dir}: {others}")
    typer.echo(f"{prediction_output_file}: {_counts(found.table)}")
    shares = write_share_csv(found.audience, prediction_output_file, settings.age.age_cutoff, spreadsheet_safe=safe)
    typer.echo(f"at or above the age of {settings.age.age_cutoff}: {found.share}")
    if found.audience.left_out:
        typer.echo(f"left out of the share: {found.audience.of_training}")
    if found.audience.anchor:
        typer.echo(found.audience.anchor.change)
    for warning in found.warnings:
        typer.echo(f"warning: {warning}", err=True)
    typer.echo(f"{shares}: the share, its interval and what it assumes")
    typer.echo(NOT_FOR_PERSONS)


def _age_settings(given: dict[str, Any], purpose: str | None) -> "Settings":
    """The settings with the options in `given` applied; if a purpose is stated, the age model is enabled."""
    return settings_with_options(age={**given, "purpose": purpose, "enabled": True if purpose else None})


def _print_unused(lines: list[str]) -> None:
    """Print which label rows and which users cannot be used, one per line, the first few only."""
    for line in _first_lines(lines):
        typer.echo(f"not used: {line}", err=True)


def _print_warning(data: "TrainingData") -> None:
    if data.warning:
        typer.echo(f"warning: {data.warning}", err=True)


def _counts(predictions: "pa.Table") -> str:
    """Text with the number of users, of those with a probability and with a label, and why others have none."""
    rows = predictions.to_pylist()
    labelled = sum(not row["abstained"] for row in rows)
    with_probability = sum(row["probability"] is not None for row in rows)
    reasons = [f"{row['account']}: {row['reason']}" for row in rows if row["reason"]]
    first = f"{len(rows)} users, {with_probability} with a probability, {labelled} of them with a label"
    return "\n  ".join([first, *_first_lines(reasons)])


def _first_lines(lines: list[str]) -> list[str]:
    """The first few of `lines`, followed by a line with the number of the remaining ones."""
    more = [f"and {len(lines) - _MOST_SHOWN} more"] if len(lines) > _MOST_SHOWN else []
    return [*lines[:_MOST_SHOWN], *more]
