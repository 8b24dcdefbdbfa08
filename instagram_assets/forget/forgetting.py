"""Forgetting, whole: find, remember that it was forgotten, do each step, prove it, and write the proof.

Tombstones come first, so that nothing of it comes in meanwhile; then a journal says what is being forgotten until a
byte search has found nothing of it any more. Stopped anywhere and repeated, it ends as if it had not been.
"""

import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from instagram_assets.errors import ForgetError
from instagram_assets.forget import (
    collector_rows,
    derived_files,
    feature_rows,
    inbox_files,
    journal,
    lake_tables,
    landing_tables,
    media_files,
    outputs,
)
from instagram_assets.forget.bare_words import bare_words, can_be_bare, ordinary_words, refuse_bare
from instagram_assets.forget.left_alone import not_touched
from instagram_assets.forget.proving import DatabaseRow, search_everything
from instagram_assets.forget.references import References
from instagram_assets.forget.reporting import Report, apply_steps, write_proof
from instagram_assets.forget.steps import Step
from instagram_assets.forget.subject import Subject, find_subject
from instagram_assets.forget.targets import Target, read_target
from instagram_assets.privacy.aliases import with_aliases
from instagram_assets.privacy.byte_search import Searched
from instagram_assets.privacy.forgotten import Forgotten, Kind
from instagram_assets.privacy.keys import find_key
from instagram_assets.privacy.tombstones import Tombstones, add_tombstones, load_tombstones, tombstone_key
from instagram_assets.settings import Settings
from instagram_assets.storage.atomic import make_folder, sweep
from instagram_assets.storage.lake import lake_root
from instagram_assets.storage.locks import alone_in

Part = Callable[[Settings, Forgotten], Iterator[Step]]
"""Gives the steps by which one part of the data folder forgets."""

_PARTS: tuple[Part, ...] = (
    inbox_files.steps,
    landing_tables.steps,
    lake_tables.steps,
    feature_rows.steps,
    media_files.steps,
    outputs.steps,
    derived_files.steps,
)
_ELSEWHERE = "Put INSTAGRAM_ASSETS_PRIVACY__FOLDER on a local disk"
_SHOWN = 10


def find(settings: Settings, text: str, *, is_bare: bool = False) -> Subject:
    """What a person means by a word, with all its identifiers; what an earlier, stopped try found counts as well.

    With `is_bare` its names are taken out as bare words though they are ordinary ones. Nothing is written. Raises
    ForgetError for what cannot be meant, StorageError for damage.
    """
    references = References(lake_root(settings))
    accounts, posts = references.names, references.post_names
    target = read_target(text, settings.folder("media"), accounts.__contains__, posts.__contains__)
    subject = subject_of(settings, target, references, is_bare=is_bare)
    if is_bare:
        refuse_bare(subject.identifiers)
    return subject


def subject_of(
    settings: Settings, target: Target, references: References | None = None, *, is_bare: bool = False
) -> Subject:
    """As `find`, of a target that is known."""
    privacy = settings.folder("privacy")
    tombstones = _tombstones(privacy)
    subject = find_subject(
        target,
        references or References(lake_root(settings)),
        settings.folder("media"),
        tombstones.pseudonym,
        lambda identifiers: with_aliases(identifiers, privacy),
    )
    subject = _with_bare(subject, tombstones, is_bare=is_bare)
    subject = replace(subject, is_remembered=_is_remembered(subject, tombstones))
    return journal.with_journal(privacy, _name_of(tombstones, target), subject)


def _with_bare(subject: Subject, tombstones: Tombstones, *, is_bare: bool) -> Subject:
    """The subject with the names that are to be taken out as bare words, now or since an earlier time."""
    words = ordinary_words(subject.identifiers)
    bare = frozenset(name for name in words if tombstones.is_bare(name) or (is_bare and can_be_bare(name)))
    whole, lasting = (replace(known, bare=bare) for known in (subject.identifiers, subject.lasting))
    return replace(subject, identifiers=whole, lasting=lasting)


def _is_remembered(subject: Subject, tombstones: Tombstones) -> bool:
    kind, value = subject.target
    kinds: dict[str, tuple[Kind, ...]] = {"post": ("post_id", "shortcode"), "image": ("image",)}
    return any(tombstones.has(each, value) for each in kinds.get(kind, ("account",)))


def parts_of(subject: Subject, also: Sequence[Part] = ()) -> list[Part]:
    """All parts that forget it, in their order: `also` first, among them those that refuse while others are at work."""
    features = partial(feature_rows.steps, texts=subject.texts)
    return [*also, *(features if part is feature_rows.steps else part for part in _PARTS)]


def preview(settings: Settings, subject: Subject, parts: Iterable[Part]) -> list[Step]:
    """What would be done; nothing is."""
    return [step for part in parts for step in part(settings, subject.identifiers)]


