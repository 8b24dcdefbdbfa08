"""The words that people use, per account and over time, from what is in the lake."""

from typing import Annotated

import typer

from instagram_assets.cli_errors import clear_errors

text = typer.Typer()


@text.command()
@clear_errors
def words(
    accounts: Annotated[str, typer.Option(help="Accounts separated by commas, or a file with one per line.")] = "",
    days: Annotated[str, typer.Option(help="One day, or first..last, such as 2026-11-01..2026-11-14.")] = "",
    pos: Annotated[str, typer.Option(help="A part of speech, such as noun, verb, emoji or hashtag.")] = "",
    top: Annotated[int, typer.Option(min=1, max=1000, help="Words per line.")] = 10,
) -> None:
    """Show the words that were written most: by all, by each account, and over time.

    Without --pos these are words that say what a post is about; stop words are in config/words.toml.
    """
    from rich.console import Console

    from instagram_assets.arrow import compute
    from instagram_assets.errors import SettingsError
    from instagram_assets.runs import chosen_accounts, day_range
    from instagram_assets.storage.lake import lake, read_table
    from instagram_assets.summary import words_table
    from instagram_assets.text.counts import narrowed, over_time, top_words, vocabulary_shares
    from instagram_assets.text.pos import CLASSES

    if pos and pos not in CLASSES:
        raise SettingsError(f"--pos {pos}: no such part of speech. There are: {', '.join(CLASSES)}.")
    counts = read_table(lake(), "token_counts")
    if not counts.num_rows:
        raise SettingsError("No words were counted yet. Ingest an export first, or run: instagram-assets demo")
    known = sorted(counts["account"].unique().to_pylist())
    chosen = chosen_accounts(accounts, known)
    found = narrowed(counts, chosen, *day_range(days))
    if not found.num_rows:
        raise SettingsError(f"--days {days}: nothing was written then by {', '.join(chosen)}.")
    wanted = pos or None
    lines = {"all": top_words(found, top, wanted)}
    if len(chosen) > 1:
        by_account = {name: found.filter(compute.equal(found["account"], name)) for name in chosen}
        lines |= {name: top_words(rows, top, wanted) for name, rows in by_account.items()}
    console = Console()
    console.print(words_table(f"Words: {pos or 'what the posts are about'}", "account", lines))
    times = {time: top_words(rows, top, wanted) for time, rows in over_time(found)}
    console.print(words_table("Over time", "when", times))
    shares = [f"the top {share} % make up {part:.0%}" for share, part in vocabulary_shares(found).items()]
    console.print(f"Of the different words, {', '.join(shares)} of what was written.")
