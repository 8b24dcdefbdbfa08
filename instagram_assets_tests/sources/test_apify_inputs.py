"""What an actor is asked for is in a JSON file, and a mistake in it is told before anything is started."""

import json
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from instagram_assets.errors import FileError, ScrapeRequestError
from instagram_assets.settings import ApifySettings
from instagram_assets.sources.apify_inputs import EXAMPLES_FOLDER, NEWER_THAN, load_scrape_request

SEOUL = ZoneInfo("Asia/Seoul")
ACTOR = {"actor": "apify/instagram-reel-scraper", "names_field": "username", "input": {"username": ["sun"]}}


def written(folder: Path, content: object, name: str = "mine") -> Path:
    path = folder / f"{name}.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


@pytest.mark.parametrize("name", ["posts", "reels", "profiles", "hashtags"])
def test_the_package_brings_an_example_of_each_kind_which_asks_for_whoever_is_named(name: str) -> None:
    names = ["#육아일기", "Cats", "#cats"] if name == "hashtags" else ["@sun_diary", "Sea_Walks", "sun_diary"]
    request = load_scrape_request(name).of(names, None, SEOUL)
    assert request.actor.startswith("apify/instagram-")
    assert request.input[request.names_field] == [["sun_diary", "sea_walks"], ["육아일기", "cats"]][name == "hashtags"]


def test_every_example_is_known() -> None:
    assert sorted(path.stem for path in EXAMPLES_FOLDER.glob("*.json")) == ["hashtags", "posts", "profiles", "reels"]


def test_an_example_without_names_says_how_to_give_them() -> None:
    with pytest.raises(ScrapeRequestError, match=r"nobody is named .*`instagram-assets scrape reels sun_diary`"):
        load_scrape_request("reels").of([], None, SEOUL)


def test_names_of_the_file_are_used_when_none_are_given(tmp_path: Path) -> None:
    written(tmp_path, ACTOR)
    assert load_scrape_request("mine", str(tmp_path)).of([], None, SEOUL).input == {"username": ["sun"]}


@pytest.mark.parametrize(
    "name", ["two words", "육아 일기", "", "@", "#", "cat-lovers", "https://www.instagram.com/p/AbC/"]
)
@pytest.mark.parametrize("kind", ["hashtags", "reels"])
def test_what_nobody_is_called_is_refused_as_the_registry_does(kind: str, name: str) -> None:
    with pytest.raises(ScrapeRequestError, match=r"blank|empty|no hashtag|no account|no profile") as caught:
        load_scrape_request(kind).of([name], None, SEOUL)
    assert repr(name) in str(caught.value)


@pytest.mark.parametrize("name", ["육아일기", "#cats", "a..b", "https://www.instagram.com/explore/tags/cats/"])
def test_a_hashtag_is_no_account(name: str) -> None:
    with pytest.raises(ScrapeRequestError, match=r"no account has such a name|the address of no profile"):
        load_scrape_request("reels").of([name], None, SEOUL)


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ("@Sun_Diary", "https://www.instagram.com/sun_diary/"),
        ("#육아", "https://www.instagram.com/explore/tags/%EC%9C%A1%EC%95%84/"),
        ("instagram.com/Sun_Diary?hl=ko", "https://www.instagram.com/sun_diary/"),
        ("https://www.instagram.com/explore/tags/Cats", "https://www.instagram.com/explore/tags/cats/"),
        ("https://www.instagram.com/p/AbC/", "https://www.instagram.com/p/AbC/"),
    ],
)
def test_an_actor_that_takes_addresses_gets_them(tmp_path: Path, given: str, asked: str) -> None:
    written(tmp_path, {"actor": "apify/instagram-scraper", "names_field": "directUrls", "input": {}})
    assert load_scrape_request("mine", str(tmp_path)).of([given], None, SEOUL).input == {"directUrls": [asked]}


def test_names_need_a_field_that_takes_them(tmp_path: Path) -> None:
    written(tmp_path, {"actor": "apify/x", "input": {}})
    with pytest.raises(ScrapeRequestError, match="names_field"):
        load_scrape_request("mine", str(tmp_path)).of(["sun"], None, SEOUL)


