"""The sample export is reproducible, has Apify's shape, and holds every accident that it promises."""

import json
import re
import unicodedata
from collections import Counter
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest

from instagram_assets.calendar import day_of
from instagram_assets.demo import SAMPLE
from instagram_assets.demo.export import (
    EXPORT_FILES,
    PLACEHOLDER_URL,
    SAMPLE_OBSERVED_AT,
    make_export,
    with_base_url,
)
from instagram_assets.demo.sample_catalogue import MissingImage, image_catalogue
from instagram_assets.demo.synthetic_images import Scene
from instagram_assets.errors import FileError
from instagram_assets.ingest.post_ids import post_id_of

SEOUL = ZoneInfo("Asia/Seoul")
CHILD = {
    *("id", "type", "shortCode", "caption", "hashtags", "mentions", "url", "commentsCount", "firstComment"),
    *("latestComments", "dimensionsHeight", "dimensionsWidth", "displayUrl", "images", "alt", "likesCount"),
    *("timestamp", "childPosts", "ownerId"),
}
ALWAYS = CHILD | {"inputUrl", "ownerFullName", "ownerUsername", "isSponsored", "isCommentsDisabled"}
Items = list[dict[str, Any]]


def load(name: str) -> Items:
    """The items of one file of the committed sample."""
    return json.loads((SAMPLE / name).read_text("utf-8"))


@pytest.fixture(scope="module")
def posts() -> Items:
    return [item for item in load("posts.json") if "error" not in item]


@pytest.fixture(scope="module")
def reels() -> Items:
    return load("reels.json")


@pytest.fixture(scope="module")
def profiles() -> Items:
    return load("profiles.json")


def media_urls(items: Items) -> set[str]:
    """Every picture's address in posts or reels."""
    parts = [part for item in items for part in (item, *item["childPosts"])]
    return {part["displayUrl"] for part in parts} | {url for item in items for url in item["images"]}


def behind(url: str, files: dict[str, Scene | MissingImage]) -> Scene | MissingImage:
    return files[urlsplit(url).path.rsplit("/", 1)[1]]


def account_in(item: dict[str, Any]) -> str:
    return item["inputUrl"].rstrip("/").rsplit("/", 1)[1]


def test_the_committed_sample_is_what_the_code_makes(tmp_path: Path) -> None:
    make_export(tmp_path)
    for name in EXPORT_FILES:
        assert (tmp_path / name).read_bytes() == (SAMPLE / name).read_bytes(), name


def test_another_seed_gives_another_export(tmp_path: Path) -> None:
    make_export(tmp_path, seed=1)
    assert (tmp_path / "posts.json").read_bytes() != (SAMPLE / "posts.json").read_bytes()


def test_the_sample_stays_small() -> None:
    assert sum((SAMPLE / name).stat().st_size for name in EXPORT_FILES) < 1_500_000


def test_putting_in_a_server_is_the_same_as_exporting_for_it(tmp_path: Path) -> None:
    with_base_url(SAMPLE, tmp_path / "copied", "http://127.0.0.1:48123/")
    make_export(tmp_path / "made", "http://127.0.0.1:48123")
    for name in EXPORT_FILES:
        text = (tmp_path / "copied" / name).read_text("utf-8")
        assert text == (tmp_path / "made" / name).read_text("utf-8")
        assert PLACEHOLDER_URL not in text


def test_a_missing_sample_is_named_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"posts\.json: cannot be read .* python -m instagram_assets\.demo\.export"):
        with_base_url(tmp_path, tmp_path / "out", "http://127.0.0.1:1")


def test_there_are_300_posts_and_30_reels_of_six_accounts_in_fourteen_days(posts: Items, reels: Items) -> None:
    assert len({item["id"] for item in posts}) == 300
    assert len({item["id"] for item in reels}) == len(reels) == 30
    assert not {item["id"] for item in posts} & {item["id"] for item in reels}
    assert len({account_in(item) for item in posts}) == len({account_in(item) for item in reels}) == 6
    days = {day_of(datetime.fromisoformat(item["timestamp"]), SEOUL) for item in (*posts, *reels)}
    assert days == {date(2026, 10, 19) + timedelta(days=step) for step in range(14)}
    assert max(datetime.fromisoformat(item["timestamp"]) for item in (*posts, *reels)) < SAMPLE_OBSERVED_AT


def test_every_item_has_the_keys_that_are_always_there(posts: Items, reels: Items) -> None:
    for item in (*posts, *reels):
        assert item.keys() >= ALWAYS
        for child in item["childPosts"]:
            assert child.keys() - {"videoUrl"} == CHILD
            assert (child["likesCount"], child["timestamp"], child["caption"]) == (None, None, "")


