"""How long the token lives: asked once a day, told from two weeks on, and never in the way where it is not told."""

from pathlib import Path

import pytest

from instagram_assets.collect.graph_api_site import GraphApiSite
from instagram_assets.collect.graph_api_token import check_token_expiry, days_left
from instagram_assets.collect.site_adapter import ResponseOutcome
from instagram_assets.demo.graph_api_server import TOKEN_REQUEST, graph_api_error
from instagram_assets.settings import GraphApiSettings
from instagram_assets_tests.collect.graph import BEGIN, SUN, Desk, days, desk
from instagram_assets_tests.servers.graph_api import Failure

DAY = 86_400


def check(at: Desk) -> object:
    return check_token_expiry(at.requester, at.site.token_request(), at.database, at.site.identity, at.clock, at.logged)


def test_the_end_of_the_token_is_asked_once_a_day_and_counted_as_a_request(tmp_path: Path) -> None:
    with desk(tmp_path) as at:
        at.graph.expires_at = int((BEGIN + days(60)).timestamp())
        for _ in range(3):
            assert check(at) == BEGIN + days(60)
        assert at.graph.count(TOKEN_REQUEST) == 1
        at.clock.sleep(DAY)
        check(at)
        assert at.graph.count(TOKEN_REQUEST) == 2
        assert at.logged.lines == []
        with at.database.reading() as connection:
            assert connection.execute("SELECT COUNT(*) FROM requests").fetchone()[0] == 2


def test_days_left_are_told_at_every_run_from_two_weeks_on(tmp_path: Path) -> None:
    with desk(tmp_path) as at:
        at.graph.expires_at = int((BEGIN + days(16)).timestamp())
        check(at)
        assert at.logged.lines == []
        at.clock.sleep(2.5 * DAY)
        check(at)
        check(at)
        assert len(at.logged.lines) == 2
        assert "ends on 2026-09-17, in 13 days" in at.logged.lines[0]
        at.clock.sleep(12 * DAY)
        check(at)
        assert "in 1 day:" in at.logged.lines[-1]
        assert days_left(BEGIN, (BEGIN + days(3)).timestamp()) == 0


def test_a_new_token_is_asked_about_at_once_and_the_warning_of_the_old_one_is_over(tmp_path: Path) -> None:
    with desk(tmp_path) as at:
        at.graph.expires_at = int((BEGIN + days(3)).timestamp())
        check(at)
        assert len(at.logged.lines) == 1
        at.graph.token, at.graph.expires_at = "EAAnewToken", int((BEGIN + days(60)).timestamp())
        new = GraphApiSite(
            GraphApiSettings(api_url=at.graph.url, user_id=at.graph.own_id), "EAAnewToken", at.database, at.clock
        )
        at.requester.site = at.site = new
        assert check(at) == BEGIN + days(60)
        assert check(at) == BEGIN + days(60)
        assert (at.graph.count(TOKEN_REQUEST), len(at.logged.lines)) == (2, 1)
    assert b"EAAnewToken" not in at.database.file.read_bytes()


def test_a_token_without_an_end_is_no_word_about_it(tmp_path: Path) -> None:
    with desk(tmp_path) as at:
        assert check(at) is None
        assert at.logged.lines == []


def test_a_token_that_has_ended_stops_its_identity_at_once(tmp_path: Path) -> None:
    with desk(tmp_path, [SUN]) as at:
        at.graph.expires_at = int(BEGIN.timestamp())
        for classification in (at.requester.fetch("", at.site.token_request()), at.classification("sun_diary")):
            assert (classification.outcome, "the token has expired" in classification.reason) == (
                ResponseOutcome.AUTH_GONE,
                True,
            )


@pytest.mark.parametrize("code", [100, 10, 200, 3])
def test_that_nothing_is_told_about_the_token_is_no_reason_to_stop(tmp_path: Path, code: int) -> None:
    with desk(tmp_path) as at:
        at.graph.failures.append(Failure(TOKEN_REQUEST, graph_api_error(code, "no access to debug_token"), times=100))
        assert check(at) is None
        with at.database.reading() as connection:
            assert [row["outcome"] for row in connection.execute("SELECT outcome FROM requests")] == ["ok"]


def test_an_answer_about_the_token_that_was_lost_is_asked_again_at_the_next_run(tmp_path: Path) -> None:
    with desk(tmp_path) as at:
        at.graph.failures.append(Failure(TOKEN_REQUEST, graph_api_error(2, "later")))
        assert check(at) is None
        assert "is not known" in at.logged.lines[0]
        at.graph.expires_at = int((BEGIN + days(60)).timestamp())
        assert check(at) == BEGIN + days(60)


def test_what_may_be_looked_at_ends_before_the_token_does(tmp_path: Path) -> None:
    with desk(tmp_path) as at:
        ends = {"is_valid": True, "expires_at": 0, "data_access_expires_at": int((BEGIN + days(9)).timestamp())}
        at.graph.failures.append(
            Failure(TOKEN_REQUEST, graph_api_error(0, "")._replace(status=200, body={"data": ends}))
        )
        assert check(at) == BEGIN + days(9)
        assert "in 9 days" in at.logged.lines[0]
