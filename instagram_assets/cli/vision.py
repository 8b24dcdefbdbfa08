"""Commands that caption, embed and cluster image files without Dagster."""

import subprocess
import sys
from collections import Counter
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from instagram_assets.cli.command_options import settings_with_options
from instagram_assets.cli.messages import report_errors
from instagram_assets.errors import FileError, NothingDoneError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from instagram_assets.local.cluster_files import FileGroup

commands = typer.Typer()

_SourceArgument = Annotated[
    Path, typer.Argument(help="A folder of images, or a merged JSON whose records name `images`.")
]
_DeviceOption = Annotated[str | None, typer.Option(help="auto, cpu, cuda or mps.")]


@commands.command()
@report_errors
def caption(
    source: _SourceArgument,
    out: Annotated[Path | None, typer.Option(help="The JSON to write, or the folder for captions.json.")] = None,
    use_scoring: Annotated[bool | None, typer.Option(help="Make several captions, keep the best.")] = None,
    num_captions: Annotated[int | None, typer.Option(help="Captions to choose from.")] = None,
    max_caption_length: Annotated[int | None, typer.Option(help="Longest caption, in tokens.")] = None,
    batch_processing: Annotated[bool | None, typer.Option(help="Several images at once.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Images at once.")] = None,
    num_workers: Annotated[int | None, typer.Option(help="Threads that read images; 0: one per core.")] = None,
    skip_existing: Annotated[bool | None, typer.Option(help="Keep captions that are there.")] = None,
    max_images_per_post: Annotated[int | None, typer.Option(help="Images captioned per post; 0: all.")] = None,
    device: _DeviceOption = None,
    model: Annotated[str | None, typer.Option(help="Captioning model: hub id or folder.")] = None,
    run_in_background: Annotated[bool | None, typer.Option(help="Start, and return at once.")] = None,
) -> None:
    """Caption images: a merged JSON becomes `…_with_captions.json`, a folder gets captions.json and captions.csv.

    Images that are small, dark or blurred are not captioned, unless INSTAGRAM_ASSETS_QUALITY__ONLY_PASSED is false.
    Options that are not given are taken from the settings.
    """
    from instagram_assets.local.caption_files import caption_folder, caption_json
    from instagram_assets.local.output_paths import caption_paths, check_outputs
    from instagram_assets.report.progress import counter, show_progress
    from instagram_assets.vision import pipeline

    given = {
        "use_scoring": use_scoring,
        "num_captions": num_captions,
        "max_caption_length": max_caption_length,
        "batch_processing": batch_processing,
        "batch_size": batch_size,
        "num_workers": num_workers,
        "skip_existing": skip_existing,
        "max_images_per_post": max_images_per_post,
    }
    chosen = settings_with_options(captions=given, models={"device": device, "caption_model": model})
    options = chosen.captions
    if options.run_in_background if run_in_background is None else run_in_background:
        # Missing models are reported here: nobody reads a log to learn that nothing was started.
        if not source.exists():
            raise FileError(str(source), "no such file or folder", "Check the name")
        check_outputs(caption_paths(source, out), source)
        pipeline.find_caption_models(chosen)
        _start_in_background(chosen.folder("reports"))
        return
    with show_progress(lambda line: typer.echo(line, err=True), counter("captions")) as report:
        make = partial(pipeline.caption_good_files, settings=chosen, on_progress=report)
        if source.is_dir():
            summary = caption_folder(source, out, make, typer.echo)
        else:
            skip, most = options.skip_existing, options.max_images_per_post
            summary = caption_json(
                source, out, make, skip_existing=skip, max_images_per_post=most, limits=chosen.ingest
            )
    typer.echo(f"{summary.path}: {summary.images} images, {summary.captioned} captioned, {summary.kept} kept")
    for reason, count in summary.without.items():
        typer.echo(f"  {count} without: {reason}")
    if summary.images and not summary.captioned + summary.kept:
        raise NothingDoneError(f"No caption was made: {summary.images} images, {summary.images} without one.")


@commands.command()
@report_errors
def embed(
    source: _SourceArgument,
    out: Annotated[
        Path | None, typer.Option(help="The Parquet file to write; else in the folder, or beside the JSON.")
    ] = None,
    batch_size: Annotated[int | None, typer.Option(help="Images at once.")] = None,
    num_workers: Annotated[int | None, typer.Option(help="Threads that read images; 0: one per core.")] = None,
    device: _DeviceOption = None,
    model: Annotated[str | None, typer.Option(help="Embedding model: hub id or folder.")] = None,
) -> None:
    """Embed images: one row per file with its embedding, float32 of unit length.

    Each row has the file's path, relative to the folder or the JSON, and the SHA-256 of its bytes.
    """
    from instagram_assets.local.output_paths import OVERWRITE_REMEDY, check_outputs, embeddings_path
    from instagram_assets.storage.owned_files import write_ours
    from instagram_assets.storage.parquet_files import write_file

    target = out or embeddings_path(source)
    check_outputs([target], source)
    given = {"batch_size": batch_size, "num_workers": num_workers}
    table = _embedded(
        source, settings_with_options(embeddings=given, models={"device": device, "embedding_model": model})
    )
    write_ours({target: lambda new: write_file(new, table)}, source, OVERWRITE_REMEDY)
    failed = table.num_rows - table["status"].to_pylist().count("ok")
    typer.echo(f"{target}: {table.num_rows} files, {failed} failed")
    _check_not_all_failed(table)