def test_every_id_is_what_its_short_code_says(posts: Items, reels: Items) -> None:
    parts = [part for item in (*posts, *reels) for part in (item, *item["childPosts"])]
    for part in parts:
        assert part["id"] == str(post_id_of(part["shortCode"]))
        assert part["url"] == f"https://www.instagram.com/p/{part['shortCode']}/"
    assert len({part["id"] for part in parts}) == len({part["displayUrl"] + part["type"] for part in parts})


def test_only_sidecars_have_images_and_they_are_their_pictures_without_the_videos(posts: Items) -> None:
    kinds = Counter(item["type"] for item in posts)
    assert kinds.keys() == {"Image", "Sidecar", "Video"}
    assert min(kinds.values()) >= 35
    for item in posts:
        pictures = [child["displayUrl"] for child in item["childPosts"] if child["type"] == "Image"]
        assert item["images"] == pictures
        assert len(item["childPosts"]) in ((2, 3, 4) if item["type"] == "Sidecar" else (0,))
        assert ("videoUrl" in item) == (item["type"] == "Video")
    videos = [child for item in posts for child in item["childPosts"] if child["type"] == "Video"]
    assert videos
    assert all("videoUrl" in child for child in videos)


def test_likes_are_sometimes_hidden(posts: Items, reels: Items) -> None:
    for items in (posts, reels):
        hidden = [item for item in items if item["likesCount"] == -1]
        assert 1 < len(hidden) < len(items) / 5
        assert all(item["likesCount"] >= 0 for item in items if item not in hidden)


def test_error_items_sit_among_the_posts() -> None:
    errors = [item for item in load("posts.json") if "error" in item]
    assert errors == [
        {"error": "not_found", "errorDescription": "Post does not exist"},
        {
            "error": "no_items",
            "errorDescription": "Empty or private data for provided input",
            "inputUrl": "https://www.instagram.com/demo.eunha.private/",
        },
    ]


def test_one_post_comes_twice_and_one_with_other_counts(posts: Items) -> None:
    by_id: dict[str, Items] = {}
    for item in posts:
        by_id.setdefault(item["id"], []).append(item)
    same, changed = sorted((pair for pair in by_id.values() if len(pair) > 1), key=lambda pair: pair[0] != pair[1])
    assert same[0] == same[1]
    assert {key for key in changed[0] if changed[0][key] != changed[1][key]} == {"likesCount", "commentsCount"}
    assert 0 < changed[0]["likesCount"] < changed[1]["likesCount"]


def test_captions_hold_what_breaks_naive_readers(posts: Items) -> None:
    captions = [item["caption"] for item in posts]
    assert sum(unicodedata.normalize("NFC", caption) != caption for caption in captions) == 1
    for part in (
        "|||",
        ",",
        "\n\n",
        "\r\n",
        "\t",
        '"',
        "\\",
        "🥰",
        "👩‍👧",
        "#육아일기",
        "<b>",
        "\N{MATHEMATICAL BOLD ITALIC CAPITAL P}",
    ):
        assert any(part in caption for caption in captions), part
    assert "" in captions
    assert any(caption.startswith("=") for caption in captions)
    assert len(set(captions)) > 200


def test_hashtags_are_parsed_as_the_actor_does_with_punctuation_glued_on(posts: Items) -> None:
    for item in posts:
        assert item["hashtags"] == re.findall(r"#([^\s#]+)", item["caption"])
    tags = {tag for item in posts for tag in item["hashtags"]}
    assert {"아기,", "색종이놀이)", "별_하나!"} <= tags
    assert "demo.haneul_cooks," in {name for item in posts for name in item["mentions"]}


def test_posts_made_together_belong_to_another_owner_who_may_have_no_profile(
    posts: Items, reels: Items, profiles: Items
) -> None:
    known = {profile["username"] for profile in profiles}
    together = [item for item in (*posts, *reels) if item["ownerUsername"] != account_in(item)]
    assert together == [item for item in (*posts, *reels) if "coauthorProducers" in item]
    assert all(account_in(item) in {person["username"] for person in item["coauthorProducers"]} for item in together)
    owners = {item["ownerUsername"] for item in together}
    assert owners & known
    assert owners - known


def test_pinned_posts_come_first_and_last_and_all_others_newest_first(posts: Items) -> None:
    pinned = [place for place, item in enumerate(posts) if item.get("isPinned")]
    assert len(pinned) == 3
    assert all(item.get("isPinned", True) is True for item in posts)
    own: dict[str, dict[str, dict[str, Any]]] = {}
    for item in posts:
        own.setdefault(account_in(item), {}).setdefault(item["id"], item)
    for items in own.values():
        rest = [item["timestamp"] for item in items.values() if "isPinned" not in item]
        assert rest == sorted(rest, reverse=True)
    bada, sol = (list(own[account].values()) for account in ("demo.bada.diary", "demo.sol.garden"))
    assert [bada[0], sol[0], bada[-1]] == [item for item in (bada[0], sol[0], bada[-1]) if item.get("isPinned")]
    assert bada[0]["timestamp"] < bada[1]["timestamp"]
    assert bada[-1]["timestamp"] > bada[-2]["timestamp"]


