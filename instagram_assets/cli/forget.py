"""Command `forget`: erases an account, hashtag, post or image on request, with preview, confirmation and proof."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from instagram_assets.cli.messages import count_with_noun, print_stderr, report_errors

if TYPE_CHECKING:
    from instagram_assets.forget.ambiguous_names import AmbiguousName
    from instagram_assets.forget.erasure import StepPlanner
    from instagram_assets.forget.erasure_report import ErasureReport
    from instagram_assets.forget.erasure_steps import Step
    from instagram_assets.forget.erasure_subject import ErasureSubject
    from instagram_assets.privacy.forgotten_identifiers import Forgotten, Identifiers
    from instagram_assets.settings import Settings

commands = typer.Typer()
_Target = Annotated[
    str,
    typer.Argument(
        help="An account (@name or its address), a #hashtag, a post (address, shortcode or id), or a picture "
        "(its file below the media folder, or its SHA-256)."
    ),
]


@commands.command()
@report_errors
def forget(
    target: _Target,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
    bare: Annotated[
        bool,
        typer.Option("--bare", help="Also take a name that is an ordinary word out wherever that word stands."),
    ] = False,
) -> None:
    """Erase an account, a hashtag, a post or an image from all stored data, permanently, and prove it.

    Erased data is not ingested again. Repeat the command to finish an interrupted erasure.
    """
    from instagram_assets.forget import erasure
    from instagram_assets.forget.ambiguous_names import count_ambiguous_names
    from instagram_assets.settings import settings
    from instagram_assets.storage.dagster_history.history_erasure import refuse_while_running
    from instagram_assets.storage.dagster_history.text_reader import rows_on_servers
    from instagram_assets.storage.lake import lake_root

    chosen = settings()
    if not dry_run:  # before anything is written: the step for the run history comes after the tombstones
        refuse_while_running(chosen.folder("dagster"))
    subject = erasure.find_subject(chosen, target, is_bare=bare)
    parts = erasure.planners_for(subject, [history_erasure_planner(chosen)])
    steps = erasure.plan_erasure(chosen, subject, parts)
    _print_subject(subject, steps)
    _print_steps(steps)
    _print_ambiguous_names(count_ambiguous_names(lake_root(chosen), subject.identifiers))
    if dry_run:
        typer.echo("Nothing was done.")
        return
    if not yes:
        if not typer.confirm("Forget it for good? There is no way back"):
            typer.echo("Nothing was done.")
            raise typer.Exit(1)
        refuse_while_running(chosen.folder("dagster"))  # the confirmation may have taken long
    rows = rows_on_servers(chosen.folder("dagster"))
    report = erasure.erase(chosen, subject, parts, _Progress(len(steps)), previewed=steps, rows=rows)
    _print_report(report)
    _print_backups(chosen, subject)


def history_erasure_planner(chosen: "Settings", home: Path | None = None) -> "StepPlanner":
    """Create the planner of the step that erases identifiers from Dagster's history.

    It is the first step of an erasure, since it raises an error if other processes are active.

    `home` overrides the DAGSTER_HOME of the settings.
    """
    home = home or chosen.folder("dagster")

    def steps(settings: "Settings", forgotten: "Forgotten") -> "Iterator[Step]":
        from instagram_assets.forget.erasure_steps import Step, StepResult
        from instagram_assets.forget.outputs import may_show
        from instagram_assets.forget.search_requests import search_slugs_in_lake

        def apply() -> StepResult:
            from instagram_assets.storage.dagster_history.history_erasure import erase_from_history
            from instagram_assets.storage.lake import lake_root

            identifiers = _identifiers_in_history(home, forgotten)
            if not forgotten:
                return StepResult(0, [], 0, 0)
            ids = [*identifiers.profile_ids, *identifiers.post_ids, *identifiers.shortcodes, *identifiers.images]
            before = _file_hashes(home)
            words = [name for name in identifiers.accounts if name[0] != "#" and not identifiers.counts_alone(name)]
            names = {**identifiers.accounts, **search_slugs_in_lake(lake_root(settings), identifiers)}
            done = erase_from_history(home, names, ids, words=words, may_show=lambda name: may_show(name, forgotten))
            after = _file_hashes(home)
            changed = [path for path, found in after.items() if before.get(path) != found]
            return StepResult(
                removed=len(before.keys() - after.keys()),
                rewritten=[after[path] for path in changed],
                rows=sum(done.deleted.values()) + sum(done.rewritten.values()),
                bytes_written=sum(path.stat().st_size for path in changed),
            )

        if home.is_dir():
            yield Step("history", "dagster", "rewrite", 0, apply, is_certain=False)

    return steps


def _identifiers_in_history(home: Path, forgotten: "Forgotten") -> "Identifiers":
    """The identifiers to erase in Dagster's history.

    `forgotten` are the identifiers themselves, or tombstones, which contain only hashes: then all texts of the history
    are hashed to find the identifiers that occur in it.
    """
    from instagram_assets.forget.tombstone_matcher import TombstoneMatcher
    from instagram_assets.privacy.forgotten_identifiers import Identifiers
    from instagram_assets.privacy.tombstones import Tombstones
    from instagram_assets.storage.dagster_history.text_reader import read_all_texts

    if isinstance(forgotten, Identifiers):
        return forgotten
    assert isinstance(forgotten, Tombstones)
    matcher = TombstoneMatcher(forgotten)
    read_all_texts(home, matcher.scan)
    return matcher.identifiers


def _file_hashes(home: Path) -> dict[Path, str]:
    """SHA-256 of each file of a Dagster home, without SQLite's temporary files."""
    import hashlib

    from instagram_assets.storage.dagster_history.dagster_databases import home_files_below

    found: dict[Path, str] = {}
    for path in home_files_below(home):
        if not path.name.endswith(("-wal", "-shm", "-journal")):
            with path.open("rb") as stream:
                found[path] = hashlib.file_digest(stream, "sha256").hexdigest()
    return found


