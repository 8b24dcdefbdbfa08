"""Site adapter for Instagram's website: a profile with its first posts, then page after page of older posts.

Paths and query ids are settings, since Instagram changes them. Records are stored unchanged, so that the parsers of
export files can read them; accounts that the site merely suggests are left out.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from instagram_assets.collect.clock import Clock, SystemClock, utc_datetime
from instagram_assets.collect.cookies import Cookies
from instagram_assets.collect.instagram_responses import classify_response, response_summary
from instagram_assets.collect.site_adapter import (
    INSTAGRAM,
    Classification,
    CrawlPage,
    PostRef,
    Request,
    Response,
    ResponseOutcome,
)
from instagram_assets.errors import ContractError
from instagram_assets.ingest.field_values import is_account_name
from instagram_assets.settings import CollectionSettings
from instagram_assets.sources.account_and_hashtag_names import is_hashtag

PAGE_SIZE = 12
"""Number of posts per page, as the site's own web page requests."""
_FROM_THE_START = "start"
"""Cursor of a profile page without posts: the first page of posts comes next."""
_POSTS_OF_PROFILE = "edge_owner_to_timeline_media"
_CONNECTIONS = (
    *(_POSTS_OF_PROFILE, "xdt_api__v1__feed__user_timeline_graphql_connection"),
    "polaris_ordered_timeline_connection",
)
_NOT_COLLECTED = frozenset(
    (
        *("edge_related_profiles", "edge_mutual_followed_by", "edge_felix_video_timeline", "edge_saved_media"),
        *("edge_media_collections", "profile_context_facepile_users", "chaining"),
    )
)
_HEADERS = {
    "Accept": "*/*",
    # Refusals are told by their words, which are in the language that is asked for.
    "Accept-Language": "en-US,en;q=0.8",
    "User-Agent": "Mozilla/5.0 (compatible; instagram-assets)",
    "X-Requested-With": "XMLHttpRequest",
}
_LATEST = 253_402_300_799  # the last second that has a date

_NO_COOKIES = "no cookies were given (INSTAGRAM_ASSETS_COLLECTION__COOKIE_FILE)"
_ONLY_LOGGED_IN = "it is shown to who is logged in alone"


@dataclass(frozen=True)
class _ProfileRequest(Request):
    """The request for a profile."""


@dataclass(frozen=True)
class _PostsRequest(Request):
    """The request for a page of a profile's posts, after `cursor`; without one, for the first page.

    `is_awaited` is true if the page must contain posts, since the profile states a number of posts above 0.
    """

    profile_id: str = ""
    username: str = ""
    cursor: str | None = None
    is_awaited: bool = False


