"""The Graph API with all real parts: engine, requester, limits and client, against the server on loopback."""

import json
import random
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from instagram_assets.collect.backoff import Backoff
from instagram_assets.collect.clock import utc_datetime
from instagram_assets.collect.collect_one_site import collect
from instagram_assets.collect.collection_results import CollectionOutcome, SubjectResult
from instagram_assets.collect.collection_scope import CollectionScope
from instagram_assets.collect.collector_database import CollectorDatabase
from instagram_assets.collect.graph_api_site import GraphApiSite
from instagram_assets.collect.graph_api_token import check_token_expiry
from instagram_assets.collect.hashtag_gaps import hashtag_gaps
from instagram_assets.collect.http_client import HttpClient
from instagram_assets.collect.rate_limiter import Limiter
from instagram_assets.collect.retrying_requester import Requester
from instagram_assets.collect.site_adapter import Request, Response
from instagram_assets.demo.graph_api_data import graph_account, graph_hashtag
from instagram_assets.demo.graph_api_server import ACCOUNT_REQUEST, RECENT_REQUEST, SEARCH_REQUEST, graph_api_error
from instagram_assets.errors import BreakerOpenError, IdentityStoppedError
from instagram_assets.settings import GraphApiSettings
from instagram_assets.settings.rate_limits import parse_rates
from instagram_assets_tests.collect.graph import BEGIN, DIARY, SUN, TAG, Told
from instagram_assets_tests.collect.virtual_clock import VirtualClock
from instagram_assets_tests.servers.graph_api import Failure, FaultyGraph

OTHER = graph_account("moon.cafe", 30, BEGIN - timedelta(hours=2))


@dataclass
class Journey:
    """All that one run has; what it asks waits no longer than `patience`."""

    graph: FaultyGraph
    site: GraphApiSite
    database: CollectorDatabase
    clock: VirtualClock
    requester: Requester
    logged: Told
    inbox: Path

    def run(self, *subjects: str) -> list[SubjectResult]:
        found = collect(
            self.site,
            self.requester,
            subjects,
            CollectionScope(),
            database=self.database,
            inbox=self.inbox,
            clock=self.clock,
            log=self.logged,
        )
        return list(found)


@contextmanager
def journey(
    tmp_path: Path,
    rates: str = "200,3600",
    patience: float = 600,
    tags: list[Any] | None = None,
    dies_at: int | None = None,
    is_answered: bool = False,
    **settings: Any,
) -> Generator[Journey]:
    """A run's parts; it `dies_at` the request of that number, before or after the server had it."""
    clock, logged, database = VirtualClock(BEGIN.timestamp()), Told(), CollectorDatabase(tmp_path / "books")
    with FaultyGraph([SUN, OTHER], tags or [DIARY], now=clock.now) as graph, HttpClient(graph.url) as client:
        options = GraphApiSettings(api_url=graph.url, user_id=graph.own_id, **settings)
        site = GraphApiSite(options, graph.token, database, clock, logged)
        limiter = Limiter(database, site.identity, parse_rates(rates), clock, logged)
        backoff = Backoff(2, 3, "geometric", 3_600)
        sent = list[Request]()

        def send(request: Request) -> Response:
            sent.append(request)
            dies = len(sent) - 1 == dies_at
            if dies and not is_answered:
                raise KeyboardInterrupt
            response = client.send(request)
            if dies:
                raise KeyboardInterrupt
            return response

        requester = Requester(
            site, send, database, limiter, backoff, clock, logged, patience=patience, random=random.Random(1)
        )
        yield Journey(graph, site, database, clock, requester, logged, tmp_path / "inbox")


def outcomes(found: list[SubjectResult]) -> list[tuple[str, CollectionOutcome]]:
    return [(each.subject, each.outcome) for each in found]


