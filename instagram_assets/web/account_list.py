"""The list of all accounts and hashtags in the account registry, the lake, and the collectors' request logs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from instagram_assets.calendar import day_of, today
from instagram_assets.collect.clock import SystemClock
from instagram_assets.collect.collection_status import (
    AccountStatus,
    IdentityStatus,
    account_statuses,
    identity_statuses,
)
from instagram_assets.collect.collector_database import CollectorDatabase
from instagram_assets.errors import InstagramAssetsError, NotFoundError
from instagram_assets.privacy.pseudonyms import is_forgotten_pseudonym
from instagram_assets.privacy.tombstones import load_tombstones
from instagram_assets.report.safe_text import printable
from instagram_assets.settings import Settings
from instagram_assets.sources.account_and_hashtag_names import is_hashtag
from instagram_assets.sources.account_registry import EntryState, RegistryEntry, load_registry
from instagram_assets.web.account_summaries import Followers, InLake, account_lake, followers_over_time, last_posts
from instagram_assets.web.dependencies import Services

PATIENCE = 0.1
"""Seconds that a page waits for post counts; accounts whose count is not ready are shown as being counted."""
LAST_POSTS = 12


class Sort(StrEnum):
    """The sort order of the account list: newest post first, most followers first, or by name."""

    newest = "newest"
    followers = "followers"
    alphabet = "name"


@dataclass(frozen=True)
class Account:
    """One account or hashtag (with its `#`): its registry entry, data in the lake, and state at each collector site.

    `entry` and `turn` (when it is due for collection) come from the registry and are None if it is not registered.
    `sites` has its state at each site from which collectors fetch it; empty if it was never collected.
    """

    name: str
    lake: InLake
    entry: RegistryEntry | None
    turn: EntryState | None
    sites: tuple[AccountStatus, ...]
    newest_post: date | None

    @property
    def is_hashtag(self) -> bool:
        """Whether it is a hashtag, not an account."""
        return is_hashtag(self.name)

    @property
    def state(self) -> str:
        """The most important state: erased, damaged, a problem at a collected site, else the state in the registry."""
        if self.turn == "forgotten":
            return "forgotten"
        if self.lake.problem:
            return "damaged"
        states = [_state_of(site) for site in self.sites]
        wrong = next((state for state in states if state not in ("ok", "waiting")), "")
        if wrong or "waiting" in states:
            return wrong or "waiting"
        if self.turn:
            return self.turn.replace(" ", "_")
        return "ok" if states else "in_lake"

    @property
    def reason(self) -> str:
        """Explanation of the state, as reported by the lake or a collector site; empty if there is none."""
        if self.lake.problem:
            return self.lake.problem
        return next((site.reason for site in self.sites if site.reason), "")

    @property
    def next_at(self) -> datetime | None:
        """When the next request about the account is allowed at every site; None if it does not have to wait at any."""
        return max((site.next_at for site in self.sites if site.next_at), default=None)

    @property
    def refusals(self) -> int:
        """Number of failed requests about the account in the last seven days, summed over all collector sites."""
        return sum(site.refusals for site in self.sites)

    @property
    def requests_today(self) -> int:
        """Number of requests about the account today, summed over all collector sites."""
        return sum(site.requests_today for site in self.sites)

    @property
    def is_counting(self) -> bool:
        """Whether the account's posts in the lake are still being counted in the background."""
        return self.lake.posts is None and not self.lake.problem


@dataclass(frozen=True)
class Listing:
    """A page of accounts; `problems` are errors of an unreadable registry or request log, whose data is missing."""

    accounts: list[Account]
    total: int
    page: int
    pages: int
    problems: tuple[str, ...]
    requests_today: int
    identities: tuple[IdentityStatus, ...]

    @property
    def is_counting(self) -> bool:
        """Whether the posts of any account on the page are still being counted."""
        return any(account.is_counting for account in self.accounts)


@dataclass(frozen=True)
class Detail:
    """One account with its follower counts over time and its newest posts."""

    account: Account
    followers: list[Followers]
    posts: list[dict[str, object]]
    identities: tuple[IdentityStatus, ...]
    problem: str = ""


