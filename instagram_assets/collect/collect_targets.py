"""Which accounts and hashtags to collect from which site: those named by a user, or those of the registry file."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from instagram_assets.calendar import today
from instagram_assets.collect.site_adapter import GRAPH_API, INSTAGRAM, SITES, SiteName
from instagram_assets.errors import CollectionRefusedError
from instagram_assets.privacy.tombstones import load_tombstones
from instagram_assets.report.safe_text import printable
from instagram_assets.settings import Settings
from instagram_assets.sources.account_and_hashtag_names import is_hashtag, parse_account_name, parse_hashtag
from instagram_assets.sources.account_registry import Registry, load_registry

TargetKind = Literal["all", "accounts", "hashtags"]


@dataclass(frozen=True)
class Targets:
    """The accounts and hashtags to collect from each site, in order; `notes` say which were left out and why.

    `is_named` is true if a user named them, false if they come from the registry (the file of accounts to collect).
    """

    subjects: Mapping[SiteName, tuple[str, ...]]
    notes: tuple[str, ...] = ()
    is_named: bool = False


def choose_targets(
    settings: Settings, names: Sequence[str] = (), *, by: SiteName | None = None, of: TargetKind = "all"
) -> Targets:
    """The accounts and hashtags in `names`; without names, those that the registry file schedules for this week.

    `by` chooses the site, `of` limits the registry to accounts or hashtags. Raises SettingsError if there is no
    registry, CollectionRefusedError if nothing is to be collected or a name is invalid.
    """
    if not names:
        return registered_targets(accounts_registry(settings), today(settings.zone), by, of=of)
    return named_targets(names, accounts_registry(settings) if settings.accounts_file.exists() else None, by)


def named_targets(texts: Iterable[str], registry: Registry | None, by: SiteName | None = None) -> Targets:
    """Parse the accounts and hashtags that a user named (`texts`), each with the site to collect it from.

    The site is `by` unless that is None, else the one in the registry, else the official API. Raises
    CollectionRefusedError that lists every invalid name.
    """
    sources = {} if registry is None else {entry.name: entry.source for entry in registry.entries}
    found: dict[SiteName, dict[str, None]] = {GRAPH_API: {}, INSTAGRAM: {}}
    problems = list[str]()
    for text in texts:
        try:
            subject = (
                f"#{parse_hashtag(text)}"
                if is_hashtag(text) or "/explore/tags/" in text.casefold()
                else parse_account_name(text)
            )
            known = INSTAGRAM if sources.get(subject) == INSTAGRAM else GRAPH_API
            found[_site(subject, by or known)][subject] = None
        except ValueError as error:
            problems.append(f"{printable(text, 60)}: {error}.")
    if problems:
        raise CollectionRefusedError("\n".join(problems))
    return Targets({site: tuple(subjects) for site, subjects in found.items() if subjects}, is_named=True)


def registered_targets(
    registry: Registry, week: date, by: SiteName | None = None, *, of: TargetKind = "all"
) -> Targets:
    """The accounts and hashtags that the registry schedules for the ISO week that contains the day `week`.

    Entries with the source `apify` or `files` are left out; one without a source is for the official API. `by` limits
    the result to one site, `of` to accounts or hashtags. Raises CollectionRefusedError if nothing is left.
    """
    found: dict[SiteName, list[str]] = {GRAPH_API: [], INSTAGRAM: []}
    others = 0
    for entry in registry.collected(week):
        if of not in ("all", f"{entry.kind}s"):
            continue
        if entry.source in ("apify", "files"):
            others += 1
        else:
            found[_site(entry.name, entry.source or GRAPH_API)].append(entry.name)
    subjects: dict[SiteName, tuple[str, ...]] = {
        site: tuple(found[site]) for site in SITES if found[site] and by in (None, site)
    }
    notes = list[str]()
    if others:
        notes.append(f"{registry.file}: {_entries(others)} left out, since others collect them (apify, files)")
    if gone := len(registry.forgotten_entries):
        notes.append(f"{registry.file}: {_entries(gone)} forgotten and left out")
    if not subjects:
        site, nobody = f" by {by}" if by else "", "nobody" if of == "all" else f"no {of.removesuffix('s')}"
        logged = f"{registry.file} has {nobody} to collect{site} this week. See: instagram-assets accounts."
        raise CollectionRefusedError("\n".join([*notes, logged]))
    return Targets(subjects, tuple(notes))


def _site(subject: str, site: SiteName) -> SiteName:
    if is_hashtag(subject) and site == INSTAGRAM:
        raise ValueError("the site shows hashtags to nobody without a login; the official API (graph_api) has them")
    return site


def _entries(number: int) -> str:
    return "1 entry was" if number == 1 else f"{number:,} entries were"


def accounts_registry(settings: Settings) -> Registry:
    """Load the registry of accounts and hashtags, with those erased on request left out.

    Raises SettingsError if the registry file is missing.
    """
    return load_registry(settings.accounts_file, load_tombstones(settings.folder("privacy")))