def test_accounts_and_a_hashtag_are_collected_within_the_limits(tmp_path: Path) -> None:
    with journey(tmp_path, rates="1,30") as at:
        found = at.run("sun_diary", "moon.cafe", TAG)
        asked_at = utc_datetime(next(asked.at for asked in at.graph.requests if asked.kind == RECENT_REQUEST))
        shown = [post for post in DIARY.posts if asked_at - timedelta(days=1) < post.taken_at <= asked_at]
        assert [(each.outcome, each.posts) for each in found] == [
            (CollectionOutcome.COMPLETE, 100),
            (CollectionOutcome.COMPLETE, 30),
            (CollectionOutcome.COMPLETE, len(shown)),
        ]
        times = [asked.at for asked in at.graph.requests]
        assert all(later - earlier >= 30 for earlier, later in pairwise(times))
        assert hashtag_gaps(at.database, TAG, at.clock.now()) == []
        assert len(list(at.inbox.glob("collected_graph_api-*"))) == 3


def test_what_cannot_be_had_ends_its_subject_and_nothing_else(tmp_path: Path) -> None:
    with journey(tmp_path) as at:
        at.graph.failures.append(Failure(RECENT_REQUEST, graph_api_error(24, "sensitive"), about=TAG))
        found = at.run("nobody", TAG, "#없는것", "#육아🌙", "sun_diary")
        assert outcomes(found) == [
            ("nobody", CollectionOutcome.NOT_FOUND),
            (TAG, CollectionOutcome.PARTIAL),
            ("#없는것", CollectionOutcome.NOT_FOUND),
            ("#육아🌙", CollectionOutcome.REFUSED),
            ("sun_diary", CollectionOutcome.COMPLETE),
        ]


def test_a_cut_answer_is_asked_again_and_comes_whole(tmp_path: Path) -> None:
    with journey(tmp_path) as at:
        at.graph.failures.append(
            Failure(ACCOUNT_REQUEST, graph_api_error(2, "Service temporarily unavailable"), times=3)
        )
        at.graph.failures.append(Failure(RECENT_REQUEST, graph_api_error(0, "")._replace(status=0), times=2))
        assert [each.outcome for each in at.run("sun_diary", TAG)] == [
            CollectionOutcome.COMPLETE,
            CollectionOutcome.COMPLETE,
        ]
        assert at.graph.count(ACCOUNT_REQUEST) == 3 + 2
        assert at.graph.count(SEARCH_REQUEST) == 1


@pytest.mark.parametrize("code", [10, 190, 368])
def test_what_a_person_must_mend_is_asked_for_once_and_never_again(tmp_path: Path, code: int) -> None:
    with journey(tmp_path) as at:
        at.graph.failures.append(Failure(ACCOUNT_REQUEST, graph_api_error(code, "no"), times=1_000))
        for _ in range(3):
            with pytest.raises(IdentityStoppedError):
                at.run("sun_diary", "moon.cafe", TAG)
        assert len(at.graph.requests) == 1


def test_a_throttled_identity_waits_and_what_it_had_is_not_asked_again(tmp_path: Path) -> None:
    with journey(tmp_path) as at:
        at.graph.failures += [Failure(RECENT_REQUEST, graph_api_error(4, "Application request limit reached"))]
        with pytest.raises(BreakerOpenError):
            at.run(TAG)
        with pytest.raises(BreakerOpenError):
            at.run(TAG, "sun_diary")
        assert [asked.kind for asked in at.graph.requests] == [SEARCH_REQUEST, RECENT_REQUEST]
        at.clock.sleep(900)
        (found,) = at.run(TAG)
        assert found.outcome is CollectionOutcome.COMPLETE
        assert at.graph.count(SEARCH_REQUEST) == 1


def test_at_95_percent_what_came_is_kept_and_nothing_is_asked_until_the_time_that_the_api_names(tmp_path: Path) -> None:
    with journey(tmp_path) as at:
        at.graph.usage, at.graph.regain = 97, 20
        with pytest.raises(BreakerOpenError) as raised:
            at.run("sun_diary")
        assert "97 %" in str(raised.value)
        assert at.graph.count(ACCOUNT_REQUEST) == 1
        at.graph.usage, at.graph.regain = 10, 0
        at.clock.sleep(20 * 60)
        (found,) = at.run("sun_diary")
        assert (found.outcome, at.graph.count(ACCOUNT_REQUEST)) == (CollectionOutcome.COMPLETE, 2)


