"""Site adapter for Meta's Graph API ("Instagram API with Facebook Login"): professional accounts and hashtags.

An account is requested by the "business discovery" endpoint: its profile with its newest posts, then page by page. A
hashtag has an id that never changes; the API returns its posts of the last 24 hours, unordered, and its top posts. The
token is sent in a header (in a form field when its expiry is requested), never in a URL.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

from instagram_assets.collect.clock import Clock
from instagram_assets.collect.collector_database import CollectorDatabase
from instagram_assets.collect.graph_api_responses import (
    as_object,
    classify_error,
    classify_status,
    posts_after,
    posts_of_hashtag,
    profile_and_posts,
    response_content,
    without_token,
)
from instagram_assets.collect.graph_api_token import classify_token_info, is_about_token, token_request
from instagram_assets.collect.graph_api_usage import parse_usage
from instagram_assets.collect.hashtag_budget import HASHTAG_ID, budget_refusal, known_hashtag_id, unsupported_reason
from instagram_assets.collect.instagram_responses import retry_after
from instagram_assets.collect.site_adapter import (
    GRAPH_API,
    Classification,
    CrawlPage,
    PostRef,
    Request,
    Response,
    ResponseOutcome,
)
from instagram_assets.errors import ContractError, SettingsError
from instagram_assets.ingest.field_values import is_account_name
from instagram_assets.ingest.post_ids import shortcode_from_url
from instagram_assets.settings import GraphApiSettings
from instagram_assets.settings.environment import read_secret
from instagram_assets.sources.account_and_hashtag_names import is_hashtag

RECENT_EDGE, TOP_EDGE = "recent_media", "top_media"

_SEARCH = "ig_hashtag_search"
_DISCOVERY = "business_discovery"
_PROFILE_ID = "profile_id"
_MOST_TOP_PAGES = 4
"""Maximum number of pages of a hashtag's top posts, which hardly change between runs and have no end."""
_CURSOR = re.compile(r"[\w=%.:+/~-]{1,2000}", re.ASCII)
_USER_ID_MISSING = (
    "INSTAGRAM_ASSETS_GRAPH_API__USER_ID is not set: the API answers for a professional account of your own. Set it to "
    "that account's Instagram user id, in digits."
)

Json = Mapping[str, Any]


def open_graph_api_site(
    settings: GraphApiSettings, database: CollectorDatabase, clock: Clock, log: Callable[[str], object]
) -> "GraphApiSite":
    """The site adapter, with the token from the environment. Raises SettingsError if the token is not set."""
    return GraphApiSite(settings, _token(settings), database, clock, log)


def check_graph_api_settings(settings: GraphApiSettings) -> None:
    """Raise SettingsError, which names the missing setting, unless the token and the user id are set."""
    _token(settings)
    if not settings.user_id:
        raise SettingsError(_USER_ID_MISSING)


def _token(settings: GraphApiSettings) -> str:
    return read_secret(
        settings.token_variable, "the long-lived token of the Graph API", "Make one as docs/graph_api.md describes."
    )


