"""The whole erasure: find the data subject, plan the steps, write tombstones, apply the steps, verify and report.

Tombstones are written first, so that the subject's data is not ingested again in the meantime. Then a journal records
which identifiers are being erased, until a byte search finds none of them. An erasure that was interrupted at any point
and is repeated ends in the same state.
"""

import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from instagram_assets.errors import ForgetError
from instagram_assets.forget import erasure_journal
from instagram_assets.forget.ambiguous_names import (
    count_ambiguous_names,
    is_removable,
    ordinary_word_names,
    require_removable,
)
from instagram_assets.forget.collector_database import user_output_folders
from instagram_assets.forget.erasure_report import ErasureReport, apply_steps, write_proof
from instagram_assets.forget.erasure_steps import Step
from instagram_assets.forget.erasure_subject import ErasureSubject, ErasureTarget, collect_identifiers, parse_target
from instagram_assets.forget.feature_store import feature_steps
from instagram_assets.forget.inbox_files import inbox_steps
from instagram_assets.forget.lake_ownership import LakeOwnership
from instagram_assets.forget.lake_tables import lake_table_steps
from instagram_assets.forget.landing_zone import landing_steps
from instagram_assets.forget.media_store import media_steps
from instagram_assets.forget.not_erased import list_not_erased
from instagram_assets.forget.outputs import DERIVED_AREAS, derived_file_steps, output_steps
from instagram_assets.forget.verification import DatabaseRow, search_all_data
from instagram_assets.privacy.byte_search import ByteSearchResult
from instagram_assets.privacy.forgotten_identifiers import Forgotten, IdentifierKind
from instagram_assets.privacy.pseudonyms import with_aliases
from instagram_assets.privacy.secret_keys import find_key
from instagram_assets.privacy.tombstones import Tombstones, add_tombstones, load_tombstones, tombstone_key
from instagram_assets.settings import Settings
from instagram_assets.storage.atomic import make_folder, sweep
from instagram_assets.storage.lake import lake_root
from instagram_assets.storage.locks import folder_lock

StepPlanner = Callable[[Settings, Forgotten], Iterator[Step]]
"""Type of a function that plans the erasure steps for one area of the data folder, by its present content."""

_PLANNERS: tuple[StepPlanner, ...] = (
    inbox_steps,
    landing_steps,
    lake_table_steps,
    feature_steps,
    media_steps,
    output_steps,
    derived_file_steps,
)
_ELSEWHERE = "Put INSTAGRAM_ASSETS_PRIVACY__FOLDER on a local disk"
_SHOWN = 10


def find_subject(settings: Settings, text: str, *, is_bare: bool = False) -> ErasureSubject:
    """Returns the data subject that the user's `text` names, with all its identifiers in the stored data.

    Identifiers that an interrupted erasure of the same subject found are included. With `is_bare`, names that are
    ordinary words are erased as bare words too. Nothing is written. Raises ForgetError for text that names nothing,
    StorageError for damaged files.
    """
    ownership = LakeOwnership(lake_root(settings))
    accounts, posts = ownership.account_names, ownership.post_keys
    target = parse_target(text, settings.folder("media"), accounts.__contains__, posts.__contains__)
    subject = subject_of_target(settings, target, ownership, is_bare=is_bare)
    if is_bare:
        require_removable(subject.identifiers)
    return subject


def subject_of_target(
    settings: Settings, target: ErasureTarget, ownership: LakeOwnership | None = None, *, is_bare: bool = False
) -> ErasureSubject:
    """Returns the data subject of a parsed target, with all its identifiers in the stored data.

    Used by `find_subject`, which parses the target from text. `ownership` is read from the lake unless passed. Raises
    StorageError for damaged files.
    """
    privacy = settings.folder("privacy")
    tombstones = _tombstones(privacy)
    subject = collect_identifiers(
        target,
        ownership or LakeOwnership(lake_root(settings)),
        settings.folder("media"),
        tombstones.pseudonym,
        lambda identifiers: with_aliases(identifiers, privacy),
    )
    subject = _with_bare(subject, tombstones, is_bare=is_bare)
    subject = replace(subject, was_erased_before=_has_tombstone(subject, tombstones))
    return erasure_journal.with_journaled(privacy, _name_of(tombstones, target), subject)