def test_times_have_milliseconds_and_lie_on_both_sides_of_the_korean_midnight(posts: Items) -> None:
    times = [item["timestamp"] for item in posts]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", time) for time in times)
    assert any(time.endswith("T15:00:00.000Z") for time in times)
    assert any(time.endswith("T14:59:59.000Z") for time in times)


def test_one_item_has_a_key_that_nobody_knows(posts: Items) -> None:
    assert sum("audienceMood" in item for item in posts) == 1


def test_reels_keep_plays_views_and_shares_apart(reels: Items) -> None:
    for reel in reels:
        assert (reel["type"], reel["productType"], reel["images"]) == ("Video", "clips", [])
        assert reel["videoUrl"].startswith(PLACEHOLDER_URL)
        assert reel["igPlayCount"] <= reel["videoPlayCount"]
        assert reel.get("videoViewCount", 0) < reel["videoPlayCount"]
    assert any("videoViewCount" not in reel for reel in reels)
    assert any("sharesCount" in reel for reel in reels)


def test_one_profile_is_private_and_one_has_no_followers(profiles: Items) -> None:
    assert len(profiles) == 7
    assert [profile["username"] for profile in profiles if profile["private"]] == ["demo.eunha.private"]
    assert [profile["username"] for profile in profiles if profile["followersCount"] == 0] == ["demo.nuri.walks"]
    assert all(profile["latestPosts"] == [] for profile in profiles)


def test_all_accounts_are_invented(posts: Items, reels: Items, profiles: Items) -> None:
    text = json.dumps([posts, reels, profiles], ensure_ascii=False)
    names = re.findall(r'"(?:username|ownerUsername)": "([^"]+)"', text)
    assert len(names) > 300
    assert all(name.startswith("demo.") for name in names)


def test_every_picture_has_a_file_name_that_the_server_knows(posts: Items, reels: Items, profiles: Items) -> None:
    files = image_catalogue()
    for url in media_urls([*posts, *reels]) | {profile["profilePicUrl"] for profile in profiles}:
        assert url.startswith(f"{PLACEHOLDER_URL}/v/t51.2885-15/")
        assert re.search(r"/\d{9}_\d{16}_\d{19}_n\.(jpg|png|webp)\?stp=.*&oe=[0-9A-F]{8}$", url)
        assert isinstance(behind(url, files), Scene | MissingImage)


def test_three_addresses_expired_and_a_few_lead_nowhere(posts: Items, reels: Items) -> None:
    urls = media_urls([*posts, *reels])
    expiry = [datetime.fromtimestamp(int(parse_qs(urlsplit(url).query)["oe"][0], 16), SEOUL) for url in urls]
    assert sum(moment < SAMPLE_OBSERVED_AT for moment in expiry) == 3
    assert sum(moment.year == 2036 for moment in expiry) == len(urls) - 3
    files = image_catalogue()
    answers = Counter(content for url in urls if isinstance(content := behind(url, files), MissingImage))
    assert answers == {MissingImage.MISSING: 4, MissingImage.PAGE: 1}


def test_pictures_are_of_every_promised_sort(posts: Items) -> None:
    files = image_catalogue()
    scenes = [content for url in media_urls(posts) if isinstance(content := behind(url, files), Scene)]
    times = Counter(scenes)
    ordinary = [scene for scene in scenes if not scene.blur and min(scene.size) >= 640]
    assert len(ordinary) > len(scenes) / 2
    assert len([scene for scene in scenes if scene.blur]) >= 30
    assert len([scene for scene in scenes if min(scene.size) < 300]) >= 20
    assert len([scene for scene in scenes if scene.crop]) >= 10
    assert {scene.format for scene in scenes} == {"JPEG", "PNG", "WEBP"}
    assert sum(count - 1 for count in times.values()) >= 8, "exact copies under other names"
    assert len({(scene.shape, scene.seed) for scene in scenes}) < len(times), "near copies"
    assert len({scene.shape for scene in scenes}) == 6


def test_the_dimensions_are_those_of_the_picture(posts: Items) -> None:
    files = image_catalogue()
    for item in posts:
        content = behind(item["displayUrl"], files)
        if isinstance(content, Scene):
            assert (item["dimensionsWidth"], item["dimensionsHeight"]) == content.size