def test_from_75_percent_on_the_run_goes_on_more_slowly(tmp_path: Path) -> None:
    with journey(tmp_path) as at:
        at.graph.usage = 83
        at.run("sun_diary", "moon.cafe")
        times = [asked.at for asked in at.graph.requests]
        assert all(later - earlier >= 20 for earlier, later in pairwise(times))


def test_the_31st_hashtag_is_refused_before_it_is_asked_and_the_run_goes_on(tmp_path: Path) -> None:
    tags = [graph_hashtag(f"tag{number}", BEGIN, 2, 2) for number in range(31)]
    with journey(tmp_path, tags=tags, top_media=False) as at:
        found = at.run(*(f"#{tag.name}" for tag in tags), "sun_diary")
        assert [each.outcome for each in found] == [CollectionOutcome.COMPLETE] * 30 + [
            CollectionOutcome.REFUSED,
            CollectionOutcome.COMPLETE,
        ]
        assert "30 different hashtags" in found[30].reason
        assert all(asked.about != "#tag30" for asked in at.graph.requests)


def test_a_hashtag_that_the_api_refuses_for_its_budget_waits_and_others_go_on(tmp_path: Path) -> None:
    with journey(tmp_path) as at:
        at.graph.failures.append(Failure(SEARCH_REQUEST, graph_api_error(18, "too many"), times=1_000))
        first = at.run(TAG, "sun_diary")
        assert outcomes(first) == [(TAG, CollectionOutcome.OPEN), ("sun_diary", CollectionOutcome.COMPLETE)]
        at.clock.sleep(3_600)
        at.run(TAG)
        assert at.graph.count(SEARCH_REQUEST) == 1


def exported(at: Journey) -> list[tuple[object, object]]:
    """All lines of the inbox without the times at which they were seen."""
    files = sorted(at.inbox.glob("collected_*"), key=lambda file: "tag-" in file.name)
    lines = [json.loads(line) for file in files for line in file.read_text("utf-8").splitlines()]
    return [(line["account"], line["record"]) for line in lines]


@pytest.mark.parametrize("is_answered", [False, True])
def test_a_run_that_dies_at_any_request_goes_on_behind_what_it_had_and_ends_the_same(
    tmp_path: Path, is_answered: bool
) -> None:
    subjects = ("sun_diary", TAG)
    with journey(tmp_path / "undisturbed") as at:
        at.run(*subjects)
        whole, requests = exported(at), len(at.graph.requests)
    for fatal in range(requests):
        with journey(tmp_path / f"{fatal}", dies_at=fatal, is_answered=is_answered) as at:
            with pytest.raises(KeyboardInterrupt):
                at.run(*subjects)
            at.run(*subjects)
            assert exported(at) == whole
            assert len(at.graph.requests) == requests + is_answered


def test_the_token_stands_in_no_file_whatever_went_wrong(tmp_path: Path) -> None:
    with journey(tmp_path) as at:
        at.graph.expires_at = int((BEGIN + timedelta(days=5)).timestamp())
        check_token_expiry(at.requester, at.site.token_request(), at.database, at.site.identity, at.clock, at.logged)
        leaky = {"odd": f"https://graph.facebook.com/x?access_token={at.graph.token}"}
        at.graph.failures += [
            Failure(RECENT_REQUEST, graph_api_error(1, f"with {at.graph.token}"), times=2),
            Failure(ACCOUNT_REQUEST, graph_api_error(0, "")._replace(status=200, body=leaky), about="moon.cafe"),
        ]
        found = at.run("sun_diary", "moon.cafe", TAG)
        at.graph.failures.append(
            Failure(ACCOUNT_REQUEST, graph_api_error(190, f"Malformed access token {at.graph.token}"))
        )
        with pytest.raises(IdentityStoppedError) as raised:
            at.run("nobody")
        said = f"{found} {at.logged.lines} {raised.value!r}"
        files = [file for file in tmp_path.rglob("*") if file.is_file()]
        assert any("answers" in file.parts for file in files)
        assert len([line for line in at.logged.lines if "ends on" in line]) == 1
        assert at.graph.token not in said
        assert [file for file in files if at.graph.token.encode() in file.read_bytes()] == []
