"""Whose turn it is by the settings and the registry, who of them may be asked about, and which hours are missing."""

from collections.abc import Iterable, Sequence

from instagram_assets.calendar import today
from instagram_assets.collect.books import Books
from instagram_assets.collect.gaps import Gap, gaps_of_all
from instagram_assets.collect.permission import check_permission
from instagram_assets.collect.whom import GRAPH_API, Kind, SiteName, Whom, named, registered
from instagram_assets.errors import InstagramAssetsError
from instagram_assets.privacy.tombstones import load_tombstones
from instagram_assets.settings import Settings
from instagram_assets.sources.accounts import Registry, load_registry


def whom_to_collect(
    settings: Settings, names: Sequence[str] = (), *, by: SiteName | None = None, of: Kind = "all"
) -> Whom:
    """Those that a person names, else whom the registry has this week; see `named` and `registered`.

    Raises SettingsError where there is no registry, CollectionRefusedError where there is nobody or a name is none.
    """
    if not names:
        return registered(_registry(settings), today(settings.zone), by, of=of)
    return named(names, _registry(settings) if settings.accounts_file.exists() else None, by)


def check_allowed(settings: Settings, accounts: Iterable[str]) -> None:
    """Raise CollectionRefusedError unless the settings allow to ask Instagram's site about all of these accounts."""
    check_permission(accounts, settings.collection, lambda: _registry(settings).names)


def missing_hours(settings: Settings, books: Books, now: float, since: float | None = None) -> list[Gap]:
    """The hours of hashtags in which nobody asked; of those that the registry has no longer only between their runs."""
    return gaps_of_all(books, now, since=since, collected=_hashtags(settings))


def _hashtags(settings: Settings) -> tuple[str, ...]:
    """The hashtags whose turn it is; none where there is no registry."""
    try:
        return whom_to_collect(settings, of="hashtags").subjects.get(GRAPH_API, ())
    except InstagramAssetsError:
        return ()


def _registry(settings: Settings) -> Registry:
    return load_registry(settings.accounts_file, load_tombstones(settings.folder("privacy")))