class InstagramSite:
    """Site adapter `instagram`, logged in with the cookies of the user's own account, or anonymous without cookies."""

    name = INSTAGRAM

    def __init__(
        self, settings: CollectionSettings, cookies: Cookies | None = None, *, clock: Clock | None = None
    ) -> None:
        self._settings = settings
        self._cookies = cookies
        self._clock = clock or SystemClock()
        self.identity = cookies.identity if cookies else f"{INSTAGRAM}:anonymous"

    def refusal(self, subject: str) -> str:
        """Why a subject cannot be requested (a hashtag, an invalid account name); empty if it can."""
        if is_hashtag(subject):
            return "hashtags are asked of the official API alone (`instagram-assets collect`, with a token of Meta's)"
        return "" if is_account_name(subject) else "no account has such a name"

    def next_request(self, subject: str, pages: Sequence[CrawlPage]) -> Request | None:
        """The request for the profile or, once `pages` has it, for the next page of posts; None at the end."""
        if not pages:
            return _ProfileRequest(
                self._url(self._settings.profile_path),
                f"the profile of {subject}",
                params={"username": subject},
                headers=self._headers(subject),
            )
        cursor = pages[-1].cursor
        return None if cursor is None else self._posts_request(subject, pages, cursor)

    def classify(self, request: Request, response: Response) -> Classification:
        """Classify a response; for an unknown format, the content is a summary of the response for debugging."""
        classification = self._classify_response(request, response)
        if classification.outcome is ResponseOutcome.CONTRACT_CHANGED:
            return replace(classification, content=response_summary(response))
        return classification

    def _classify_response(self, request: Request, response: Response) -> Classification:
        classification = classify_response(response, self._clock.now())
        match classification.outcome:
            case ResponseOutcome.OK:
                return self._checked(request, classification)
            case ResponseOutcome.NOT_FOUND if isinstance(request, _PostsRequest) and response.status != 200:
                reason = (
                    f"{classification.reason}: posts may be asked for elsewhere now (setting collection.graphql_path)"
                )
                return Classification(ResponseOutcome.CONTRACT_CHANGED, reason)
            case ResponseOutcome.AUTH_GONE if self._is_wall(response):
                what = "its further posts: " if isinstance(request, _PostsRequest) else ""
                return Classification(ResponseOutcome.PRIVATE, f"{what}{_ONLY_LOGGED_IN} ({classification.reason})")
            case ResponseOutcome.AUTH_GONE if self._cookies is None:
                return replace(classification, reason=f"{classification.reason}; {_NO_COOKIES}")
            case _:
                return classification

    def parse(self, request: Request, content: Any) -> CrawlPage:
        """Parse the profile and its posts, or a page of posts. Raises ContractError for other formats."""
        data = content.get("data") if isinstance(content, dict) else None
        if not isinstance(data, dict):
            raise ContractError("Instagram's answer has no data.")
        if isinstance(request, _PostsRequest):
            return _posts_page(data, request)
        return self._profile_page(data)

    def _posts_request(self, subject: str, pages: Sequence[CrawlPage], cursor: str) -> _PostsRequest:
        facts = pages[0].facts
        profile_id, username = str(facts.get("profile_id", "")), str(facts.get("username", subject))
        after = None if cursor == _FROM_THE_START else cursor
        variables: dict[str, Any] = {"after": after, "before": None, "first": PAGE_SIZE, "last": None}
        if self._cookies:
            variables |= {"username": username, "data": {"count": PAGE_SIZE, **_APP_WISHES}}
            document = self._settings.timeline_document_logged_in
        else:
            variables |= {"id": profile_id}
            document = self._settings.timeline_document
        seen = sum(len(page.posts) for page in pages)
        return _PostsRequest(
            self._url(self._settings.graphql_path),
            f"posts of {subject} after {seen}",
            form={
                "doc_id": document,
                "variables": json.dumps(variables, separators=(",", ":")),
                "server_timestamps": "true",
            },
            headers=self._headers(username),
            profile_id=profile_id,
            username=username,
            cursor=after,
            is_awaited=not seen and bool(facts.get("posts_count")),
        )

    def _url(self, path: str) -> str:
        return f"{self._settings.instagram_url}/{path.lstrip('/')}"

    def _headers(self, subject: str) -> dict[str, str]:
        referer = f"{self._settings.instagram_url}/{subject}/"
        login = self._cookies.headers if self._cookies else {}
        return {**_HEADERS, "X-IG-App-ID": self._settings.app_id, "Referer": referer, **login}

    def _is_wall(self, response: Response) -> bool:
        """Whether a login demand concerns only this account: the site shows some accounts to logged-in users only."""
        return self._cookies is None and response.status == 400

    def _checked(self, request: Request, classification: Classification) -> Classification:
        if isinstance(request, _ProfileRequest) and self._is_closed(classification.content["data"].get("user")):
            return Classification(ResponseOutcome.PRIVATE, "the account is private")
        try:
            page = self.parse(request, classification.content)
        except ContractError as error:
            return Classification(ResponseOutcome.CONTRACT_CHANGED, str(error))
        if isinstance(request, _PostsRequest) and request.is_awaited and not page.records and page.cursor is None:
            if self._cookies is None:
                return Classification(ResponseOutcome.PRIVATE, f"its posts: {_ONLY_LOGGED_IN}")
            return Classification(
                ResponseOutcome.CONTRACT_CHANGED, "the profile counts posts, yet the first page of them is empty"
            )
        return classification

    def _is_closed(self, user: Any) -> bool:
        if not isinstance(user, dict) or user.get("is_private") is not True or user.get("followed_by_viewer") is True:
            return False
        return self._cookies is None or str(user.get("id")) != self._cookies.user_id

    def _profile_page(self, data: Mapping[str, Any]) -> CrawlPage:
        user = data.get("user")
        if not isinstance(user, dict):
            raise ContractError(f"Instagram's answer has no profile in it, but {_keys(data)}.")
        profile_id, username = user.get("id") or user.get("pk"), user.get("username")
        if not isinstance(profile_id, (str, int)) or not isinstance(username, str):
            raise ContractError(f"Instagram's profile has no id or no username, but {_keys(user)}.")
        found = user.get(_POSTS_OF_PROFILE)
        media: dict[str, Any] = found if isinstance(found, dict) else {}
        whose = _PostsRequest("", "", profile_id=str(profile_id), username=username)
        first = _posts_page({_POSTS_OF_PROFILE: media}, whose) if media.get("edges") else CrawlPage(())
        count = media.get("count")
        cursor = first.cursor
        if self._cookies or not first.records:
            # Cursors of profile pages are not valid for pages of posts, so posts are requested from the start.
            first, cursor = CrawlPage(()), None if count == 0 else _FROM_THE_START
        profile = {key: value for key, value in user.items() if key not in _NOT_COLLECTED}
        if found is not None:
            profile[_POSTS_OF_PROFILE] = {"count": count}
        facts = {"profile_id": str(profile_id), "username": username, "posts_count": count}
        return CrawlPage((profile, *first.records), first.posts, cursor, facts)


