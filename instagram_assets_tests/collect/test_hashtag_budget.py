"""The budget of 30 hashtags in seven days: counted from the books, refused before it is asked, as the API counts it."""

import random
from pathlib import Path

import pytest

from instagram_assets.collect.crawl_table import delete_old_requests
from instagram_assets.collect.hashtag_budget import BUDGET_WINDOW, budget_used
from instagram_assets.collect.site_adapter import ResponseOutcome
from instagram_assets.demo.graph_api_data import GraphHashtag, graph_hashtag
from instagram_assets.demo.graph_api_server import SEARCH_REQUEST, graph_api_error
from instagram_assets_tests.collect.graph import BEGIN, Desk, desk
from instagram_assets_tests.servers.graph_api import Failure

DAY = 86_400


def tags(number: int) -> list[GraphHashtag]:
    return [graph_hashtag(f"tag{each}", BEGIN, 60, 1) for each in range(number)]


def used(at: Desk) -> list[str]:
    return [use.hashtag for use in budget_used(at.database, at.site.name, at.site.identity, at.clock.now())]


def test_the_31st_hashtag_is_refused_before_it_is_asked_and_told_who_leaves_when(tmp_path: Path) -> None:
    with desk(tmp_path, [], tags(31)) as at:
        for number in range(30):
            assert at.site.refusal(f"#tag{number}") == ""
            at.pages(f"#tag{number}")
        before = len(at.graph.requests)
        refusal = at.site.refusal("#tag30")
        assert "30 different hashtags" in refusal
        assert "#tag0 leaves this budget on 2026-09-08" in refusal
        assert len(at.graph.requests) == before
        # Those that count are free, and asking again lengthens nothing.
        assert at.site.refusal("#tag7") == ""
        at.clock.sleep(3 * DAY)
        at.pages("#tag0")
        at.clock.sleep(4 * DAY + 600)
        assert at.site.refusal("#tag30") == ""
        at.pages("#tag30")
        assert len(used(at)) <= 30


def test_a_smaller_budget_is_a_setting(tmp_path: Path) -> None:
    with desk(tmp_path, [], tags(3), hashtags_per_week=2) as at:
        at.pages("#tag0")
        at.pages("#tag1")
        assert "2 different hashtags" in at.site.refusal("#tag2")


def test_a_request_whose_end_nobody_saw_counts_and_one_that_was_refused_does_not(tmp_path: Path) -> None:
    with desk(tmp_path, [], tags(3)) as at:
        for subject, outcome in (
            ("#a", None),
            ("#b", "transient"),
            ("#c", "ok"),
            ("#d", "not_found"),
            ("#e", "throttled"),
        ):
            with at.database.writing() as connection:
                connection.execute(
                    "INSERT INTO requests (at, identity, site, subject, what, outcome) VALUES (?, ?, ?, ?, '', ?)",
                    (at.clock.now(), at.site.identity, at.site.name, subject, outcome),
                )
        assert used(at) == ["#a", "#b", "#c"]


def test_requests_of_another_account_of_ours_have_a_budget_of_their_own(tmp_path: Path) -> None:
    with desk(tmp_path, [], tags(1)) as at:
        at.pages("#tag0")
        assert budget_used(at.database, at.site.name, "graph_api:9", at.clock.now()) == []


@pytest.mark.parametrize("kept_days", [8, 60])
def test_the_books_never_count_less_than_the_server_over_20_days_of_random_runs(tmp_path: Path, kept_days: int) -> None:
    rng = random.Random(3)
    with desk(tmp_path, [], tags(40), top_media=False, hashtags_per_week=15) as at:
        refused = 0
        for grant in range(150):
            at.clock.sleep(rng.uniform(0, DAY / 4))
            delete_old_requests(at.database, at.clock.now(), kept_days)
            # Other hashtags from week to week, so that some are given up.
            subject = f"#tag{(rng.randrange(28) + grant // 40 * 7) % 40}"
            if at.site.refusal(subject):
                refused += 1
                continue
            at.pages(subject)
            now = at.clock.now()
            counted = {tag for tag, since in at.graph.counted.items() if now - since < BUDGET_WINDOW}
            ours = {at.graph.hashtags[name.removeprefix("#")].id for name in used(at)}
            assert counted <= ours
            assert len(counted) <= 15
    assert 0 < refused < 140


def test_the_apis_own_word_that_the_budget_is_spent_is_believed_for_a_day(tmp_path: Path) -> None:
    with desk(tmp_path, [], tags(3)) as at:
        at.pages("#tag0")
        at.graph.failures.append(Failure(SEARCH_REQUEST, graph_api_error(18, "too many")))
        assert at.classification("#tag1").outcome is ResponseOutcome.BUDGET_SPENT
        assert "something else asks for the same account" in at.site.refusal("#tag2")
        assert at.site.refusal("#tag0") == ""
        at.clock.sleep(DAY)
        assert at.site.refusal("#tag2") == ""
