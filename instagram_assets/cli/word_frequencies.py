"""Command `words`: the most frequent words of the lake's posts, per account and over time."""

import csv
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from instagram_assets.cli.command_options import AccountsOption, DaysOption
from instagram_assets.cli.messages import report_errors

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.table import Table

commands = typer.Typer()
WIDEST_WORD = 30
"""Maximum width of a word in terminal columns; a Korean letter takes two."""


@commands.command()
@report_errors
def words(
    accounts: AccountsOption = "",
    days: DaysOption = "",
    pos: Annotated[str, typer.Option(help="A part of speech, such as noun, verb, emoji or hashtag.")] = "",
    top: Annotated[int, typer.Option(min=1, max=1000, help="Words per line.")] = 10,
    as_csv: Annotated[bool, typer.Option("--csv", help="One line a word as CSV, in place of tables.")] = False,
) -> None:
    """Show the most frequent words: of all accounts, of each account, and over time.

    Without --pos only content words are counted; stop words are in the package's text/words.toml.
    """
    from rich.console import Console

    from instagram_assets.cli.command_options import parse_accounts, parse_days_in_lake
    from instagram_assets.errors import SettingsError
    from instagram_assets.settings import settings
    from instagram_assets.storage.lake import open_lake
    from instagram_assets.storage.sql_views import accounts_of, open_view
    from instagram_assets.text.part_of_speech import POS_CLASSES
    from instagram_assets.text.word_frequencies import (
        top_words,
        top_words_by_account,
        top_words_over_time,
        vocabulary_shares,
        vocabulary_size,
    )

    if pos and pos not in POS_CLASSES:
        raise SettingsError(f"--pos {pos}: no such part of speech. There are: {', '.join(POS_CLASSES)}.")
    known = accounts_of(open_lake(settings()), "token_counts")
    if not known:
        raise SettingsError("No words were counted yet. Ingest an export first, or run: instagram-assets demo")
    chosen = parse_accounts(accounts, known)
    console, part_of_speech = Console(), pos or None
    with open_view(open_lake(settings()), "token_counts", chosen, parse_days_in_lake(days)) as query:
        if not vocabulary_size(query).written:
            when = f"--days {days}: nothing was written then" if days else "No words were written"
            raise SettingsError(f"{when} by {', '.join(chosen)}.")
        lines = {"all": top_words(query, top, part_of_speech)}
        if len(chosen) > 1:
            by_account = top_words_by_account(query, top, part_of_speech)
            lines |= {name: by_account.get(name, {}) for name in chosen}
        over_time = top_words_over_time(query, top, part_of_speech)
        if as_csv:
            _print_csv({"account": lines, "time": over_time})
            return
        console.print(words_table(f"Words: {pos or 'what the posts are about'}", "account", lines))
        console.print(words_table("Over time", "when", over_time))
        shares = [f"the top {share} % make up {part:.0%}" for share, part in vocabulary_shares(query).items()]
    console.print(f"Of the different words, {', '.join(shares)} of what was written.")


def _print_csv(groups: "Mapping[str, Mapping[str, Mapping[str, int]]]") -> None:
    writer = csv.writer(sys.stdout)
    writer.writerow(["by", "of", "word", "count"])
    for by, lines in groups.items():
        for name, counts in lines.items():
            writer.writerows([by, name, word, count] for word, count in counts.items())


def words_table(title: str, column: str, lines: "Mapping[str, Mapping[str, int]]") -> "Table":
    """Terminal table with the most frequent words of each account or period and their counts."""
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    table.add_column(column)
    table.add_column("words", overflow="fold")
    for name, words in lines.items():
        table.add_row(name, escape("  ".join(f"{shorten_word(word)} {count:,}" for word, count in words.items())))
    return table


def shorten_word(word: str) -> str:
    """The word, truncated with … at the end if it is too wide for a table column."""
    from rich.cells import cell_len, set_cell_size

    if cell_len(word) <= WIDEST_WORD:
        return word
    return f"{set_cell_size(word, WIDEST_WORD - 1).rstrip()}…"