def forget(
    settings: Settings,
    subject: Subject,
    parts: Sequence[Part],
    on_step: Callable[[Step], None] = lambda step: None,
    *,
    previewed: Sequence[Step] = (),
    rows: Iterable[DatabaseRow] = (),
) -> Report:
    """Do it, prove it, and say what was done. `previewed` are its steps where they are known by now.

    `rows` of databases on servers are read only afterwards, to be searched as the files are.

    Raises ForgetError when something of it is still found, with where.
    """
    privacy = settings.folder("privacy")
    is_first = find_key(privacy, "tombstones") is None
    tombstones = tombstone_key(privacy)
    if is_first:
        # It was found by a key that nobody keeps, and its pseudonyms are to be those that ingest gives from now on.
        subject = subject_of(settings, subject.target, is_bare=bool(subject.identifiers.bare))
    name, report = _name_of(tombstones, subject.target), Report()
    make_folder(privacy / journal.FOLDER)
    with alone_in(privacy / journal.FOLDER, _ELSEWHERE):
        began = datetime.now(UTC)
        whole = journal.begin(privacy, name, subject)
        report.tombstones = add_tombstones(privacy, whole.lasting, began.date())
        _sweep(settings)
        report.add_noted(journal.noted(privacy, name))  # of a try that was stopped
        note = partial(journal.note, privacy, name)
        if previewed and whole == subject and not is_first:
            known = [step for step in previewed if step.place not in derived_files.PLACES]
            apply_steps(settings, known, report, on_step, note)
            # Looked for again: the web app may have made more of them while a person was asked.
            apply_steps(settings, list(derived_files.steps(settings, whole.identifiers)), report, on_step, note)
        else:
            for part in parts:
                # All are found before one is done: what is rewritten is not looked at twice.
                apply_steps(settings, list(part(settings, whole.identifiers)), report, on_step, note)
        searching = datetime.now(UTC)
        report.searched = search_everything(settings, whole.identifiers, rows)
        report.search_seconds = (datetime.now(UTC) - searching).total_seconds()
        report.left = not_touched(settings, whole.identifiers)
        report.words = bare_words(lake_root(settings), whole.identifiers)
        report.seconds = (datetime.now(UTC) - began).total_seconds()
        # Also where it is not at its end: a repeat has nothing left to tell of what was done now.
        report.proof = write_proof(privacy, name, whole, report, began)
        journal.proved(privacy, name)
        if report.searched.found:
            raise ForgetError(_still_there(settings, report.searched))
        journal.end(privacy, name)
    return report


def apply_tombstones(
    settings: Settings, also: Sequence[Part] = (), on_step: Callable[[Step], None] = lambda step: None
) -> Report:
    """Forget everything that has a tombstone: after a restore, which brings back what a backup still had.

    Accounts and posts that the lake has again are found by their hashes and forgotten as at the first time; then each
    word that is left is asked of the tombstones. Raises StorageError when they cannot be read.
    """
    privacy, report = settings.folder("privacy"), Report()
    tombstones = load_tombstones(privacy)
    if not tombstones:
        return report
    references = References(lake_root(settings))
    for target in _returned(tombstones, references):
        subject = subject_of(settings, target, references)
        for part in parts_of(subject, also):
            apply_steps(settings, list(part(settings, subject.identifiers)), report, on_step)
    for part in [*also, *_PARTS]:
        apply_steps(settings, list(part(settings, tombstones)), report, on_step)
    return report


def _returned(tombstones: Tombstones, references: References) -> Iterator[Target]:
    for name in sorted(references.names):
        if tombstones.has("account", name):
            yield Target("hashtag" if name.startswith("#") else "account", name)
    for post in sorted(references.post_names):
        if tombstones.has("post_id", post):
            yield Target("post", post)
    for image in sorted({row["image_id"] for row in references.pictures if row["image_id"]}):
        if tombstones.has("image", image):
            yield Target("image", image)


def _sweep(settings: Settings) -> None:
    """What dead processes left half written may hold something of it."""
    of_users = collector_rows.output_folders_of(settings.folder("collection"))
    for folder in (settings.data_dir.absolute(), Path(settings.lake_uri), settings.folder("media"), *of_users):
        if folder.is_dir():
            sweep(folder)


def _still_there(settings: Settings, searched: Searched) -> str:
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


def _name_of(tombstones: Tombstones, target: Target) -> str:
    """A name for the target that only who has the key can compute."""
    return tombstones.mark("account" if target.kind in ("account", "hashtag") else "post_id", target.value)[:32]


def _tombstones(privacy: Path) -> Tombstones:
    """The tombstones for looking only: where there is no key yet, one that nobody keeps."""
    key = find_key(privacy, "tombstones")
    return tombstone_key(privacy) if key else Tombstones(secrets.token_bytes(32))