@pytest.mark.parametrize(
    ("zone", "asked"),
    [("Asia/Seoul", "2026-11-19"), ("Europe/Berlin", "2026-11-19"), ("America/New_York", "2026-11-20")],
)
def test_no_post_of_the_day_that_is_asked_is_missed_in_any_time_zone(zone: str, asked: str) -> None:
    request = load_scrape_request("reels").of(["sun"], date(2026, 11, 20), ZoneInfo(zone))
    assert request.input[NEWER_THAN] == asked


def test_an_actor_that_takes_no_day_is_not_given_one() -> None:
    with pytest.raises(ScrapeRequestError, match="takes no day"):
        load_scrape_request("profiles").of(["sun"], date(2026, 11, 20), SEOUL)


@pytest.mark.parametrize(
    "names",
    [
        ["sea", "sun"],
        ["Sun", "SEA"],
        ["@sun", "sea", "sun"],
        [" sun ", "＠sea"],
        ["https://www.instagram.com/sun/", "http://instagram.com/Sea/reels/?hl=ko"],
        ["www.instagram.com/sun", "https://m.instagram.com/sea#x"],
    ],
)
def test_the_same_names_in_another_order_or_form_are_the_same_request(tmp_path: Path, names: list[str]) -> None:
    one = load_scrape_request("reels").of(["sun", "sea"], None, SEOUL)
    assert load_scrape_request("reels").of(names, None, SEOUL).digest == one.digest
    in_the_file = json.loads((EXAMPLES_FOLDER / "reels.json").read_bytes())
    in_the_file["input"]["username"] = names
    written(tmp_path, in_the_file)
    assert load_scrape_request("mine", str(tmp_path)).of([], None, SEOUL).digest == one.digest


@pytest.mark.parametrize(
    "tag", ["#육아", "＃육아", "육아", "https://www.instagram.com/explore/tags/%EC%9C%A1%EC%95%84/"]
)
def test_the_same_hashtag_in_another_form_is_the_same_request(tag: str) -> None:
    one, other = (load_scrape_request("hashtags").of([name], None, SEOUL) for name in ("육아", tag))
    assert one.input == other.input
    assert one.digest == other.digest


def test_requests_are_equal_when_the_actor_is_asked_the_same() -> None:
    one, other = (load_scrape_request("reels").of([name], None, SEOUL) for name in ("@sun", "sun"))
    assert one.digest == other.digest
    assert one.digest != load_scrape_request("posts").of(["sun"], None, SEOUL).digest
    assert one.digest != load_scrape_request("reels").of(["sun"], date(2026, 11, 20), SEOUL).digest


@pytest.mark.parametrize("name", ["reel", "../reels", "reels.json", "", "/etc/passwd", "none"])
def test_an_input_that_is_not_there_is_told_with_those_that_are(name: str) -> None:
    with pytest.raises(ScrapeRequestError, match="There are hashtags, posts, profiles, reels"):
        load_scrape_request(name)


def test_an_empty_folder_has_no_input(tmp_path: Path) -> None:
    with pytest.raises(ScrapeRequestError, match="There is none"):
        load_scrape_request("reels", str(tmp_path))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("{", "is not JSON"),
        ("[]", "is not one JSON object"),
        ({"input": {}}, "names no actor"),
        ({"actor": "two words", "input": {}}, "cannot be the name of an actor"),
        ({"actor": "a/../../b", "input": {}}, "cannot be the name of an actor"),
        ({"actor": 7, "input": {}}, "actor is not a text"),
        ({"actor": "apify/x"}, "has no input"),
        ({"actor": "apify/x", "input": []}, "has no input"),
        ({"actor": "apify/x", "inputs": {}}, "inputs is no field of it. Did you mean input\\? Mend that file"),
        ({"actor": "apify/x", "input": {}, "max_items": 0}, "max_items"),
        ({"actor": "apify/x", "input": {}, "max_items": True}, "max_items"),
        ({"actor": "apify/x", "input": {}, "max_total_charge_usd": "5"}, "max_total_charge_usd"),
        ({"actor": "apify/x", "input": {}, "takes_day": "no"}, "takes_day"),
        ({"actor": "apify/x", "input": {}, "names_field": ["username"]}, "names_field"),
    ],
)
def test_a_file_that_is_not_as_it_should_be_is_named_with_what_is_wrong(
    tmp_path: Path, content: object, problem: str
) -> None:
    path = written(tmp_path, content)
    with pytest.raises(FileError, match=problem) as caught:
        load_scrape_request("mine", str(tmp_path))
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("field", ["max_items", "max_total_charge_usd"])
@pytest.mark.parametrize(
    "value", ["NaN", "Infinity", "-Infinity", "1e400", "1e30", f"1{'0' * 21}", "9" * 400, "9" * 5000]
)
def test_a_limit_is_a_plain_number_within_the_bounds_of_its_setting(tmp_path: Path, field: str, value: str) -> None:
    path = written(tmp_path, json.dumps(ACTOR)[:-1] + f', "{field}": {value}}}')
    with pytest.raises(FileError, match=rf"{field} is no|is not JSON \(Exceeds") as caught:
        load_scrape_request("mine", str(tmp_path))
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("field", "value", "allowed"),
    [
        ("max_items", 1_000_001, "a whole number from 1 to 1,000,000"),
        ("max_items", 2.0, "a whole number from 1 to 1,000,000"),
        ("max_total_charge_usd", 10_000.01, "a number above 0 to 10,000"),
        ("max_total_charge_usd", 0, "a number above 0 to 10,000"),
        ("max_total_charge_usd", -1, "a number above 0 to 10,000"),
    ],
)
def test_what_a_limit_may_be_is_told(tmp_path: Path, field: str, value: float, allowed: str) -> None:
    written(tmp_path, {**ACTOR, field: value})
    with pytest.raises(FileError, match=f"{field} is not {allowed}"):
        load_scrape_request("mine", str(tmp_path))