class GraphApiSite:
    """Site adapter `graph_api`; reads hashtag ids and the hashtag budget from `database`."""

    name = GRAPH_API

    def __init__(
        self,
        settings: GraphApiSettings,
        token: str,
        database: CollectorDatabase,
        clock: Clock,
        log: Callable[[str], object] = lambda _: None,
    ) -> None:
        if not settings.user_id:
            raise SettingsError(_USER_ID_MISSING)
        self._settings, self._token, self._database, self._clock = settings, token, database, clock
        # Each message is logged once: a problem of one response usually repeats with every further one.
        self._log_once = cache(log)
        self.identity = graph_api_identity(settings)

    def refusal(self, subject: str) -> str:
        """Why an account or hashtag cannot be requested, such as an invalid name or a used-up weekly hashtag budget.

        Empty if it can be requested.
        """
        if not is_hashtag(subject):
            return "" if is_account_name(subject) else f"{subject!r} is no account's name"
        return unsupported_reason(subject) or budget_refusal(
            self._database, GRAPH_API, self.identity, subject, self._clock.now(), self._settings.hashtags_per_week
        )

    def next_request(self, subject: str, pages: Sequence[CrawlPage]) -> Request | None:
        """The request for the page that follows `pages`; None when there are no more."""
        if pages and pages[-1].cursor is None:
            return None
        if is_hashtag(subject):
            return self._next_of_hashtag(subject, pages)
        if pages and _repeats(pages[-1], pages[:-1]):
            return None
        if not pages:
            fields = profile_and_posts(subject, self._settings.page_size)
            return self._request(self._settings.user_id, f"the profile and newest posts of {subject}", fields=fields)
        fields = posts_after(subject, str(pages[-1].cursor), self._settings.page_size)
        return self._request(self._settings.user_id, f"further posts of {subject}", fields=fields)

    def token_request(self) -> Request:
        """The request for the token's expiry date, to be passed to `graph_api_token.check_token_expiry`."""
        return token_request(self._url("debug_token"), self._token, self._headers)

    def classify(self, request: Request, response: Response) -> Classification:
        """Classify a response by its content; its usage headers (percentage of Meta's rate limits) set the `pause`."""
        usage = parse_usage(response.headers, self._log_once)
        classification = self._classify(request, response)
        if classification.outcome is ResponseOutcome.THROTTLED:
            return replace(classification, pause=max(usage.regained, retry_after(response.headers, self._clock.now())))
        if classification.outcome is ResponseOutcome.CONTRACT_CHANGED:
            classification = replace(classification, content=without_token(response.body, self._token))
        return replace(
            classification, reason=classification.reason or usage.words, pause=max(classification.pause, usage.pause)
        )

    def parse(self, request: Request, content: Any) -> CrawlPage:
        """Parse the content of a response: a profile with posts, a page of posts, or the id of a hashtag."""
        place = _place(request)
        if place in (RECENT_EDGE, TOP_EDGE):
            return self._page_of_hashtag(place, content)
        if place == _SEARCH:
            return CrawlPage((), cursor=f"{RECENT_EDGE}:", facts={HASHTAG_ID: _hashtag_id(content)})
        return _page_of_account(content)

    @property
    def _headers(self) -> Mapping[str, str]:
        return {"authorization": f"Bearer {self._token}", "accept": "application/json"}

    def _url(self, place: str) -> str:
        return f"{self._settings.api_url}/{self._settings.version}/{place}"

    def _request(self, place: str, what: str, **params: str) -> Request:
        return Request(self._url(place), what, params, headers=self._headers)

    def _next_of_hashtag(self, hashtag: str, pages: Sequence[CrawlPage]) -> Request | None:
        own, tag = self._settings.user_id, hashtag[1:]
        known = [page.facts[HASHTAG_ID] for page in pages if HASHTAG_ID in page.facts]
        number = str(known[-1]) if known else known_hashtag_id(self._database, GRAPH_API, hashtag)
        if number is None:
            return self._request(_SEARCH, f"the id of {hashtag}", user_id=own, q=tag)
        edge, _, after = str(pages[-1].cursor if pages else f"{RECENT_EDGE}:").partition(":")
        turned = [page for page in pages if _edge_of(page) == edge]
        if edge == TOP_EDGE and len(turned) >= _MOST_TOP_PAGES:
            return None
        if after and _repeats(turned[-1], turned[:-1]):
            if edge == TOP_EDGE or not self._settings.top_media:
                return None
            edge, after = TOP_EDGE, ""
        what = newest_posts_label(hashtag) if edge == RECENT_EDGE else f"the top posts of {hashtag}"
        params = {"user_id": own, "fields": posts_of_hashtag(), "limit": str(self._settings.page_size)}
        return self._request(f"{number}/{edge}", what, **params, **({"after": after} if after else {}))

    def _page_of_hashtag(self, edge: str, content: Any) -> CrawlPage:
        media = _records(content)
        # Meta: a page without `next` is the last. In case `next` is never sent, a full page is not taken as the last.
        goes_on = bool(_paging(content).get("next")) or len(media) >= self._settings.page_size
        after = _after(content) if media and goes_on else None
        cursor = f"{edge}:{after}" if after else None
        if cursor is None and edge == RECENT_EDGE and self._settings.top_media:
            cursor = f"{TOP_EDGE}:"
        return CrawlPage(media, _seen(media), cursor)

    def _classify(self, request: Request, response: Response) -> Classification:
        content = response_content(response)
        if isinstance(content, Classification):
            return content
        place = _place(request)
        if error := as_object(as_object(content).get("error")):
            classification = classify_error(
                error, of_hashtag=_is_of_hashtag(place), own_id=self._settings.user_id, token=self._token
            )
            # Failing to read the token's expiry is no reason to stop the collection.
            lenient = is_about_token(request) and classification.outcome in (
                ResponseOutcome.NO_PERMISSION,
                ResponseOutcome.CONTRACT_CHANGED,
            )
            return classify_token_info(None, self._clock.now()) if lenient else classification
        if found := classify_status(response.status):
            return found
        if is_about_token(request):
            return classify_token_info(content, self._clock.now())
        if place == _SEARCH and as_object(content).get("data") == []:
            return Classification(ResponseOutcome.NOT_FOUND, "there is no such hashtag")
        try:
            self.parse(request, content)
        except ContractError as error:
            return Classification(ResponseOutcome.CONTRACT_CHANGED, str(error))
        return Classification(ResponseOutcome.OK, content=content)


