"""The page of a day, the reels of a week and the sheets of groups, in both languages and whatever is missing."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from instagram_assets.web.pages.morning import PAGE
from instagram_assets.web.words import words_in
from instagram_assets_tests.insights.lakes import ZONE, Row, image_id, post, small
from instagram_assets_tests.web.clients import app_of, client_of

DAY = date(2026, 11, 3)
NOON = datetime(2026, 11, 3, 11, tzinfo=UTC)
EVIL = "<script>alert(1)</script>"


def client_with(folder: Path, posts: list[Row], **tables: list[Row]) -> TestClient:
    small(folder, posts, **tables).index.close()
    return client_of(app_of(folder, time_zone=ZONE))


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    posts = [
        *(post("anna", number, NOON - timedelta(days=number), likes=100) for number in range(1, 9)),
        post("anna", 20, NOON, likes=300, caption=f"{EVIL} 산책"),
        post("bea", 1, NOON, likes=None, kind="reel"),
        post("cleo", 1, NOON - timedelta(days=5)),
    ]
    labels: list[Row] = [{"kind": "post", "account": "anna", "id": "anna-20", "viral": True, "reason": "far above"}]
    reel = {name: posts[9][name] for name in ("account", "day", "post_id")}
    return client_with(
        tmp_path,
        posts,
        viral_labels=labels,
        reel_videos=[{**reel, "poster": f"ab/{image_id('frame')}.jpg"}],
        reel_analyses=[{**reel, "hook": EVIL, "hypotheses": ["a cat jumps"]}],
        viral_hypotheses=[
            {"week": date(2026, 11, 2), "kind": "contrast", "hypothesis": "short", "difference": 2.0}
            | {"low": 1.0, "high": 3.0, "q_value": 0.01}
        ],
    )


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_page_shows_the_day_in_each_language(client: TestClient, language: str) -> None:
    client.cookies.set("language", language)
    answer = client.get(f"/morning?day={DAY}")
    assert answer.status_code == 200
    words = words_in(language)
    for name in ("best", "viral", "words", "missing"):
        assert words(f"morning.{name}") in answer.text
    assert words("morning.weekdays.2") in answer.text
    assert "×3.0" in answer.text  # 301 against 101


def test_what_people_wrote_is_escaped(client: TestClient) -> None:
    for address in (f"/morning?day={DAY}", f"/morning?day={DAY}&account={EVIL}", "/insights/reels?week=2026-11-03"):
        assert EVIL not in client.get(address).text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in client.get(f"/morning?day={DAY}").text


def test_each_number_leads_to_its_posts(client: TestClient) -> None:
    text = client.get(f"/morning?day={DAY}").text
    assert 'href="/posts?account=anna&amp;first=2026-11-03&amp;last=2026-11-03"' in text
    assert 'href="/posts?account=anna&amp;post=anna-20"' in text
    assert 'href="/posts?first=2026-11-03&amp;last=2026-11-03&amp;viral=yes"' in text
    assert f"/api/thumbnails/{image_id('frame')}" in text


def test_hidden_likes_are_said_to_be_unknown(client: TestClient) -> None:
    text = client.get(f"/morning?day={DAY}&account=bea").text
    assert words_in("en")("morning.likes_hidden") in text
    assert "anna-20" not in text


def opened_on(monkeypatch: pytest.MonkeyPatch, day: date) -> None:
    monkeypatch.setattr("instagram_assets.web.pages.morning.today", lambda zone: day)


def test_yesterday_is_shown_by_itself(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    opened_on(monkeypatch, DAY + timedelta(days=1))
    text = client.get("/morning").text
    assert f"<h1>{words_in('en')('morning.title')} " in text
    assert f'value="{DAY}"' in text


def test_where_yesterday_is_not_collected_the_newest_day_is_shown(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened_on(monkeypatch, date(2026, 11, 28))
    text = client.get("/morning").text
    assert f'value="{DAY}"' in text
    assert words_in("en")("morning.instead", day="2026-11-27") in text
    assert "anna-20" in text
    asked = client.get("/morning?day=2026-11-27").text
    assert 'value="2026-11-27"' in asked
    assert 'href="/morning?day=2026-11-03"' in asked
    assert words_in("en")("morning.older", day=DAY) in asked


def test_a_day_on_which_collected_accounts_posted_nothing_stays(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened_on(monkeypatch, DAY + timedelta(days=2))  # the posts of the day were read two days later
    text = client.get("/morning").text
    assert f'value="{DAY + timedelta(days=1)}"' in text
    assert words_in("en")("morning.no_posts") in text


def test_a_day_without_posts_links_the_nearest_that_have_some(client: TestClient) -> None:
    text = client.get("/morning?day=2026-10-28").text
    assert words_in("en")("morning.no_posts") not in text
    text = client.get("/morning?day=2026-10-01").text
    assert words_in("en")("morning.no_posts") in text
    assert 'href="/morning?day=2026-10-26"' in text


@pytest.mark.parametrize(
    "query", ["day=x", "day=2026-02-30", "day=1900-01-01", "day=2026-11-03&first=x", "day=" + "9" * 400]
)
@pytest.mark.parametrize("page", ["/morning", "/morning/accounts", "/insights/reels?week=x&"])
def test_what_is_no_day_is_refused_on_a_page(client: TestClient, page: str, query: str) -> None:
    answer = client.get(page + ("" if page.endswith("&") else "?") + query)
    assert answer.status_code == 422
    assert "<main" in answer.text


def test_an_empty_lake_says_how_to_begin(tmp_path: Path) -> None:
    client = client_with(tmp_path, [])
    for address in ("/morning", "/insights/reels", "/insights/sheets"):
        answer = client.get(address)
        assert answer.status_code == 200
        assert 'class="empty"' in answer.text


@pytest.mark.parametrize("address", ["/morning", "/insights/reels", "/insights/sheets"])
def test_without_an_index_the_page_waits(tmp_path: Path, address: str) -> None:
    answer = client_of(app_of(tmp_path)).get(address)
    assert answer.status_code == 409
    assert "index" in answer.text


def test_many_accounts_come_a_page_at_a_time(tmp_path: Path) -> None:
    client = client_with(tmp_path, [post(f"account{number:03}", number, NOON) for number in range(2 * PAGE + 5)])
    shown: list[str] = []
    addresses = [f"/morning?day={DAY}", *(f"/morning/accounts?day={DAY}&offset={PAGE * n}" for n in (1, 2))]
    for address in addresses:
        text = client.get(address).text
        shown += [name for name in (f"account{n:03}" for n in range(2 * PAGE + 5)) if f">{name}</a></h2>" in text]
    assert shown == [f"account{number:03}" for number in range(2 * PAGE + 5)]
    assert "hx-get" not in client.get(addresses[-1]).text


def test_reels_of_a_week_have_frame_hook_and_interval(client: TestClient, tmp_path: Path) -> None:
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "reels-2026-W45.html").write_text("<p>a week</p>")
    text = client.get("/insights/reels").text
    assert f"/api/thumbnails/{image_id('frame')}" in text
    assert "a cat jumps" in text
    assert 'href="/reports/reels-2026-W45.html"' in text
    places: dict[str, Any] = {"low": 80 + 76 / 3, "high": 156.0}
    assert f'x1="{places["low"]:.1f}" x2="{places["high"]}"' in text


def test_sheets_lead_to_the_gallery_of_their_group(tmp_path: Path) -> None:
    posts = [post("anna", number, NOON) for number in range(4)]
    kept = [{name: each[name] for name in ("account", "day", "post_id")} for each in posts]
    images = [{**each, "position": 0, "status": "ok", "image_id": image_id(str(n))} for n, each in enumerate(kept)]
    clusters: list[Row] = [{"scope": "all", "image_id": each["image_id"], "cluster": 3} for each in images]
    text = client_with(tmp_path, posts, images=images, clusters=clusters).get("/insights/sheets?account=anna").text
    assert 'href="/gallery?account=anna&amp;cluster=all%2F3"' in text
    assert all(f"/api/thumbnails/{each['image_id']}" in text for each in images)


@pytest.mark.parametrize("page", [f"/morning?day={DAY}", "/insights/times"])
def test_a_page_says_that_a_post_of_an_account_and_a_hashtag_counts_twice(tmp_path: Path, page: str) -> None:
    twice = [post("anna", 1, NOON), post("#cats", 1, NOON, post_id="anna-1"), post("bea", 1, NOON)]
    client = client_with(tmp_path, twice)
    said = words_in("en")("insights.repeated", count=1)
    assert said in client.get(page).text
    assert said not in client.get(f"{page}{'&' if '?' in page else '?'}account=anna&account=bea").text