@pytest.mark.parametrize(
    ("own", "counts"),
    [({}, (100, 2.0)), ({"max_items": 7}, (7, 2.0)), ({"max_items": 500, "max_total_charge_usd": 0.5}, (100, 0.5))],
)
def test_a_file_may_lower_a_limit_of_the_settings_and_never_raise_it(
    tmp_path: Path, own: dict[str, float], counts: tuple[int, float]
) -> None:
    options = ApifySettings(max_items=100, max_total_charge_usd=2)
    written(tmp_path, {**ACTOR, **own})
    request = load_scrape_request("mine", str(tmp_path))
    assert request.limits(options) == counts
    raised = [line.partition(" of ")[0] for line in request.capped(options)]
    assert raised == [field for field, value in own.items() if value > getattr(options, field)]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"actor": "apify/a", "input": {}, "actor": "apify/b"}', "actor stands twice in one object"),
        ('{"actor": "apify/a", "input": {"limit": 1, "limit": 100}}', "limit stands twice in one object"),
        ('{"actor": "apify/a", "input": {"limit": NaN}}', "input.limit is no finite number"),
        ('{"actor": "apify/a", "input": {"limits": [1, 1e400]}}', r"input.limits.2 is no finite number"),
        ('{"actor": "apify/a", "input": {"tag": "\\ud83d"}}', r"input.tag holds half a character \(\\ud83d\)"),
        ('{"actor": "apify/a", "input": {"\\ud83d": 1}}', r"\\ud83d is the name of a field and holds half a character"),
        ('{"actor": "apify/a", "input": {"a": ' + "[" * 21 + "]" * 21 + "}}", "is nested deeper than 20 levels"),
        ('{"actor": "apify/a", "input": ' + "[" * 100_000, "is nested deeper than 20 levels"),
        ('{"actor": "apify/a", "input": {}} {}', "is not JSON"),
    ],
)
def test_what_cannot_be_sent_as_it_stands_is_refused_with_its_field(tmp_path: Path, text: str, problem: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(FileError, match=problem) as caught:
        load_scrape_request("mine", str(tmp_path))
    assert str(caught.value).startswith(f"{path}: ")
    assert "Mend that file" in str(caught.value)


def test_a_whole_emoji_may_be_written_as_two_escapes(tmp_path: Path) -> None:
    written(tmp_path, '{"actor": "apify/a", "input": {"tag": "\\ud83e\\udd70"}}')
    assert load_scrape_request("mine", str(tmp_path)).input == {"tag": "🥰"}


def test_a_file_of_another_encoding_is_told_to_be_saved_anew(tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_bytes('{"actor": "apify/a", "input": {"hashtags": ["육아"]}}'.encode("cp949"))
    with pytest.raises(FileError, match=r"is no UTF-8 \(byte 46\)\. Save it as UTF-8"):
        load_scrape_request("mine", str(tmp_path))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_file_saved_by_a_windows_editor_is_read(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "mine.json").write_text(json.dumps(ACTOR), encoding)
    assert load_scrape_request("mine", str(tmp_path)).actor == ACTOR["actor"]
