"""A local fake of Instagram's site for the collector: profiles and paginated posts of synthetic accounts."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from instagram_assets.demo.instagram_data import SitePerson, app_timeline_response, profile_response, timeline_response
from instagram_assets.demo.json_server import JsonReply, JsonRequest, JsonServer

PROFILE_PATH = "/api/v1/users/web_profile_info/"
GRAPHQL_PATH = "/graphql/query"


class PageRequest(NamedTuple):
    """A parsed request for a page of posts: account, cursor, page size, and whether the client is logged in."""

    path: str
    subject: str
    cursor: str | None
    first: int
    logged_in: bool


def parse_page_request(
    people: Mapping[str, SitePerson], path: str, words: Mapping[str, str], logged_in: bool
) -> PageRequest:
    """Parse a request for a page of posts from its path and its query or form parameters `words`."""
    variables: dict[str, Any] = json.loads(words.get("variables", "{}"))
    number = variables.get("id")
    by_number = next((name for name, person in people.items() if person.profile_id == number), "")
    subject = words.get("username") or variables.get("username") or by_number
    first = variables.get("first") or variables.get("data", {}).get("count") or 0
    return PageRequest(path, subject, variables.get("after"), first, logged_in)


def page_response(people: Mapping[str, SitePerson], page: PageRequest) -> tuple[int, dict[str, Any]]:
    """Return the HTTP status and JSON body for a request for a page of posts."""
    if page.path not in (PROFILE_PATH, GRAPHQL_PATH):
        return 404, {"message": "", "status": "fail"}
    person = people.get(page.subject)
    if person is None:
        return 200, {"data": {"user": None}, "status": "ok"}
    if page.path == PROFILE_PATH:
        return 200, profile_response(person, page.logged_in)
    try:
        answer = app_timeline_response if page.logged_in else timeline_response
        return 200, answer(person, page.cursor, page.first)
    except ValueError:
        return 400, {"message": "invalid cursor", "status": "fail"}


class InstagramServer(JsonServer):
    """A local server of Instagram's logged-out site.

    `people` are the accounts, which can be changed while it runs; `asked` lists the received requests.
    """

    def __init__(self, people: Mapping[str, SitePerson]) -> None:
        super().__init__()
        self.people = dict(people)
        self.asked: list[PageRequest] = []

    def respond(self, request: JsonRequest) -> JsonReply:
        form = {name: values[-1] for name, values in parse_qs(request.body.decode()).items()}
        page = parse_page_request(self.people, request.path, {**request.query, **form}, logged_in=False)
        self.asked.append(page)
        return JsonReply(*page_response(self.people, page))
