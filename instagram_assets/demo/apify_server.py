"""A local fake of Apify's API: actors that return given items, and a record of the runs and their cost.

    with ApifyServer() as apify:
        apify.actors["apify/instagram-reel-scraper"] = Actor(items)
        ... api_url=apify.url, token=apify.token ...
        assert len(apify.runs) == 1

It implements what apify-client 3.4 requests. https://docs.apify.com/api/v2
"""

import gzip
import json
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from instagram_assets.demo.json_server import JsonReply, JsonRequest, JsonServer

_JsonObject = dict[str, Any]

_PRICE_OF_A_START, _PRICE_OF_A_RECORD = 0.01, 0.002


@dataclass
class ApifyActor:
    """A fake actor: its dataset items, the final status of its runs, and how many polls a run answers with RUNNING.

    `schema` is the actor's input schema (JSON Schema); empty if it has none. `ends_at` is the finish time that its runs
    report.
    """

    items: list[_JsonObject] = field(default_factory=list[_JsonObject])
    status: str = "SUCCEEDED"
    message: str = ""
    looks: int = 1
    schema: _JsonObject = field(default_factory=dict[str, Any])
    ends_at: datetime | None = None


@dataclass
class ApifyRun:
    """A recorded run of an actor; `looks` is the number of remaining polls that are answered with RUNNING."""

    number: int
    actor: str
    asked: _JsonObject
    options: Mapping[str, str]
    looks: int
    status: str
    started_at: datetime
    ended_at: datetime | None
    message: str = ""
    aborted: bool = False

    @property
    def id(self) -> str:
        return f"RUN{self.number:04}"


class ApifyRequest(NamedTuple):
    """An HTTP request to the fake API, as received."""

    method: str
    path: str
    query: Mapping[str, str]
    body: bytes
    token: str


