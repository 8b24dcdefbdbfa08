"""Command `viral`: the viral posts of the lake, by the configured or a given rule."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from instagram_assets.cli.command_options import AccountsOption, DaysOption, settings_with_options
from instagram_assets.cli.messages import print_stderr, report_errors

if TYPE_CHECKING:
    import pyarrow as pa
    from rich.table import Table

    from instagram_assets.settings import Settings

commands = typer.Typer()


@commands.command()
@report_errors
def viral(
    accounts: AccountsOption = "",
    days: DaysOption = "",
    rule: Annotated[
        str | None, typer.Option(help="top_fraction, threshold, account_baseline or module:function; else as set.")
    ] = None,
    measure: Annotated[
        str | None, typer.Option(help="engagement (likes and comments), likes, comments, views or plays.")
    ] = None,
    top: Annotated[int, typer.Option(min=1, max=10_000, help="Lines of the table.")] = 20,
    as_csv: Annotated[bool, typer.Option("--csv", help="Every label as CSV, in place of the table.")] = False,
    pictures: Annotated[Path | None, typer.Option(help="Folder for a timeline of each account.")] = None,
) -> None:
    """Show which posts, reels and ads went viral, by score; the asset viral_labels stores them by the settings' rule.

    Labels are computed from the whole lake, whichever accounts and days are shown.
    """
    from rich.console import Console

    from instagram_assets.report.viral_timelines import viral_pictures

    settings = settings_with_options(virality={"rule": rule, "measure": measure})
    _warn_of_other_rule()
    labels = _filter_labels(_make_labels(settings), accounts, days)
    if pictures:
        drawn = viral_pictures(labels, settings.virality.measure, settings.zone, most=None, font=settings.text.font)
        pictures.mkdir(parents=True, exist_ok=True)
        for name, picture in drawn.items():
            (pictures / f"{name.replace(' ', '-')}.png").write_bytes(picture)
        typer.echo(f"{pictures}: timelines of {len(drawn):,} accounts", err=True)
    if as_csv:
        _print_csv(labels)
        return
    console = Console()
    console.print(_viral_table(labels, settings.virality.measure, top))
    console.print(_viral_counts(labels))


def _warn_of_other_rule() -> None:
    """Print a note if the stored labels were made by another rule than the settings' one, and how to update them."""
    from instagram_assets.engagement.viral_labels import outdated_rule
    from instagram_assets.engagement.virality_rules import rule_description
    from instagram_assets.errors import StorageError
    from instagram_assets.settings import settings
    from instagram_assets.storage.lake import open_lake

    remedy = "Made anew they are at night, with the next files, or by: instagram-assets materialize viral_labels"
    try:
        if stored_rule := outdated_rule(open_lake(settings()), settings().virality):
            configured = rule_description(settings().virality)
            print_stderr(f"The labels of the lake are by {stored_rule}; the settings say {configured}. {remedy}")
    except StorageError as error:
        print_stderr(f"The labels of the lake cannot be read: {error} {remedy}")


def _make_labels(settings: "Settings") -> "pa.Table":
    from instagram_assets.engagement.viral_labels import VIRAL_AD_COLUMNS, VIRAL_POST_COLUMNS, viral_labels
    from instagram_assets.errors import SettingsError
    from instagram_assets.storage.lake import open_lake, read_table

    lake = open_lake(settings)
    posts = read_table(lake, "posts", columns=VIRAL_POST_COLUMNS)
    labels = viral_labels(posts, read_table(lake, "raw_ads", columns=VIRAL_AD_COLUMNS), settings.virality)
    if not labels.num_rows:
        raise SettingsError("There is nothing to label yet. Ingest an export first, or run: instagram-assets demo")
    return labels


def _filter_labels(labels: "pa.Table", accounts: str, days: str) -> "pa.Table":
    """The labels of the selected accounts and days."""
    import pyarrow as pa

    from instagram_assets.calendar import day_of
    from instagram_assets.cli.command_options import parse_accounts, parse_days
    from instagram_assets.settings import settings

    if accounts:
        known = sorted(name for name in labels["account"].unique().to_pylist() if name)
        names = set(parse_accounts(accounts, known))
        labels = labels.filter(pa.array([name in names for name in labels["account"].to_pylist()]))
    if days:
        first, last = parse_days(days)  # ads may be older than the first post
        inside = [first <= day_of(when, settings().zone) <= last for when in labels["taken_at"].to_pylist()]
        labels = labels.filter(pa.array(inside, pa.bool_()))
    return labels


def _print_csv(labels: "pa.Table") -> None:
    import csv
    import sys

    writer = csv.writer(sys.stdout)
    writer.writerow(labels.column_names)
    writer.writerows([_cell(value) for value in row.values()] for row in labels.to_pylist())


def _cell(value: object) -> object:
    if isinstance(value, bool):
        return str(value).lower()
    return value.strftime("%Y-%m-%dT%H:%M:%SZ") if isinstance(value, datetime) else value


def _viral_table(labels: "pa.Table", measure: str, most: int) -> "Table":
    """Terminal table of at most `most` viral posts by descending score; its titles name the rule and the measure."""
    from rich.markup import escape
    from rich.table import Table

    from instagram_assets.calendar import day_of
    from instagram_assets.report.viral_timelines import measure_of
    from instagram_assets.schemas.engagement import VIRALITY_MEASURES
    from instagram_assets.settings import settings

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


def _viral_counts(labels: "pa.Table") -> str:
    """Text with the number of viral posts and of posts that could not be labelled, with the most frequent reason."""
    from collections import Counter

    counts = Counter(labels["viral"].to_pylist())
    summary = f"{counts[True]:,} of {labels.num_rows:,} are viral"
    if not counts[None]:
        return f"{summary}."
    unlabelled = labels.filter(labels["viral"].is_null())["reason"].to_pylist()
    (reason, _), *_ = Counter(reason.partition(":")[0] for reason in unlabelled).most_common(1)
    return f"{summary}; of {counts[None]:,} it cannot be told (mostly: {reason})."