def list_accounts(
    services: Services, query: str = "", sort: Sort = Sort.newest, page: int = 1, size: int = 50
) -> Listing:
    """Returns a page of the accounts whose name contains `query`; for a page number beyond the end, the last page."""
    settings, known = services.settings, _Known(services.settings)
    text = query.strip().casefold().removeprefix("@")
    in_lake = account_lake(settings).accounts(PATIENCE)
    names = {name for name in known.names | in_lake.keys() if text in name and not is_forgotten_pseudonym(name)}
    found = sorted((known.account(name, in_lake.get(name, _NOT_THERE)) for name in names), key=_ORDERS[sort])
    pages = max(1, -(-len(found) // size))
    page = min(page, pages)
    return Listing(
        found[(page - 1) * size : page * size],
        *(len(found), page, pages, tuple(known.problems)),
        *(sum(identity.requests_today for identity in known.identities), known.identities),
    )


def find_account(services: Services, name: str) -> Account:
    """Returns an account or hashtag by its name; ignores case and a leading @. Raises NotFoundError."""
    return _find(_Known(services.settings), name)


def is_known(services: Services, name: str) -> bool:
    """Whether an account or hashtag is in the registry, the request logs or the lake, and so has a page."""
    try:
        return bool(find_account(services, name))
    except NotFoundError:
        return False


def account_detail(services: Services, name: str) -> Detail:
    """Returns one account with its follower counts and newest posts.

    Raises NotFoundError if it is unknown. For damaged files, `problem` has the error, and their data is missing.
    """
    known = _Known(services.settings)
    account, problem = _find(known, name), ""
    followers: list[Followers] = []
    posts: list[dict[str, object]] = []
    try:
        followers = followers_over_time(services.settings, account.name)
        posts = last_posts(services.settings, account.name, LAST_POSTS)
    except InstagramAssetsError as error:
        problem = str(error)
    return Detail(account, followers, posts, known.identities, problem)


class _Known:
    """The registry and the collectors' request logs of all accounts, each read once."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.problems: list[str] = []
        self.identities: tuple[IdentityStatus, ...] = ()
        self._entries: dict[str, RegistryEntry] = {}
        self._turns: dict[str, EntryState] = {}
        self._sites: dict[str, list[AccountStatus]] = {}
        for read in (self._read_registry, self._read_books):
            try:
                read()
            except InstagramAssetsError as error:
                self.problems.append(str(error))

    @property
    def names(self) -> set[str]:
        return {*self._entries, *self._sites}

    def account(self, name: str, lake: InLake) -> Account:
        sites = tuple(self._sites.get(name, ()))
        zone = self.settings.zone
        days = [lake.newest_day, *(day_of(site.newest_post_at, zone) for site in sites if site.newest_post_at)]
        newest = max((day for day in days if day), default=None)
        return Account(name, lake, self._entries.get(name), self._turns.get(name), sites, newest)

    def _read_registry(self) -> None:
        file = self.settings.accounts_file
        if not file.exists() and not self.settings.accounts.file:
            return
        registry = load_registry(file, load_tombstones(self.settings.folder("privacy")))
        self._entries = {entry.name: entry for entry in registry.entries}
        self._turns = registry.states(today(self.settings.zone))

    def _read_books(self) -> None:
        database, now = CollectorDatabase(self.settings.folder("collection")), SystemClock().now()
        if not database.file.exists():
            return
        for status in account_statuses(database, now, self.settings.zone):
            self._sites.setdefault(status.subject, []).append(status)
        self.identities = tuple(identity_statuses(database, now, self.settings.zone))


_NOT_THERE = InLake(posts=0)
_LONGEST_NAME = 150
"""Maximum characters of a name: file names have at most 255 bytes, and account names are much shorter."""
_LONG_AGO = date.min


def _by_newest(account: Account) -> tuple[object, ...]:
    return (-(account.newest_post or _LONG_AGO).toordinal(), account.name)


def _by_followers(account: Account) -> tuple[object, ...]:
    return (-(account.lake.followers.number if account.lake.followers else -1), account.name)


def _by_name(account: Account) -> tuple[object, ...]:
    return (account.name,)


_ORDERS: Mapping[Sort, Callable[[Account], tuple[object, ...]]] = {
    Sort.newest: _by_newest,
    Sort.followers: _by_followers,
    Sort.alphabet: _by_name,
}


def _find(known: _Known, name: str) -> Account:
    name = name.strip().removeprefix("@").casefold()
    lake = account_lake(known.settings)
    in_lake = 0 < len(name) <= _LONGEST_NAME and lake.has(name)
    if is_forgotten_pseudonym(name) or not (in_lake or name in known.names):
        raise NotFoundError(f"{printable(name, 60)}: neither the registry nor the lake has such an account or hashtag.")
    return known.account(name, lake.account(name) if in_lake else _NOT_THERE)


def _state_of(site: AccountStatus) -> str:
    if site.state != "active":
        return site.state
    if site.is_stopped:
        return "stopped"
    if site.open_pages:
        return "open"
    return "waiting" if site.next_at else "ok"