def _with_bare(subject: ErasureSubject, tombstones: Tombstones, *, is_bare: bool) -> ErasureSubject:
    """Returns the subject, marking its ordinary-word names that this or an earlier erasure erases as bare words."""
    words = ordinary_word_names(subject.identifiers)
    bare = frozenset(name for name in words if tombstones.is_bare(name) or (is_bare and is_removable(name)))
    whole, tombstoned = (replace(known, bare=bare) for known in (subject.identifiers, subject.tombstoned))
    return replace(subject, identifiers=whole, tombstoned=tombstoned)


def _has_tombstone(subject: ErasureSubject, tombstones: Tombstones) -> bool:
    kind, value = subject.target
    kinds: dict[str, tuple[IdentifierKind, ...]] = {"post": ("post_id", "shortcode"), "image": ("image",)}
    return any(tombstones.has(each, value) for each in kinds.get(kind, ("account",)))


def planners_for(subject: ErasureSubject, first: Sequence[StepPlanner] = ()) -> list[StepPlanner]:
    """Returns all step planners for a subject, in order; those in `first` raise an error if other processes run."""
    features = partial(feature_steps, text_hashes=subject.text_hashes)
    return [*first, *(features if planner is feature_steps else planner for planner in _PLANNERS)]


def plan_erasure(settings: Settings, subject: ErasureSubject, planners: Iterable[StepPlanner]) -> list[Step]:
    """Returns the steps of an erasure, without applying them."""
    return [step for planner in planners for step in planner(settings, subject.identifiers)]


def erase(
    settings: Settings,
    subject: ErasureSubject,
    planners: Sequence[StepPlanner],
    on_step: Callable[[Step], None] = lambda step: None,
    *,
    previewed: Sequence[Step] = (),
    rows: Iterable[DatabaseRow] = (),
) -> ErasureReport:
    """Erases a data subject, verifies the erasure with a byte search and returns the report.

    `previewed` are the steps that were already planned for a preview. `rows` are rows of databases on servers; they
    are read after all steps, and searched like files. Raises ForgetError with the locations if an identifier is still
    found.
    """
    privacy = settings.folder("privacy")
    is_first = find_key(privacy, "tombstones") is None
    tombstones = tombstone_key(privacy)
    if is_first:
        # Until now its pseudonyms came from a temporary key; from now on they must be those that ingest assigns.
        subject = subject_of_target(settings, subject.target, is_bare=bool(subject.identifiers.bare))
    name, report = _name_of(tombstones, subject.target), ErasureReport()
    make_folder(privacy / erasure_journal.JOURNAL_FOLDER)
    with folder_lock(privacy / erasure_journal.JOURNAL_FOLDER, _ELSEWHERE):
        began = datetime.now(UTC)
        whole = erasure_journal.start_journal(privacy, name, subject)
        report.tombstones = add_tombstones(privacy, whole.tombstoned, began.date())
        _sweep(settings)
        report.add_journaled(erasure_journal.read_outcomes(privacy, name))  # of an interrupted attempt
        write_journal = partial(erasure_journal.append_outcome, privacy, name)
        if previewed and whole == subject and not is_first:
            known = [step for step in previewed if step.area not in DERIVED_AREAS]
            apply_steps(settings, known, report, on_step, write_journal)
            # Planned again: the web app may have derived more files while the user was asked.
            apply_steps(settings, list(derived_file_steps(settings, whole.identifiers)), report, on_step, write_journal)
        else:
            for planner in planners:
                # All steps are planned before the first is applied: a rewritten file is not read again.
                apply_steps(settings, list(planner(settings, whole.identifiers)), report, on_step, write_journal)
        searching = datetime.now(UTC)
        report.searched = search_all_data(settings, whole.identifiers, rows)
        report.search_seconds = (datetime.now(UTC) - searching).total_seconds()
        report.not_erased = list_not_erased(settings, whole.identifiers)
        report.ambiguous_names = count_ambiguous_names(lake_root(settings), whole.identifiers)
        report.seconds = (datetime.now(UTC) - began).total_seconds()
        # Written even if identifiers are still found: a repeated erasure could not report these steps any more.
        report.proof = write_proof(privacy, name, whole, report, began)
        erasure_journal.clear_outcomes(privacy, name)
        if report.searched.found:
            raise ForgetError(_still_there(settings, report.searched))
        erasure_journal.finish_journal(privacy, name)
    return report


