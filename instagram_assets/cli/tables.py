"""Tables and lines for a terminal: results of refine, clusters, doctor, models, words, viral posts, and searches."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
from rich.cells import cell_len, set_cell_size
from rich.markup import escape
from rich.table import Table

from instagram_assets.calendar import day_of
from instagram_assets.errors import ModelError
from instagram_assets.local.cluster_files import FileGroup
from instagram_assets.local.refine import RefineResult
from instagram_assets.models.file_checks import model_size
from instagram_assets.models.local_models import find_model, named_models
from instagram_assets.report.viral_timelines import measure_of
from instagram_assets.schemas.engagement import VIRALITY_MEASURES
from instagram_assets.search.engine import SearchReport
from instagram_assets.search.sites import Site
from instagram_assets.settings import settings
from instagram_assets.status.doctor import DoctorFinding

_FIRST_IMAGES = 5
WIDEST_WORD = 30
"""Columns of a terminal that a word takes at most; a Korean letter takes two."""


def refine_table(result: RefineResult) -> Table:
    """The results of `refine`."""
    table = Table(title="Refined", title_justify="left", show_header=False)
    for name, value in result._asdict().items():
        table.add_row(name, str(value))
    return table


def clusters_table(groups: Sequence[FileGroup]) -> Table:
    """The number of images in each cluster, the number of files where some are identical, and an example."""
    table = Table(title="Clusters", title_justify="left")
    some_equal = any(group.images < len(group.files) for group in groups)
    for column in ("cluster", "images", *(["files"] if some_equal else []), "such as"):
        table.add_column(column, overflow="fold")
    for group in groups:
        files = [str(len(group.files))] if some_equal else []
        name = "noise" if group.label < 0 else str(group.label)
        table.add_row(name, str(group.images), *files, str(group.files[0]))
    return table


def finding_lines(findings: Iterable[DoctorFinding]) -> Iterator[str]:
    """The doctor's findings, one line each, so that paths and commands are not wrapped; with a remedy where needed."""
    for finding in findings:
        mark = "[green]ok      [/]" if finding.well else "[red]missing [/]" if finding.needed else "[yellow]optional[/]"
        remedy = f". {finding.remedy}" if finding.remedy and not finding.well else ""
        yield f"{mark}  {escape(f'{finding.what}: {finding.found}{remedy}')}"


def models_table() -> Table:
    """The configured models and where they are; no model is loaded."""
    cache = settings().folder("models")
    table = Table(title="Models", title_justify="left", show_header=False)
    table.add_column()
    table.add_column(overflow="fold")
    for use, (name, revision, pictures) in named_models(settings()).items():
        table.add_section()
        table.add_row(use, name)
        try:
            source = find_model(name, revision, cache, pictures=pictures)
        except ModelError as error:
            table.add_row("missing", f"[red]{escape(str(error))}[/]")
            continue
        if source.revision:
            table.add_row("revision", f"{source.revision}, commit {source.commit}")
        table.add_row("model_size", f"{model_size(source.folder) / 1e6:.1f} MB")
        table.add_row("fingerprint", source.fingerprint[:12])
        table.add_row("where", near(source.folder))
    return table


def words_table(title: str, what: str, lines: Mapping[str, Mapping[str, int]]) -> Table:
    """The top words of each account or period, with their counts."""
    table = Table(title=title, title_justify="left")
    table.add_column(what)
    table.add_column("words", overflow="fold")
    for name, words in lines.items():
        table.add_row(name, escape("  ".join(f"{readable(word)} {count:,}" for word, count in words.items())))
    return table


def viral_table(labels: pa.Table, measure: str, most: int) -> Table:
    """Viral posts by descending score; the titles name the rule and the measure."""
    rows = labels.filter(labels["viral"]).sort_by([("score", "descending"), ("id", "ascending")]).slice(0, most)
    rule = labels["rule"][0].as_py() if labels.num_rows else "no rule"
    table = Table(title=f"Viral by {escape(rule)}", title_justify="left")
    for name in ("account", "kind", "published", VIRALITY_MEASURES[measure], "score", "address"):
        right = "right" if name in ("score", VIRALITY_MEASURES[measure]) else "left"
        table.add_column(name, justify=right, overflow="fold")
    for row in rows.to_pylist():
        number = measure_of(row, measure)
        table.add_row(
            row["account"] or "",
            row["kind"],
            day_of(row["taken_at"], settings().zone).isoformat(),
            "" if number is None else f"{number:,}",
            "" if row["score"] is None else f"{row['score']:.3g}",
            escape((row["url"] or row["id"]).removeprefix("https://").removeprefix("www.")),
        )
    return table


def viral_counts(labels: pa.Table) -> str:
    """The number of viral posts, and of those that could not be labelled, with the most frequent reason."""
    counts = Counter(labels["viral"].to_pylist())
    told = f"{counts[True]:,} of {labels.num_rows:,} are viral"
    if not counts[None]:
        return f"{told}."
    untold = labels.filter(labels["viral"].is_null())["reason"].to_pylist()
    (reason, _), *_ = Counter(reason.partition(":")[0] for reason in untold).most_common(1)
    return f"{told}; of {counts[None]:,} it cannot be told (mostly: {reason})."


def readable(word: str) -> str:
    """The word truncated to a maximum width, with … at the end."""
    if cell_len(word) <= WIDEST_WORD:
        return word
    return f"{set_cell_size(word, WIDEST_WORD - 1).rstrip()}…"


def search_table(report: SearchReport, site: Site) -> Table:
    """The number of matches of each selector on a search page, and the first images of the selector that is used."""
    found = f"{len(report.hits)} images in {report.seconds:.1f} s"
    table = Table(title=f"{escape(report.title) or 'no title'}: {found}", title_justify="left")
    table.add_column("selector", overflow="fold")
    table.add_column("matches", justify="right")
    table.add_column("first images", overflow="fold")
    for selector, count in report.counts.items():
        decides = selector == report.selector
        first = "\n".join(hit.url for hit in report.hits[:_FIRST_IMAGES]) if decides else ""
        name = f"{selector} (last resort)" if selector in site.last_resort else selector
        table.add_row(escape(name), str(count), escape(first), style="green" if decides else "")
    return table


def near(path: Path) -> str:
    """The path relative to the current directory, if it is below that."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