def graph_api_identity(settings: GraphApiSettings) -> str:
    """Name, in the database, of the account that sends the requests.

    The hashtag budget, rate limits and suspensions are kept under this name.
    """
    return f"{GRAPH_API}:{settings.user_id}"


def newest_posts_label(hashtag: str) -> str:
    """The description, in the database column `what`, of requests for a hashtag's newest posts."""
    return f"the newest posts of {hashtag}"


def _place(request: Request) -> str:
    """The last segment of a request's URL path, which names the kind of data requested (Meta calls it the edge)."""
    return request.url.rpartition("/")[2]


def _is_of_hashtag(place: str) -> bool:
    return place in (RECENT_EDGE, TOP_EDGE, _SEARCH)


def _page_of_account(content: Any) -> CrawlPage:
    about = as_object(as_object(content).get(_DISCOVERY))
    if not about:
        raise ContractError(f"the answer has no {_DISCOVERY}")
    profile = {key: value for key, value in about.items() if key != "media"}
    connection = about.get("media", {"data": []})
    media = _records(connection)
    # Pages after the first repeat only the account's id, not the rest of its profile.
    records = [profile, *media] if "username" in profile else media
    facts = {_PROFILE_ID: str(profile["id"])} if profile.get("id") else {}
    return CrawlPage(records, _seen(media), _after(connection) if media else None, facts)


def _records(content: Any) -> list[Json]:
    """The objects in the list `data` of an API response. Raises ContractError for another format."""
    data = as_object(content).get("data")
    if not isinstance(data, list):
        raise ContractError("the answer has no list in `data`")
    items: list[Any] = list(data)  # pyright: ignore[reportUnknownArgumentType]
    if not all(isinstance(item, dict) for item in items):
        raise ContractError("the list in `data` holds something else than objects")
    return items


def _hashtag_id(content: Any) -> str:
    """The id of a hashtag, from a response that is an object or a list of objects. Raises ContractError without one."""
    found = as_object(content).get("id") or next((item.get("id") for item in _records(content)), None)
    if not isinstance(found, (str, int)) or not str(found).isascii() or not str(found).isdigit():
        raise ContractError("the answer has no id of the hashtag, in digits")
    return str(found)


def _after(connection: Any) -> str | None:
    """The cursor of the next page, from the API's object that contains the list of posts; None at the end."""
    after = as_object(_paging(connection).get("cursors")).get("after")
    if after is None or after == "":
        return None
    if not isinstance(after, str) or not _CURSOR.fullmatch(after):
        raise ContractError("the cursor behind the page is of a kind that is not known")
    return after


def _paging(connection: Any) -> Json:
    return as_object(as_object(connection).get("paging"))


def _seen(media: Sequence[Json]) -> list[PostRef]:
    return [
        PostRef(code, _time(item.get("timestamp")))
        for item in media
        if (code := shortcode_from_url(item.get("permalink")))
    ]


def _time(value: object) -> datetime | None:
    try:
        when = datetime.fromisoformat(value) if isinstance(value, str) else None
        return when and (when.astimezone(UTC) if when.tzinfo else when.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        return None


def _repeats(page: CrawlPage, before: Iterable[CrawlPage]) -> bool:
    """Whether all posts of a page were already on earlier pages (`before`): then there are no more pages."""
    seen = {post.shortcode for earlier in before for post in earlier.posts}
    return bool(page.posts) and all(post.shortcode in seen for post in page.posts)


def _edge_of(page: CrawlPage) -> str:
    """The edge (recent or top posts) from which a hashtag's page was fetched, derived from its cursor."""
    edge, _, after = str(page.cursor).partition(":")
    return edge if after else RECENT_EDGE