@commands.command()
@report_errors
def cluster(
    source: Annotated[Path, typer.Argument(help="A folder of images, a merged JSON, or the Parquet file of `embed`.")],
    out: Annotated[
        Path | None, typer.Option(help="The CSV to write; else in the folder, or beside the JSON or Parquet file.")
    ] = None,
    eps: Annotated[float | None, typer.Option(help="Images nearer than this are neighbours, 0 to 2.")] = None,
    min_samples: Annotated[
        int | None, typer.Option(help="Neighbours of a core image, itself included; equal files are one.")
    ] = None,
    device: _DeviceOption = None,
    model: Annotated[str | None, typer.Option(help="Embedding model: hub id or folder.")] = None,
) -> None:
    """Cluster images that show the same kind of thing; writes a CSV, and a contact sheet that is never clustered."""
    from rich.console import Console

    from instagram_assets.datasets.csv import write_csv
    from instagram_assets.local.cluster_files import CLUSTER_COLUMNS, cluster_files, embeddings_source, read_embeddings
    from instagram_assets.local.output_paths import OVERWRITE_REMEDY, check_outputs, clusters_path, contact_sheet_path
    from instagram_assets.report.contact_sheets import labelled_sheet
    from instagram_assets.storage.atomic import write_atomic
    from instagram_assets.storage.owned_files import write_ours

    known = read_embeddings(source) if source.suffix == ".parquet" else None
    images = source if known is None else embeddings_source(known, source)
    target = out or clusters_path(source)
    sheet = contact_sheet_path(target, images)
    if sheet == target:
        raise FileError(str(target), "would be overwritten by the contact sheet", "Give the CSV another ending")
    check_outputs([target, sheet], images)
    given = {"eps": eps, "min_samples": min_samples}
    chosen = settings_with_options(clusters=given, models={"device": device, "embedding_model": model})
    embedded = _embedded(source, chosen) if known is None else known
    clusters = cluster_files(embedded, chosen.clusters, images)
    rows, columns = clusters.table.to_pylist(), list(CLUSTER_COLUMNS)
    fill = partial(write_csv, rows, kind="post", impression=False, columns=columns)
    write_ours({target: fill}, images, OVERWRITE_REMEDY)
    names = {group.label: "noise" if group.label < 0 else f"cluster {group.label}" for group in clusters.groups}
    if clusters.groups:
        lines = [(f"{names[group.label]}: {group.images}", group.files) for group in clusters.groups[:8]]
        picture = labelled_sheet(lines, font=chosen.text.font)
        write_ours({sheet: lambda new: write_atomic(new, lambda out: out.write(picture))}, images, OVERWRITE_REMEDY)
    Console().print(_clusters_table(clusters.groups))
    if clusters.equal_files:
        typer.echo(clusters.equal_files)
    typer.echo(f"{target}, {sheet}")
    if not clusters.groups:
        _check_not_all_failed(embedded)


def _embedded(source: Path, chosen: Any) -> Any:
    from instagram_assets.local.cluster_files import embed_source
    from instagram_assets.report.progress import counter, show_progress
    from instagram_assets.vision import pipeline

    with show_progress(lambda line: typer.echo(line, err=True), counter("embeddings")) as report:
        return embed_source(
            source, partial(pipeline.embed_files, settings=chosen, on_progress=report), chosen.ingest, typer.echo
        )


def _check_not_all_failed(table: Any) -> None:
    """Raise NothingDoneError when no file could be embedded, with the most frequent reasons."""
    rows = table.to_pylist()
    if rows and not any(row["status"] == "ok" for row in rows):
        reasons = Counter(row["reason"] for row in rows).most_common(3)
        reasons_text = "; ".join(f"{count} {reason}" for reason, count in reasons)
        raise NothingDoneError(f"{len(rows)} files, {len(rows)} failed: {reasons_text}.")


def _start_in_background(reports: Path) -> None:
    """Start this command again as a background process, and print how to follow and stop it."""
    reports.mkdir(parents=True, exist_ok=True)
    log = reports / f"caption-{datetime.now():%Y%m%d-%H%M%S-%f}.log"
    command = [sys.executable, "-m", "instagram_assets.cli", *sys.argv[1:], "--no-run-in-background"]
    with open(log, "wb") as stream:
        process = subprocess.Popen(
            command, stdout=stream, stderr=stream, stdin=subprocess.DEVNULL, start_new_session=True
        )
    typer.echo(f"Started as process {process.pid}. Follow it with: tail -f {log}\nEnd it with: kill {process.pid}")


def _clusters_table(groups: "Sequence[FileGroup]") -> "Table":
    """Terminal table with each cluster's number of images and an example; also of files, if some are identical."""
    from rich.table import Table

    table = Table(title="Clusters", title_justify="left")
    some_equal = any(group.images < len(group.files) for group in groups)
    for column in ("cluster", "images", *(["files"] if some_equal else []), "such as"):
        table.add_column(column, overflow="fold")
    for group in groups:
        files = [str(len(group.files))] if some_equal else []
        name = "noise" if group.label < 0 else str(group.label)
        table.add_row(name, str(group.images), *files, str(group.files[0]))
    return table
