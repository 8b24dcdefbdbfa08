"""Forgetting from a shell: shown first, asked, done, and proved."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from instagram_assets.cli.arguments import say
from instagram_assets.cli.errors import clear_errors

if TYPE_CHECKING:
    from instagram_assets.forget.forgetting import Part, Report
    from instagram_assets.forget.steps import Step
    from instagram_assets.forget.subject import Subject
    from instagram_assets.privacy.forgotten import Forgotten
    from instagram_assets.settings import Settings

commands = typer.Typer()
Target = Annotated[
    str,
    typer.Argument(
        help="An account (@name or its address), a #hashtag, a post (address, shortcode or id), or a picture "
        "(its file below the media folder, or its SHA-256)."
    ),
]


@commands.command()
@clear_errors
def forget(
    target: Target,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
) -> None:
    """Take an account, a hashtag, a post or a picture out of everything that is kept, for good, and prove it.

    What was forgotten does not come in again. Stopped in the middle, the same command finishes it.
    """
    from instagram_assets.forget import forgetting
    from instagram_assets.settings import settings
    from instagram_assets.storage.history.names import refuse_at_work

    chosen = settings()
    if not dry_run:  # before anything is written: the history's own step comes after the tombstones
        refuse_at_work(chosen.folder("dagster"))
    subject = forgetting.find(chosen, target)
    parts = forgetting.parts_of(subject, [history_part(chosen)])
    steps = forgetting.preview(chosen, subject, parts)
    _tell_subject(subject)
    _tell_steps(steps)
    if dry_run:
        typer.echo("Nothing was done.")
        return
    if not yes:
        if not typer.confirm("Forget it for good? There is no way back"):
            typer.echo("Nothing was done.")
            raise typer.Exit(1)
        refuse_at_work(chosen.folder("dagster"))  # the answer may have taken long
    report = forgetting.forget(chosen, subject, parts, Telling(len(steps)), previewed=steps)
    _tell_done(report)
    _tell_backups(chosen, subject)


def history_part(chosen: "Settings", home: Path | None = None) -> "Part":
    """Dagster's own history as a part: the first one, since it refuses while others are at work.

    `home` is another one than that of the settings.
    """
    home = home or chosen.folder("dagster")

    def steps(settings: "Settings", forgotten: "Forgotten") -> "Iterator[Step]":
        from instagram_assets.forget.steps import Step
        from instagram_assets.privacy.forgotten import Identifiers

        def apply() -> int:
            from instagram_assets.storage.history.names import forget_in_history

            assert isinstance(forgotten, Identifiers)
            ids = [*forgotten.profile_ids, *forgotten.post_ids, *forgotten.shortcodes, *forgotten.images]
            forget_in_history(home, forgotten.accounts, ids)
            return 0

        # From tombstones alone no name can be told that stands in the middle of a text of Dagster's.
        if isinstance(forgotten, Identifiers) and home.is_dir():
            yield Step("history", "dagster", "rewrite", 0, apply)

    return steps


def _tell_subject(subject: "Subject") -> None:
    known = subject.identifiers
    if not subject.is_known:
        typer.echo(f"{subject.target}: nothing of it is here. It will be remembered, and refused when it comes.")
        return
    counts = {"posts": known.post_ids, "pictures and videos": known.images}
    said = ", ".join(f"{len(ids):,} {what}" for what, ids in counts.items() if ids)
    typer.echo(f"{subject.target}: {said or 'its rows'}")
    if subject.also:
        typer.echo(f"The same account by its number, and forgotten with it: {', '.join(subject.also)}")


def _tell_steps(steps: "Sequence[Step]") -> None:
    removed, rewritten, rows = Counter[str](), Counter[str](), Counter[str]()
    for step in steps:
        (removed if step.verb == "remove" else rewritten)[step.place] += 1
        rows[step.place] += step.rows
    for place in dict.fromkeys(step.place for step in steps):
        typer.echo(
            f"  {place:<10} {removed[place]:>7,} files and folders go, {rewritten[place]:,} are rewritten, "
            f"{rows[place]:,} rows"
        )


class Telling:
    """Says how far it is, at most once for each place."""

    def __init__(self, count: int) -> None:
        self._count, self._done, self._place = count, 0, ""

    def __call__(self, step: "Step") -> None:
        self._done += 1
        if step.place != self._place:
            self._place = step.place
            say(f"{step.place} … ({self._done:,} of about {self._count:,})")


def _tell_done(report: "Report") -> None:
    typer.echo(
        f"Forgotten: {sum(report.removed.values()):,} files and folders went, {sum(report.rewritten.values()):,} were "
        f"rewritten ({sum(report.bytes_written.values()) / 1e6:,.1f} MB)."
    )
    typer.echo(
        f"Searched byte by byte: {report.searched.files:,} files, {report.searched.bytes / 1e6:,.1f} MB; nothing of it "
        f"was found. {report.seconds:.1f} s"
    )
    typer.echo(f"Proof: {report.proof}")
    for left in report.left:
        typer.echo(f"Not touched: {left.what}; {left.remedy}.")


def _tell_backups(chosen: "Settings", subject: "Subject") -> None:
    from instagram_assets.backups.notes import backups_holding, list_backups

    notes = list_backups(chosen.folder("privacy"))
    for backup, holds in backups_holding(notes, lambda name: subject.identifiers.has("account", name)):
        if holds is not False:
            unsure = "" if holds else " (it cannot be looked at now)"
            typer.echo(
                f"Backup {backup.id} in {backup.where} may still hold it{unsure}: take it away, or know that a restore "
                "forgets it again."
            )
