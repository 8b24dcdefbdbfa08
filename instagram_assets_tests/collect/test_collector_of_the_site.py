"""The collector against a site that answers as Instagram does: what stops it, what it goes for, what stays secret."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from instagram_assets import read_export
from instagram_assets.collect.backoff import Backoff
from instagram_assets.collect.circuit_breaker import clear_stop
from instagram_assets.collect.collect_one_site import collect
from instagram_assets.collect.collection_results import CollectionOutcome, SubjectResult
from instagram_assets.collect.collection_scope import CollectionScope, KnownPosts
from instagram_assets.collect.collector_database import CollectorDatabase
from instagram_assets.collect.cookies import Cookies
from instagram_assets.collect.http_client import HttpClient
from instagram_assets.collect.instagram_site import InstagramSite
from instagram_assets.collect.rate_limiter import Limiter
from instagram_assets.collect.retrying_requester import Requester
from instagram_assets.errors import BreakerOpenError, IdentityStoppedError
from instagram_assets.settings import CollectionSettings
from instagram_assets.settings.rate_limits import parse_rates
from instagram_assets_tests.collect.virtual_clock import START, VirtualClock
from instagram_assets_tests.servers import instagram_site as words
from instagram_assets_tests.servers.instagram_people import SitePerson
from instagram_assets_tests.servers.instagram_site import SESSION, Asked, InstagramSiteServer

NEWEST = datetime.fromtimestamp(START, UTC) - timedelta(hours=2)
SUN = SitePerson.made("sun_diary", 40, newest=NEWEST)
PEOPLE = {"sun_diary": SUN, "moon.cafe": SitePerson.made("moon.cafe", 2, newest=NEWEST)}
CSRF = "canary-csrf"
LOGIN = Cookies("77", SESSION, CSRF)

Run = Callable[..., list[SubjectResult]]


class Stand:
    """A server with people, and all that a run needs; `told` is everything that was said."""

    def __init__(self, folder: Path, server: InstagramSiteServer, clock: VirtualClock) -> None:
        self.server, self.clock, self.folder = server, clock, folder
        self.database, self.inbox = CollectorDatabase(folder / "books"), folder / "inbox"
        self.logged: list[str] = []

    def run(
        self,
        *names: str,
        cookies: Cookies | None = None,
        patience: float = float("inf"),
        scope: CollectionScope | None = None,
        **more: Any,
    ) -> list[SubjectResult]:
        site = InstagramSite(CollectionSettings(instagram_url=self.server.url), cookies, clock=self.clock)
        limiter = Limiter(self.database, site.identity, parse_rates("1,30;60,3600"), self.clock, self.logged.append)
        with HttpClient(self.server.url) as client:
            requester = Requester(
                site, client.send, self.database, limiter, Backoff(), self.clock, self.logged.append, patience=patience
            )
            return list(
                collect(
                    site,
                    requester,
                    names or tuple(PEOPLE),
                    scope or CollectionScope(),
                    database=self.database,
                    inbox=self.inbox,
                    clock=self.clock,
                    log=self.logged.append,
                    **more,
                )
            )


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    clock = VirtualClock(START)
    with InstagramSiteServer(PEOPLE, now=clock.now) as server:
        yield Stand(tmp_path, server, clock)


def at(number: int, word: str) -> Callable[[Asked], str | None]:
    """Refuses one request in this way."""
    return lambda asked: word if asked.number == number else None


@pytest.mark.parametrize("word", [*words.STOPPING, *words.LOGGING_IN])
def test_nothing_more_is_asked_once_the_site_wants_a_person(stand: Stand, word: str) -> None:
    stand.server.script = at(3, word)
    for _ in range(3):
        with pytest.raises(IdentityStoppedError, match="--cleared"):
            stand.run()
        stand.clock.sleep(30 * 86_400)
        assert len(stand.server.asked) == 3
    assert clear_stop(stand.database, "instagram:anonymous")
    assert [one.outcome for one in stand.run()] == [CollectionOutcome.COMPLETE] * 2
    assert stand.server.answered == [
        ("sun_diary", "profile"),
        *(("sun_diary", asked.page) for asked in stand.server.asked if asked.page != "profile" and not asked.refused),
        ("moon.cafe", "profile"),
    ]


@pytest.mark.parametrize("word", words.THROTTLING)
def test_an_open_breaker_outlives_a_restart_and_ends_a_run_that_will_not_wait(stand: Stand, word: str) -> None:
    stand.server.script = at(2, word)
    with pytest.raises(BreakerOpenError) as caught:
        stand.run(patience=60)
    until = caught.value.until.timestamp()
    assert until - START >= (words.RETRY_SECONDS if word in (words.LIMIT, words.LIMIT_DATE) else 900)
    with pytest.raises(BreakerOpenError):
        stand.run(patience=60)
    assert len(stand.server.asked) == 2
    assert [one.outcome for one in stand.run()] == [CollectionOutcome.COMPLETE] * 2  # which waits
    assert stand.server.asked[2].at >= until


@pytest.mark.parametrize(
    ("word", "outcome"), [(words.MISSING, CollectionOutcome.NOT_FOUND), (words.PRIVATE, CollectionOutcome.PRIVATE)]
)
def test_who_is_refused_for_good_ends_nothing_for_others(stand: Stand, word: str, outcome: CollectionOutcome) -> None:
    stand.server.script = lambda asked: word if asked.subject == "sun_diary" else None
    assert [one.outcome for one in stand.run()] == [outcome, CollectionOutcome.COMPLETE]
    assert [one.outcome for one in stand.run()] == [outcome, CollectionOutcome.FRESH]
    assert len(stand.server.asked) == 2


def test_only_new_posts_are_asked_for_and_old_pinned_ones_stand_in_nobodys_way(stand: Stand) -> None:
    pinned = SitePerson.made("sun_diary", 60, pinned=(30, 31, 59), newest=NEWEST)
    stand.server.people["sun_diary"] = pinned
    known = {"sun_diary": KnownPosts(newest=pinned.posts[4].taken_at)}
    (found,) = stand.run("sun_diary", known=known)
    assert (found.outcome, len(stand.server.asked)) == (CollectionOutcome.COMPLETE, 1)
    assert found.file
    codes = {row["shortcode"] for table in read_export(found.file)[:2] for row in table.to_pylist()}
    assert {post.shortcode for post in pinned.posts[:5]} <= codes


def test_an_account_that_got_another_name_is_known_by_its_id(stand: Stand) -> None:
    stand.run("sun_diary", scope=CollectionScope(posts=12))
    stand.server.people["sun.new"] = replace(SUN, name="sun.new")
    del stand.server.people["sun_diary"]
    stand.clock.sleep(86_400)
    new, gone = stand.run("sun.new", "sun_diary", scope=CollectionScope(posts=12))
    assert (new.outcome, gone.outcome) == (CollectionOutcome.COMPLETE, CollectionOutcome.RENAMED)
    assert gone.reason.startswith("is called sun.new since ")
    # Somebody else takes the name.
    stand.server.people["sun_diary"] = replace(PEOPLE["moon.cafe"], name="sun_diary")
    (other,) = stand.run("sun_diary", again=True, scope=CollectionScope(posts=12))
    assert other.outcome is CollectionOutcome.COMPLETE  # asked for again on purpose


def test_a_login_stands_in_no_file_and_in_nothing_that_is_told(stand: Stand) -> None:
    stand.server.script = lambda asked: {2: words.CHANGED, 4: words.WAIT, 5: words.BROKEN, 7: words.CHECKPOINT}.get(
        asked.number
    )
    stand.run(cookies=LOGIN)
    stand.clock.sleep(86_400)
    with pytest.raises(IdentityStoppedError) as caught:
        stand.run(cookies=LOGIN)
    assert any(asked.logged_in for asked in stand.server.asked)
    (response,) = (stand.database.folder / "answers").iterdir()
    assert "xig_user_by_username" in response.read_text("utf-8")
    kept = b"".join(path.read_bytes() for path in stand.folder.rglob("*") if path.is_file())
    said = "\n".join([*stand.logged, str(caught.value), repr(caught.value)])
    for secret in (SESSION, "canary-session", CSRF):
        assert secret.encode() not in kept
        assert secret not in said