def _print_subject(subject: "ErasureSubject", steps: "Sequence[Step]") -> None:
    from instagram_assets.lake_index.index_files import INDEX_FOLDER as INDEX

    known = subject.identifiers
    if not subject.is_known:
        # The index is deleted completely, whether it contains the name or not.
        is_named = any(step.is_certain and step.area != INDEX for step in steps)
        here = "nothing of its own is here, and what names it loses the name" if is_named else "nothing of it is here"
        after = (
            "It was forgotten before, and is refused when it comes."
            if subject.was_erased_before
            else "It will be remembered, and refused when it comes."
        )
        typer.echo(f"{subject.target}: {here}. {after}")
        return
    counts = (("post", "posts", known.post_ids), ("picture or video", "pictures and videos", known.images))
    parts = ", ".join(count_with_noun(len(ids), one, many) for one, many, ids in counts if ids)
    typer.echo(f"{subject.target}: {parts or 'its rows'}")
    if subject.other_names:
        typer.echo(f"The same account by its number, and forgotten with it: {', '.join(subject.other_names)}")


def _print_steps(steps: "Sequence[Step]") -> None:
    removed, rewritten, rows = Counter[str](), Counter[str](), Counter[str]()
    for step in steps:
        if not step.is_certain:
            continue
        (removed if step.verb == "remove" else rewritten)[step.area] += 1
        rows[step.area] += step.rows
    for area in dict.fromkeys(step.area for step in steps):
        counts = ((removed, "file or folder removed", "files and folders removed"), (rewritten, "file rewritten", ""))
        parts = [count_with_noun(count[area], one, many) for count, one, many in counts if count[area]]
        parts += [count_with_noun(rows[area], "row")] if rows[area] else []
        parts = parts or ["looked through, and rewritten where it is named"]
        typer.echo(f"  {area:<10} {', '.join(parts)}")


def _print_ambiguous_names(words: "Sequence[AmbiguousName]", when: str = "") -> None:
    from instagram_assets.forget.ambiguous_names import why_not_removable

    for word in words:
        rows = count_with_noun(word.rows, "row") if word.rows else "no row"
        more = "" if when or not word.can_go or not word.rows else "; --bare takes it out of those, too"
        why = "an ordinary word" if word.can_go else why_not_removable(word.name)
        typer.echo(
            f"{when or '  '}{word.name} is {why}: it goes where an account is meant (@{word.name}, its address, a "
            f"whole name). As a word it stays, and stands in {rows} of others{more}."
        )


class _Progress:
    """Prints the progress of an erasure, one line for each area of the stored data."""

    def __init__(self, count: int) -> None:
        self._count, self._done, self._area = count, 0, ""

    def __call__(self, step: "Step") -> None:
        self._done += 1
        if step.area != self._area:
            self._area = step.area
            print_stderr(f"{step.area} … ({self._done:,} of about {self._count:,})")


def _print_report(report: "ErasureReport") -> None:
    went = count_with_noun(sum(report.removed.values()), "file or folder went", "files and folders went")
    rewritten = count_with_noun(sum(report.rewritten.values()), "was rewritten", "were rewritten")
    typer.echo(f"Forgotten: {went}, {rewritten} ({sum(report.bytes_written.values()) / 1e6:,.1f} MB).")
    files = count_with_noun(report.searched.files, "file")
    typer.echo(
        f"Searched byte by byte: {files}, {report.searched.bytes / 1e6:,.1f} MB; nothing of it was found. "
        f"{report.seconds:.1f} s"
    )
    typer.echo(f"Proof: {report.proof}")
    _print_ambiguous_names(report.ambiguous_names, "Not looked for as a bare word: ")
    for left in report.not_erased:
        typer.echo(f"Not touched: {left.what}; {left.remedy}.")


def _print_backups(chosen: "Settings", subject: "ErasureSubject") -> None:
    from instagram_assets.backups.privacy_folder import backups_holding, list_backups

    notes = list_backups(chosen.folder("privacy"))
    for backup, holds in backups_holding(notes, lambda name: subject.identifiers.has("account", name)):
        if holds is not False:
            unsure = "" if holds else " (it cannot be looked at now)"
            typer.echo(
                f"Backup {backup.id} in {backup.where} may still hold it{unsure}: take it away, or know that a restore "
                "forgets it again."
            )
