"""Whom to collect from which site: as a person names them, or as the registry does; the official API first."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from instagram_assets.errors import CollectionRefusedError
from instagram_assets.printable import printable
from instagram_assets.sources.accounts import Registry
from instagram_assets.sources.names import account, hashtag, is_hashtag

SiteName = Literal["graph_api", "instagram"]
Kind = Literal["all", "accounts", "hashtags"]
GRAPH_API: SiteName = "graph_api"
INSTAGRAM: SiteName = "instagram"
SITES: tuple[SiteName, ...] = (GRAPH_API, INSTAGRAM)


@dataclass(frozen=True)
class Whom:
    """The subjects of each site, in the order in which they were named; `notes` say who was left out and why.

    `is_named` is true where a person named them.
    """

    subjects: Mapping[SiteName, tuple[str, ...]]
    notes: tuple[str, ...] = ()
    is_named: bool = False


def named(texts: Iterable[str], registry: Registry | None, by: SiteName | None = None) -> Whom:
    """Those that a person names, from the site that was asked for, that the registry says, or the official API.

    Raises CollectionRefusedError, with every name that is none.
    """
    sources = {} if registry is None else {entry.name: entry.source for entry in registry.entries}
    found: dict[SiteName, dict[str, None]] = {GRAPH_API: {}, INSTAGRAM: {}}
    problems = list[str]()
    for text in texts:
        try:
            subject = f"#{hashtag(text)}" if is_hashtag(text) or "/explore/tags/" in text.casefold() else account(text)
            known = INSTAGRAM if sources.get(subject) == INSTAGRAM else GRAPH_API
            found[_site(subject, by or known)][subject] = None
        except ValueError as error:
            problems.append(f"{printable(text, 60)}: {error}.")
    if problems:
        raise CollectionRefusedError("\n".join(problems))
    return Whom({site: tuple(subjects) for site, subjects in found.items() if subjects}, is_named=True)


def registered(registry: Registry, week: date, by: SiteName | None = None, *, of: Kind = "all") -> Whom:
    """Those that the registry collects in the ISO week of a day and that no other source has, or those of one site.

    `of` says whether accounts, hashtags or all are meant. An entry without a source is for the official API.
    Raises CollectionRefusedError where it names nobody for us.
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
        told = f"{registry.file} has {nobody} to collect{site} this week. See: instagram-assets accounts."
        raise CollectionRefusedError("\n".join([*notes, told]))
    return Whom(subjects, tuple(notes))


def _site(subject: str, site: SiteName) -> SiteName:
    if is_hashtag(subject) and site == INSTAGRAM:
        raise ValueError("the site shows hashtags to nobody without a login; the official API (graph_api) has them")
    return site


def _entries(number: int) -> str:
    return "1 entry was" if number == 1 else f"{number:,} entries were"