def erase_tombstoned(
    settings: Settings, first: Sequence[StepPlanner] = (), on_step: Callable[[Step], None] = lambda step: None
) -> ErasureReport:
    """Erases all data that has a tombstone; used after a restore, since a backup can contain erased data.

    Accounts and posts that are in the lake again are found by their hashes and erased as before; then every word of
    the remaining data is compared with the tombstones. Raises StorageError when the tombstones cannot be read.
    """
    privacy, report = settings.folder("privacy"), ErasureReport()
    tombstones = load_tombstones(privacy)
    if not tombstones:
        return report
    ownership = LakeOwnership(lake_root(settings))
    for target in _tombstoned_targets(tombstones, ownership):
        subject = subject_of_target(settings, target, ownership)
        for planner in planners_for(subject, first):
            apply_steps(settings, list(planner(settings, subject.identifiers)), report, on_step)
    for planner in [*first, *_PLANNERS]:
        apply_steps(settings, list(planner(settings, tombstones)), report, on_step)
    return report


def _tombstoned_targets(tombstones: Tombstones, ownership: LakeOwnership) -> Iterator[ErasureTarget]:
    for name in sorted(ownership.account_names):
        if tombstones.has("account", name):
            yield ErasureTarget("hashtag" if name.startswith("#") else "account", name)
    for post in sorted(ownership.post_keys):
        if tombstones.has("post_id", post):
            yield ErasureTarget("post", post)
    for image in sorted({row["image_id"] for row in ownership.media_rows if row["image_id"]}):
        if tombstones.has("image", image):
            yield ErasureTarget("image", image)


def _sweep(settings: Settings) -> None:
    """Removes temporary files of killed processes, which can contain data of the subject."""
    of_users = user_output_folders(settings.folder("collection"))
    for folder in (settings.data_dir.absolute(), Path(settings.lake_uri), settings.folder("media"), *of_users):
        if folder.is_dir():
            sweep(folder)


def _still_there(settings: Settings, searched: ByteSearchResult) -> str:
    places = list(dict.fromkeys(f"{place.path} ({place.part}, {place.form})" for place in searched.found))
    more = f"\n  and {len(places) - _SHOWN:,} more" if len(places) > _SHOWN else ""
    hold = "1 place still holds" if len(places) == 1 else f"{len(places):,} places still hold"
    return (
        f"{hold} something of it, in {settings.data_dir}:\n  "
        + "\n  ".join(places[:_SHOWN])
        + more
        + "\nFiles of your own there are yours to change; take them away or out of them what is about it, then repeat "
        "the command: what was done stays done"
    )


def _name_of(tombstones: Tombstones, target: ErasureTarget) -> str:
    """Returns a keyed hash of the target, used as its file name: only a holder of the key can compute it."""
    return tombstones.mark("account" if target.kind in ("account", "hashtag") else "post_id", target.value)[:32]


def _tombstones(privacy: Path) -> Tombstones:
    """Returns the tombstones for reading; if there is no key yet, with a temporary key."""
    key = find_key(privacy, "tombstones")
    return tombstone_key(privacy) if key else Tombstones(secrets.token_bytes(32))
