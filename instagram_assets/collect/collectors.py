"""A site with all that it takes to ask it politely, as the settings have it: put together in one place for all."""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf

from instagram_assets.collect.backoff import Backoff
from instagram_assets.collect.books import Books
from instagram_assets.collect.budget import Budget
from instagram_assets.collect.clock import Clock
from instagram_assets.collect.cookies import read_cookies
from instagram_assets.collect.graph_api import open_graph_api
from instagram_assets.collect.graph_token import check_token
from instagram_assets.collect.http import Client
from instagram_assets.collect.instagram import PAGE_SIZE, InstagramSite
from instagram_assets.collect.limiter import Limiter
from instagram_assets.collect.proxies import Proxies, Proxy
from instagram_assets.collect.requester import Requester
from instagram_assets.collect.site import Site
from instagram_assets.settings import CollectionSettings, GraphApiSettings
from instagram_assets.settings.rates import Rate, redundant

Tell = Callable[[str], object]


@dataclass(frozen=True)
class Collector:
    """A site, what asks it and within which limits; a page has so many posts."""

    site: Site
    requester: Requester
    limiter: Limiter
    rates: tuple[Rate, ...]
    page_size: int

    def requests_for(self, posts: int) -> int:
        """About how many requests an account with so many wanted posts takes; some come along with its profile."""
        return max(1, -(-posts // self.page_size))


@contextmanager
def open_instagram(
    options: CollectionSettings,
    books: Books,
    clock: Clock,
    tell: Tell,
    *,
    proxies: Sequence[Proxy] = (),
    patience: float = inf,
    budget: Budget | None = None,
) -> Generator[Collector]:
    """Instagram's site, to be asked within the block. Raises FileError for a cookie file that is none."""
    cookies = read_cookies(options.cookie_file, clock.now()) if options.cookie_file else None
    for warning in cookies.warnings if cookies else ():
        tell(warning)
    site = InstagramSite(options, cookies, clock=clock)
    ways = Proxies(proxies, clock, tell) if proxies else None
    with Client(options.instagram_url, timeout=options.timeout, proxies=ways) as client:
        yield _collector(site, client, options.rates, PAGE_SIZE, options, books, clock, tell, patience, budget)


@contextmanager
def open_official(
    options: GraphApiSettings,
    collection: CollectionSettings,
    books: Books,
    clock: Clock,
    tell: Tell,
    *,
    patience: float = inf,
    budget: Budget | None = None,
) -> Generator[Collector]:
    """The Graph API, to be asked within the block; how long its token lives is told when it is not long.

    Raises SettingsError where the token or the own account is missing, IdentityStoppedError where the token has ended.
    """
    site = open_graph_api(options, books, clock, tell)
    with Client(options.api_url, timeout=collection.timeout) as client:
        made = _collector(
            site, client, options.rates, options.page_size, collection, books, clock, tell, patience, budget
        )
        check_token(made.requester, site.token_ask(), books, site.identity, clock, tell)
        yield made


def _collector(
    site: Site,
    client: Client,
    rates: tuple[Rate, ...],
    page_size: int,
    options: CollectionSettings,
    books: Books,
    clock: Clock,
    tell: Tell,
    patience: float,
    budget: Budget | None,
) -> Collector:
    for warning in redundant(rates):
        tell(warning)
    backoff = Backoff(options.backoff_mult, options.backoff_exp, options.backoff_mode, options.backoff_cap)
    limiter = Limiter(books, site.identity, rates, clock, tell)
    requester = Requester(site, client.send, books, limiter, backoff, clock, tell, patience=patience, budget=budget)
    return Collector(site, requester, limiter, rates, page_size)