class ApifyServer(JsonServer):
    """Context manager: serves the fake API until its exit; `requests` lists the received requests in order."""

    def __init__(self, token: str = "apify_api_demo") -> None:
        super().__init__()
        self.token = token
        self.actors: dict[str, ApifyActor] = {}
        self.runs: list[ApifyRun] = []
        self.requests: list[ApifyRequest] = []
        self._lock = threading.Lock()

    @property
    def charged_usd(self) -> float:
        """Return the cost of all runs, in USD."""
        return sum(self._cost(run) for run in self.runs)

    def answer(self, asked: ApifyRequest) -> JsonReply:
        """Check the token and dispatch a request to its route; the caller holds the lock."""
        if asked.token != f"Bearer {self.token}":
            return apify_error(
                401, "user-or-token-not-found", "User was not found or authentication token is not valid"
            )
        for method, pattern, reply in self._ROUTES:
            if method == asked.method and (found := re.fullmatch(pattern, asked.path)):
                return reply(self, asked, *found.groups())
        return _missing("There is no such page")

    def respond(self, request: JsonRequest) -> JsonReply:
        """Decompress and record a request, and return the response."""
        body = gzip.decompress(request.body) if request.headers.get("content-encoding") == "gzip" else request.body
        token = request.headers.get("authorization", "")
        return self.received(ApifyRequest(request.method, request.path, request.query, body, token))

    def received(self, asked: ApifyRequest) -> JsonReply:
        """Record a request under the lock, and return its response."""
        with self._lock:
            self.requests.append(asked)
            return self.answer(asked)

    def _start(self, asked: ApifyRequest, name: str) -> JsonReply:
        actor = self.actors.get(_plain(name))
        if actor is None:
            return _missing("Actor was not found")
        body = json.loads(asked.body or b"{}")
        known = actor.schema.get("properties", {})
        if actor.schema.get("additionalProperties") is False and (strange := sorted(set(body) - set(known))):
            return apify_error(400, "invalid-input", f"Input is not valid: Property input.{strange[0]} is not allowed.")
        begun = (actor.ends_at or datetime.now(UTC)) - timedelta(seconds=30)
        run = ApifyRun(
            len(self.runs) + 1,
            _plain(name),
            body,
            asked.query,
            actor.looks,
            actor.status,
            begun + timedelta(milliseconds=len(self.runs)),
            actor.ends_at,
            actor.message,
        )
        self.runs.append(run)
        return JsonReply(201, {"data": self._as_json(run)})

    def _list(self, asked: ApifyRequest, name: str) -> JsonReply:
        if _plain(name) not in self.actors:
            return _missing("Actor was not found")
        since = asked.query.get("startedAfter")
        after = datetime.fromisoformat(since) if since else None
        runs = [run for run in self.runs if run.actor == _plain(name) and (not after or run.started_at >= after)]
        if asked.query.get("desc") in ("1", "true"):
            runs.reverse()
        first, most = int(asked.query.get("offset", 0)), int(asked.query.get("limit", 1000))
        page = [self._as_json(run) for run in runs[first : first + most]]
        numbers = {"total": len(runs), "offset": first, "limit": most, "count": len(page), "desc": True}
        return JsonReply(200, {"data": {**numbers, "items": page}})

    def _build(self, asked: ApifyRequest, name: str) -> JsonReply:
        actor = self.actors.get(_plain(name))
        if actor is None:
            return _missing("Actor was not found")
        build = {
            "id": f"BUILD-{_plain(name).replace('/', '-')}",
            "actId": _plain(name),
            "userId": "USER",
            "startedAt": "2026-01-01T00:00:00.000Z",
            "finishedAt": "2026-01-01T00:01:00.000Z",
            "status": "SUCCEEDED",
            "meta": {"origin": "DEVELOPMENT"},
            "buildNumber": "0.1.1",
            "actorDefinition": {"actorSpecification": 1, "input": actor.schema} if actor.schema else None,
        }
        return JsonReply(200, {"data": build})

    def _build_again(self, asked: ApifyRequest, build: str) -> JsonReply:
        name = next((name for name in self.actors if build.endswith(name.replace("/", "-"))), "")
        return self._build(asked, name)

    def _look(self, asked: ApifyRequest, number: str) -> JsonReply:
        run = self._run(number)
        if run is None:
            return _missing("Actor run was not found")
        if run.looks:
            run.looks -= 1
        return JsonReply(200, {"data": self._as_json(run)})

    def _abort(self, asked: ApifyRequest, number: str) -> JsonReply:
        run = self._run(number)
        if run is None:
            return _missing("Actor run was not found")
        if run.looks:
            run.looks, run.status, run.aborted = 0, "ABORTED", True
        return JsonReply(200, {"data": self._as_json(run)})

    def _record(self, asked: ApifyRequest, number: str) -> JsonReply:
        run = self._run(number)
        return JsonReply(200, run.asked) if run else _missing("Record was not found")

    def _items(self, asked: ApifyRequest, number: str) -> JsonReply:
        run = self._run(number)
        if run is None:
            return _missing("Dataset was not found")
        items = self._collected(run)
        first, most = int(asked.query.get("offset", 0)), int(asked.query.get("limit", 1000))
        page = items[first : first + most]
        numbers = {"Total": len(items), "Offset": first, "Count": len(page), "Limit": most, "Desc": "false"}
        return JsonReply(200, page, {f"X-Apify-Pagination-{name}": str(value) for name, value in numbers.items()})

    def _run(self, number: str) -> ApifyRun | None:
        return next((run for run in self.runs if run.id == number), None)

    def _collected(self, run: ApifyRun) -> list[_JsonObject]:
        most = run.options.get("maxItems")
        return self.actors[run.actor].items[: int(most) if most else None]

    def _cost(self, run: ApifyRun) -> float:
        return _PRICE_OF_A_START + (0 if run.aborted else _PRICE_OF_A_RECORD * len(self._collected(run)))

    def _as_json(self, run: ApifyRun) -> _JsonObject:
        ended = None if run.looks else run.ended_at or run.started_at + timedelta(seconds=20)
        return {
            "id": run.id,
            "actId": run.actor,
            "userId": "USER",
            "startedAt": _moment(run.started_at),
            "finishedAt": _moment(ended) if ended else None,
            "status": "RUNNING" if run.looks else run.status,
            "statusMessage": run.message or None,
            "meta": {"origin": "API"},
            "stats": {"restartCount": 0, "resurrectCount": 0, "computeUnits": 0.01},
            "options": {"build": "latest", "timeoutSecs": 300, "memoryMbytes": 1024, "diskMbytes": 2048},
            "buildId": "BUILD",
            "buildNumber": "0.1.1",
            "generalAccess": "RESTRICTED",
            "defaultKeyValueStoreId": f"STORE-{run.id}",
            "defaultDatasetId": f"DATASET-{run.id}",
            "defaultRequestQueueId": f"QUEUE-{run.id}",
            "usageTotalUsd": round(self._cost(run), 4),
        }

    _ROUTES: tuple[tuple[str, str, Callable[..., JsonReply]], ...] = (
        ("POST", r"/v2/(?:acts|actors)/([^/]+)/runs", _start),
        ("GET", r"/v2/(?:acts|actors)/([^/]+)/runs", _list),
        ("GET", r"/v2/(?:acts|actors)/([^/]+)/builds/default", _build),
        ("GET", r"/v2/actor-builds/([^/]+)", _build_again),
        ("GET", r"/v2/actor-runs/([^/]+)", _look),
        ("POST", r"/v2/actor-runs/([^/]+)/abort", _abort),
        ("GET", r"/v2/key-value-stores/STORE-([^/]+)/records/INPUT", _record),
        ("GET", r"/v2/datasets/DATASET-([^/]+)/items", _items),
    )


def apify_error(status: int, kind: str, message: str) -> JsonReply:
    """Return an error response in the format of Apify's API."""
    return JsonReply(status, {"error": {"type": kind, "message": message}})


def _missing(message: str) -> JsonReply:
    return apify_error(404, "record-not-found", message)


def _plain(name: str) -> str:
    return name.replace("~", "/")


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"
