"""A local fake of Meta's Graph API: accounts, hashtags, rate limits, and a record of the requests.

    with GraphApiServer([account("sun_diary", 120, newest)], [hashtag("육아일기", first_day, 30, 80)]) as server:
        ... api_url=server.url, user_id=server.own_id, token=server.token ...
        assert len(server.requests) == 3

It returns only the requested fields, as the reference of v25.0 describes (2026-08). `now` is the server's clock:
hashtags have posts of the last 24 hours, and 30 different hashtags may be queried in seven days.
"""

import base64
import json
import random
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlencode

from instagram_assets.demo.graph_api_data import GraphAccount, GraphHashtag, GraphPost
from instagram_assets.demo.graph_api_fields import InvalidFieldsError, QueryField, parse_fields, select_fields
from instagram_assets.demo.json_server import JsonReply, JsonRequest, JsonServer

ACCOUNT_REQUEST, SEARCH_REQUEST, RECENT_REQUEST, TOP_REQUEST = (
    "business_discovery",
    "ig_hashtag_search",
    "recent_media",
    "top_media",
)
TOKEN_REQUEST, COUNTED_REQUEST = "debug_token", "recently_searched_hashtags"
VERSIONS = ("v24.0", "v25.0")
WEEK_SECONDS = 7 * 86_400
HASHTAG_WINDOW = timedelta(hours=24)
HASHTAGS_PER_WEEK = 30
LARGEST_PAGE = 50

_OF_ACCOUNTS = frozenset(
    {
        *("id", "username", "name", "biography", "website", "followers_count", "follows_count", "media_count"),
        "profile_picture_url",
    }
)
_OF_MEDIA = frozenset(
    {
        *("id", "caption", "comments_count", "like_count", "media_product_type", "media_type", "media_url"),
        *("permalink", "thumbnail_url", "timestamp", "username", "view_count", "children"),
    }
)
_OF_HASHTAGS = _OF_MEDIA - {"username", "media_product_type", "thumbnail_url", "view_count"}
_PERMISSIONS = ("instagram_basic", "instagram_manage_insights", "pages_read_engagement")


class GraphApiRequest(NamedTuple):
    """A recorded request: time on the server's clock, request type, account or hashtag, and raw HTTP request."""

    at: float
    kind: str
    about: str
    request: JsonRequest