_APP_WISHES = {
    "include_reel_media_seen_timestamp": True,
    "include_relationship_info": True,
    "latest_besties_reel_media": True,
    "latest_reel_media": True,
}


def _posts_page(data: Mapping[str, Any], request: _PostsRequest) -> CrawlPage:
    """The posts of a page and the cursor of the next one. Raises ContractError for an unknown format."""
    connection = _connection(data)
    edges, page_info = connection.get("edges"), connection.get("page_info")
    if not isinstance(edges, list) or not isinstance(page_info, dict):
        raise ContractError(f"Instagram's page of posts has no edges and page_info, but {_keys(connection)}.")
    nodes = [edge["node"] for edge in edges if isinstance(edge, dict) and isinstance(edge.get("node"), dict)]
    posts = [seen for node in nodes if (seen := _seen(node, request.profile_id)) is not None]
    if edges and not posts:
        raise ContractError(f"Instagram's posts have no shortcode, but {_keys(nodes[0]) if nodes else 'no nodes'}.")
    cursor = page_info.get("end_cursor") if page_info.get("has_next_page") is True else None
    if page_info.get("has_next_page") is True and not (isinstance(cursor, str) and cursor):
        raise ContractError("Instagram says that posts follow, and not behind which cursor.")
    if cursor is not None and cursor == request.cursor:
        raise ContractError("Instagram gives a page's own cursor as the next: it would go round for ever.")
    return CrawlPage([_owned(node, request) for node in nodes], posts, cursor)


def _connection(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """The object that contains the list of posts, found under any of its known keys. Raises ContractError if none."""
    places = [data, *(inner for name in ("user", "node") if isinstance(inner := data.get(name), dict))]
    for place in places:
        for name in _CONNECTIONS:
            if isinstance(found := place.get(name), dict):
                return found
    raise ContractError(f"Instagram's answer has no posts in it, but {_keys(data)}.")


def _seen(node: Mapping[str, Any], profile_id: str) -> PostRef | None:
    """The shortcode, publication time and pinned flag of a post's JSON object; None if it has no shortcode."""
    code = node.get("shortcode") or node.get("code")
    if not isinstance(code, str):
        return None
    pinned = node.get("pinned_for_users") or node.get("timeline_pinned_user_ids")
    return PostRef(code, _taken_at(node), _is_pinned(pinned, profile_id))


def _taken_at(node: Mapping[str, Any]) -> datetime | None:
    for name in ("taken_at_timestamp", "taken_at", "date"):
        seconds = node.get(name)
        if isinstance(seconds, (int, float)) and not isinstance(seconds, bool) and 0 < seconds <= _LATEST:
            return utc_datetime(seconds)
    return None


def _is_pinned(pinned: object, profile_id: str) -> bool:
    """Whether a post is pinned on the profile `profile_id`; a shared post can be pinned on another profile."""
    if not isinstance(pinned, list):
        return False
    items: Iterable[Any] = pinned
    ids = {str(item.get("id", item.get("pk")) if isinstance(item, dict) else item) for item in items}
    return profile_id in ids or (bool(ids) and not any(one.isdigit() for one in ids))


def _owned(node: dict[str, Any], request: _PostsRequest) -> dict[str, Any]:
    """A copy of a post with its owner's username filled in, which the site sometimes omits on the owner's profile."""
    place = "owner" if "shortcode" in node else "user"
    found = node.get(place)
    owner: dict[str, Any] = found if isinstance(found, dict) else {}
    number = owner.get("id") or owner.get("pk") or request.profile_id
    if owner.get("username") or str(number) != request.profile_id:
        return node
    return {**node, place: {**owner, "id": request.profile_id, "username": request.username}}


def _keys(record: Mapping[str, Any]) -> str:
    return ", ".join(sorted(record)[:8]) or "nothing"
