"""The pages of the gallery and of a post: what clusters are called, what an image leads to, what the menu says."""

import re
from datetime import UTC, datetime
from html import unescape
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from instagram_assets.web.words import LANGUAGES, words_in
from instagram_assets_tests.insights.lakes import ZONE, Row, image_id, post, small
from instagram_assets_tests.web.clients import app_of, client_of

NOON = datetime(2026, 11, 3, 11, tzinfo=UTC)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> TestClient:
    """Four posts with an image each: the first two are near-duplicates, in cluster 3, which has a topic."""
    folder: Path = tmp_path_factory.mktemp("gallery")
    posts = [post("anna", number, NOON) for number in range(5)]
    keys = [{name: each[name] for name in ("account", "day", "post_id")} for each in posts]
    # The last shows the third's picture again.
    names = ("one", "two", "three", "four", "three")
    images: list[Row] = [
        {**key, "position": 0, "status": "ok", "image_id": image_id(name)}
        for key, name in zip(keys, names, strict=True)
    ]
    groups = {"one": "one", "two": "one", "three": "three", "four": "four"}
    clusters: list[Row] = [
        {
            "scope": "all",
            "image_id": image_id(name),
            "cluster": 3 if group == "one" else 4,
            "near_group": image_id(group),
        }
        for name, group in groups.items()
    ]
    topic = {"source": "clusters", "scope": "all", "images": 2, "posts": 2, "image_ids": []}
    words = [{"word": word, "score": 1.0} for word in ("산책", "<b>", "cats", "dogs")]
    topics: list[Row] = [topic | {"topic": 3, "name": None, "words": words}]
    small(folder, posts, images=images, clusters=clusters, topics=topics).index.close()
    return client_of(app_of(folder, time_zone=ZONE))


def test_a_cluster_is_named_by_its_topic_wherever_it_can_be_chosen_or_stands(client: TestClient) -> None:
    named = "all/3 · 산책, <b>, cats"
    for page in ("/gallery", "/posts/anna/anna-0", f"/gallery/images/{image_id('one')}"):
        text = client.get(page).text
        assert named in unescape(text), page
        assert "<b>" not in text
    options = re.findall(r"<option value=\"all/\d\">(.+?)</option>", client.get("/gallery").text)
    assert list(map(unescape, options)) == ["all/4 (3)", f"{named} (2)"]
    for page in ("/gallery", "/posts", "/insights/words"):
        assert f"{named} <span" in unescape(client.get(f"{page}?cluster=all/3").text), page


@pytest.mark.parametrize(("number", "image", "near"), [(0, "one", 1), (2, "three", 1), (3, "four", 0)])
def test_near_duplicates_are_offered_where_there_are_some(
    client: TestClient, number: int, image: str, near: int
) -> None:
    for page in (f"/posts/anna/anna-{number}", f"/gallery/images/{image_id(image)}"):
        text = client.get(page).text
        assert (f"/gallery?near={image_id(image)}" in text) == bool(near)
    assert client.get(f"/api/gallery?near={image_id(image)}").json()["total"] == near + 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_menu_says_that_files_have_the_whole_list(client: TestClient, language: str) -> None:
    page = client.get("/gallery?account=anna", headers={"Accept-Language": language}).text
    menu = page[page.index('class="menu-body"') :]
    assert words_in(language)("gallery.export_about") in menu[: menu.index("</div>")]


def test_an_image_that_did_not_pass_says_why(tmp_path: Path) -> None:
    posts = [post("anna", number, NOON) for number in range(2)]
    keys = [{name: each[name] for name in ("account", "day", "post_id")} | {"position": 0} for each in posts]
    images: list[Row] = [
        {**key, "status": "ok", "image_id": image_id(name), "reason": "odd"}
        for key, name in zip(keys, ("night", "good"), strict=True)
    ]
    reasons = ("dark: brightness 9 below 20", None)
    quality: list[Row] = [
        {**key, "image_id": image["image_id"], "sharpness": 9.0, "passed": reason is None, "reason": reason}
        for key, image, reason in zip(keys, images, reasons, strict=True)
    ]
    small(tmp_path, posts, images=images, image_quality=quality).index.close()
    client = client_of(app_of(tmp_path, time_zone=ZONE))
    for page in ("/posts/anna/anna-0", f"/gallery/images/{image_id('night')}"):
        korean = unescape(client.get(page, headers={"Accept-Language": "ko"}).text)
        assert "너무 어두움: 밝기 9, 기준은 20 이상" in korean
    found = {image["image_id"]: image["reason"] for image in client.get("/api/gallery").json()["images"]}
    assert found == {image_id("night"): reasons[0], image_id("good"): "odd"}