class GraphApiServer(JsonServer):
    """Context manager: serves the fake API until its exit; `requests` lists the received requests in order.

    `leaks` lists the paths of requests with the token in the URL. `usage` is the rate limit usage in percent and
    `regain` the minutes until access is restored, both sent as response headers. With `same_cursor`, all pages of a
    hashtag have the same cursor, as Meta's reference says.
    """

    def __init__(
        self,
        accounts: Iterable[GraphAccount] = (),
        hashtags: Iterable[GraphHashtag] = (),
        *,
        token: str = "EAAdemoGraphToken",
        own_id: str = "17841400000000001",
        now: Callable[[], float] = time.time,
        same_cursor: bool = False,
    ) -> None:
        super().__init__()
        self.accounts = {account.name: account for account in accounts}
        self.hashtags = {hashtag.name: hashtag for hashtag in hashtags}
        self.token, self.own_id, self.now, self.same_cursor = token, own_id, now, same_cursor
        self.expires_at = 0
        self.permissions = set(_PERMISSIONS)
        self.usage, self.regain = 0, 0
        self.requests: list[GraphApiRequest] = []
        self.leaks: list[str] = []
        self.counted: dict[str, float] = {}
        self._positions: dict[str, tuple[float, int]] = {}
        self._lock = threading.Lock()

    def respond(self, request: JsonRequest) -> JsonReply:
        """Record a request under the lock, and return the response."""
        with self._lock:
            asked = GraphApiRequest(self.now(), *self._meaning(request), request)
            self.requests.append(asked)
            reply = self.reply(asked)
            return reply._replace(headers={**self._usage_headers(), **reply.headers}) if reply.status else reply

    def reply(self, asked: GraphApiRequest) -> JsonReply:
        """Return the response to a recorded request, without the headers about rate limit usage."""
        request = asked.request
        if self.token in f"{request.path}?{urlencode(request.query)}":
            self.leaks.append(request.path)
            return graph_api_error(190, "A token in an address is read by many")
        if refused := self._refused(asked):
            return refused
        try:
            return (
                self._ANSWERS[asked.kind](self, asked)
                if asked.kind
                else graph_api_error(2500, "Unknown path components")
            )
        except InvalidFieldsError as fault:
            return graph_api_error(100, f"(#100) {fault}")

    def count(self, kind: str) -> int:
        """Return the number of received requests of one type."""
        return sum(asked.kind == kind for asked in self.requests)

    def _refused(self, asked: GraphApiRequest) -> JsonReply | None:
        if asked.request.path.split("/")[1] not in VERSIONS:
            return graph_api_error(2635, "You are calling a deprecated version of the API.")
        if asked.request.headers.get("authorization") != f"Bearer {self.token}":
            return graph_api_error(190, "Invalid OAuth access token - Cannot parse access token", status=401)
        if self.expires_at and self.now() >= self.expires_at:
            return graph_api_error(190, "Error validating access token: Session has expired.", 463, status=401)
        if asked.kind != TOKEN_REQUEST and "instagram_basic" not in self.permissions:
            return graph_api_error(10, "(#10) Application does not have permission for this action", status=403)
        return None

    def _meaning(self, request: JsonRequest) -> tuple[str, str]:
        """Return a request's type and the account or `#hashtag` that it asks for; empty strings if not recognised."""
        parts = request.path.strip("/").split("/")[1:]
        if parts == [SEARCH_REQUEST]:
            return SEARCH_REQUEST, f"#{request.query.get('q', '')}"
        if parts == [TOKEN_REQUEST]:
            return TOKEN_REQUEST, ""
        if len(parts) == 2 and parts[1] in (RECENT_REQUEST, TOP_REQUEST):
            return parts[1], next((f"#{tag.name}" for tag in self.hashtags.values() if tag.id == parts[0]), "")
        if parts == [self.own_id, COUNTED_REQUEST]:
            return COUNTED_REQUEST, ""
        if len(parts) == 1 and ACCOUNT_REQUEST in request.query.get("fields", ""):
            return ACCOUNT_REQUEST, request.query["fields"].partition("username(")[2].partition(")")[0]
        return "", ""

    def _answer_account(self, asked: GraphApiRequest) -> JsonReply:
        if asked.request.path.rpartition("/")[2] != self.own_id:
            return graph_api_error(100, "Unsupported get request. Object does not exist or cannot be loaded.", 33)
        (wanted,) = parse_fields(asked.request.query["fields"])
        account = self.accounts.get(wanted.arguments.get("username", "").lower())
        if account is None:
            return graph_api_error(110, "Invalid user id", 2207013)
        plain = [each for each in wanted.fields if each.name != "media"]
        about = select_fields(account.node, plain, _OF_ACCOUNTS, "IGUser")
        if media := wanted.within("media"):
            about["media"] = self._posts_of_account(account, media)
        return JsonReply(200, {ACCOUNT_REQUEST: about, "id": self.own_id})

    def _posts_of_account(self, account: GraphAccount, media: QueryField) -> dict[str, Any]:
        now = datetime.fromtimestamp(self.now(), UTC)
        there = [post for post in account.posts if post.taken_at <= now]
        begin = _position(media.arguments.get("after", ""))
        limit = int(media.arguments.get("limit", "25"))
        page = there[begin : begin + limit]
        nodes = [select_fields(post.node, media.fields, _OF_MEDIA, "IGMedia") for post in page]
        cursors = dict[str, str]()
        if begin:
            cursors["before"] = _cursor(begin)
        if begin + limit < len(there):
            cursors["after"] = _cursor(begin + limit)
        return {"data": nodes, "paging": {"cursors": cursors}} if cursors else {"data": nodes}

    def _answer_search(self, asked: GraphApiRequest) -> JsonReply:
        hashtag = self.hashtags.get(asked.request.query.get("q", ""))
        if hashtag is None:
            return graph_api_error(24, "The requested resource does not exist", 2207024)
        return self._counts(hashtag) or JsonReply(200, {"data": [{"id": hashtag.id}]})

    def _answer_posts(self, asked: GraphApiRequest) -> JsonReply:
        hashtag = self.hashtags.get(asked.about.removeprefix("#"))
        if hashtag is None:
            return graph_api_error(24, "The requested resource does not exist", 2207024)
        if refused := self._counts(hashtag):
            return refused
        query = asked.request.query
        limit = min(int(query.get("limit", "25")), LARGEST_PAGE)
        as_of, begin = self._place(asked, hashtag)
        there = _shown(hashtag, asked.kind, as_of)
        nodes = [
            select_fields(each.node, parse_fields(query.get("fields", "id")), _OF_HASHTAGS, "IGMedia")
            for each in there[begin : begin + limit]
        ]
        content: dict[str, Any] = {"data": nodes}
        if nodes:
            after = self._cursor_behind(asked.kind, hashtag, as_of, begin + limit)
            paging: dict[str, Any] = {"cursors": {"after": after}}
            if begin + limit < len(there):
                address = urlencode({"access_token": self.token, **query, "after": after})
                paging["next"] = f"https://graph.facebook.com{asked.request.path}?{address}"
            content["paging"] = paging
        return JsonReply(200, content)

    def _place(self, asked: GraphApiRequest, hashtag: GraphHashtag) -> tuple[float, int]:
        """Return snapshot time and offset of a requested page of posts; all pages of a query share the snapshot."""
        after = asked.request.query.get("after", "")
        if not after:
            return asked.at, 0
        if self.same_cursor:
            return self._positions[f"{asked.kind} {hashtag.id}"]
        as_of, begin = json.loads(_decoded(after))
        return as_of, begin

    def _cursor_behind(self, kind: str, hashtag: GraphHashtag, as_of: float, position: int) -> str:
        if not self.same_cursor:
            return _encoded(json.dumps([as_of, position]))
        self._positions[f"{kind} {hashtag.id}"] = as_of, position
        return _encoded("the one cursor")

    def _counts(self, hashtag: GraphHashtag) -> JsonReply | None:
        """Count a hashtag towards the limit of hashtags per week.

        Returns an error response if the limit is exceeded, else None.
        """
        now = self.now()
        counted = {number: since for number, since in self.counted.items() if now - since < WEEK_SECONDS}
        if hashtag.id not in counted and len(counted) >= HASHTAGS_PER_WEEK:
            return graph_api_error(18, "(#18) You have exceeded the number of unique hashtags", 2207034)
        self.counted = {hashtag.id: now, **counted}
        return None

    def _answer_counted(self, _: GraphApiRequest) -> JsonReply:
        return JsonReply(
            200, {"data": [{"id": n} for n, since in self.counted.items() if self.now() - since < WEEK_SECONDS]}
        )

    def _answer_token(self, asked: GraphApiRequest) -> JsonReply:
        form = {name: values[-1] for name, values in parse_qs(asked.request.body.decode()).items()}
        if form.get("input_token") != self.token or form.get("method") != "get":
            return graph_api_error(100, "(#100) You must provide an input_token")
        about = {"app_id": "1", "type": "USER", "expires_at": self.expires_at, "scopes": sorted(self.permissions)}
        return JsonReply(200, {"data": {**about, "is_valid": True, "user_id": "1"}})

    def _usage_headers(self) -> dict[str, str]:
        shares = {"call_count": self.usage, "total_cputime": self.usage // 2, "total_time": self.usage // 3}
        case = {"type": "instagram", **shares, "estimated_time_to_regain_access": self.regain}
        return {"x-app-usage": json.dumps(shares), "x-business-use-case-usage": json.dumps({self.own_id: [case]})}

    _ANSWERS = {
        ACCOUNT_REQUEST: _answer_account,
        SEARCH_REQUEST: _answer_search,
        RECENT_REQUEST: _answer_posts,
        TOP_REQUEST: _answer_posts,
        TOKEN_REQUEST: _answer_token,
        COUNTED_REQUEST: _answer_counted,
    }


def graph_api_error(code: int, message: str, subcode: int = 0, *, status: int = 400, **more: object) -> JsonReply:
    """Return an error response in the format of the Graph API."""
    content = {"message": message, "type": "OAuthException", "code": code, "fbtrace_id": "AbCdEf", **more}
    return JsonReply(status, {"error": content | ({"error_subcode": subcode} if subcode else {})})


def _shown(hashtag: GraphHashtag, kind: str, as_of: float) -> Sequence[GraphPost]:
    """Return the recent or top posts of a hashtag at time `as_of` (Unix seconds); recent posts in random order."""
    now = datetime.fromtimestamp(as_of, UTC)
    if kind == TOP_REQUEST:
        return [post for post in hashtag.top if post.taken_at <= now]
    there = [post for post in hashtag.posts if now - HASHTAG_WINDOW < post.taken_at <= now]
    random.Random(int(as_of)).shuffle(there)
    return there


def _cursor(position: int) -> str:
    return _encoded(str(position))


def _position(cursor: str) -> int:
    return int(_decoded(cursor)) if cursor else 0


def _encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


def _decoded(cursor: str) -> str:
    try:
        return base64.urlsafe_b64decode(cursor).decode()
    except ValueError as fault:
        raise InvalidFieldsError("The cursor is not known") from fault
