"""Sessions with a site: its adapter with HTTP client, rate limiter and requester, built from the settings."""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf

from instagram_assets.collect.backoff import Backoff
from instagram_assets.collect.clock import Clock
from instagram_assets.collect.collector_database import CollectorDatabase
from instagram_assets.collect.cookies import read_cookies
from instagram_assets.collect.graph_api_site import open_graph_api_site
from instagram_assets.collect.graph_api_token import check_token_expiry
from instagram_assets.collect.http_client import HttpClient
from instagram_assets.collect.instagram_site import PAGE_SIZE, InstagramSite
from instagram_assets.collect.proxies import Proxies, Proxy
from instagram_assets.collect.rate_limiter import Budget, Limiter
from instagram_assets.collect.retrying_requester import Requester
from instagram_assets.collect.site_adapter import SiteAdapter
from instagram_assets.settings import CollectionSettings, GraphApiSettings
from instagram_assets.settings.rate_limits import Rate, redundant

_Log = Callable[[str], object]


@dataclass(frozen=True)
class SiteSession:
    """A site adapter with its requester, rate limiter and page size (posts per page)."""

    site: SiteAdapter
    requester: Requester
    limiter: Limiter
    rates: tuple[Rate, ...]
    page_size: int

    def requests_for(self, posts: int) -> int:
        """Estimated number of requests to collect `posts` posts of an account."""
        return max(1, -(-posts // self.page_size))


@contextmanager
def instagram_session(
    options: CollectionSettings,
    database: CollectorDatabase,
    clock: Clock,
    log: _Log,
    *,
    proxies: Sequence[Proxy] = (),
    patience: float = inf,
    budget: Budget | None = None,
) -> Generator[SiteSession]:
    """Context manager: a session with Instagram's website. Raises FileError for an invalid cookie file."""
    cookies = read_cookies(options.cookie_file, clock.now()) if options.cookie_file else None
    for warning in cookies.warnings if cookies else ():
        log(warning)
    site = InstagramSite(options, cookies, clock=clock)
    ways = Proxies(proxies, clock, log) if proxies else None
    with HttpClient(options.instagram_url, timeout=options.timeout, proxies=ways) as client:
        yield _session(site, client, options.rates, PAGE_SIZE, options, database, clock, log, patience, budget)


@contextmanager
def graph_api_session(
    options: GraphApiSettings,
    collection: CollectionSettings,
    database: CollectorDatabase,
    clock: Clock,
    log: _Log,
    *,
    patience: float = inf,
    budget: Budget | None = None,
) -> Generator[SiteSession]:
    """Context manager: a session with the Graph API; logs a warning if its token expires soon.

    Raises SettingsError if the token or the user id is not set, IdentityStoppedError if the token has expired.
    """
    site = open_graph_api_site(options, database, clock, log)
    with HttpClient(options.api_url, timeout=collection.timeout) as client:
        made = _session(
            site, client, options.rates, options.page_size, collection, database, clock, log, patience, budget
        )
        check_token_expiry(made.requester, site.token_request(), database, site.identity, clock, log)
        yield made


def _session(
    site: SiteAdapter,
    client: HttpClient,
    rates: tuple[Rate, ...],
    page_size: int,
    options: CollectionSettings,
    database: CollectorDatabase,
    clock: Clock,
    log: _Log,
    patience: float,
    budget: Budget | None,
) -> SiteSession:
    for warning in redundant(rates):
        log(warning)
    backoff = Backoff(options.backoff_mult, options.backoff_exp, options.backoff_mode, options.backoff_cap)
    limiter = Limiter(database, site.identity, rates, clock, log)
    requester = Requester(site, client.send, database, limiter, backoff, clock, log, patience=patience, budget=budget)
    return SiteSession(site, requester, limiter, rates, page_size)
