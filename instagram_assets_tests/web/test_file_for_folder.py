"""Where a file lies in the place of a folder of the data, no page and no answer is a fault of the app."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from instagram_assets.lake_index.update import update_index
from instagram_assets.settings import load_settings
from instagram_assets.storage.lake import lake_root
from instagram_assets_tests.insights.lakes import ZONE, image_id, post, small
from instagram_assets_tests.web.clients import app_of, client_of

NOON = datetime(2026, 11, 3, 11, tzinfo=UTC)
PAGES = (
    *(
        "/",
        "/gallery",
        "/gallery?list_name=a&decided=kept",
        "/posts",
        "/lists",
        "/morning",
        "/age",
        "/accounts",
        "/status",
    ),
    *("/insights", "/insights/viral", "/insights/reels", "/insights/sheets", "/start/attention", "/index/notice"),
    *(
        "/insights/charts/top_words",
        "/api/lists",
        "/api/lists/a",
        "/api/gallery",
        "/api/gallery/facets",
        "/api/posts",
        "/status",
    ),
    *("/api/insights/top_words", "/api/status", "/posts/anna/anna-1", "/api/posts/anna/anna-1", "/api/age"),
    *(f"/api/{kind}/{image_id('one')}" for kind in ("thumbnails", "pictures")),
)


@pytest.mark.parametrize(
    "place", ["index", "thumbnails", "media", "reports", "lake", "lake/overrides", "lake/posts", "lake/topics"]
)
def test_every_page_says_what_it_can(tmp_path: Path, place: str) -> None:
    small(tmp_path, [post("anna", number, NOON) for number in range(3)]).index.close()
    if (tmp_path / place).exists():
        (tmp_path / place).rename(tmp_path / "away")
    (tmp_path / place).write_text("a file", "utf-8")
    client = client_of(app_of(tmp_path, time_zone=ZONE))
    found = {page: client.get(page).status_code for page in PAGES}
    # No Dagster answers here, which some pages say with 503.
    assert {page: status for page, status in found.items() if status >= 500 and status != 503} == {}


@pytest.mark.parametrize("place", ["lake/overrides", "lake"])
def test_a_decision_that_cannot_be_kept_says_which_file_is_in_the_way(tmp_path: Path, place: str) -> None:
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).write_text("a file", "utf-8")
    client = client_of(app_of(tmp_path))
    answer = client.post("/api/lists/mine/decisions", json={"image_ids": [image_id("one")], "decision": "keep"})
    assert (answer.status_code, answer.json()["error"]) == (409, "storage")
    assert re.search(r"lake.*Move the file away", answer.json()["detail"])
    assert client.get("/api/lists").json() == {"lists": []}
    assert client.delete("/api/lists/mine").status_code in (404, 409)


def test_an_index_goes_on_when_the_file_in_its_place_is_gone(tmp_path: Path) -> None:
    settings = load_settings(data_dir=tmp_path, time_zone=ZONE)
    small(tmp_path, [post("anna", 1, NOON)]).index.close()
    client = client_of(app_of(tmp_path, time_zone=ZONE))
    assert client.get("/api/posts").json()["total"] == 1
    (tmp_path / "index").rename(tmp_path / "away")
    (tmp_path / "index").write_text("a file", "utf-8")
    answer = client.get("/api/posts")
    assert (answer.status_code, answer.json()["error"]) == (409, "not_ready")
    (tmp_path / "index").unlink()
    update_index(lake_root(settings), tmp_path / "index", ZONE)
    assert client.get("/api/posts").json()["total"] == 1
