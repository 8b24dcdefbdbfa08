"""The collectors' books after an account or a hashtag was forgotten."""

import json
from pathlib import Path

import pytest

from instagram_assets.collect.collection_scope import Bounds
from instagram_assets.collect.collector_database import CollectorDatabase
from instagram_assets.collect.crawl_table import close_crawl, find_open_crawl, open_crawl, set_outcome
from instagram_assets.collect.inbox_delivery import write_export
from instagram_assets.collect.output_folder import OutputFolder
from instagram_assets.collect.rate_limiter import Limiter
from instagram_assets.collect.site_adapter import CrawlPage, PostRef
from instagram_assets.collect.stored_pages import load_pages, store_page
from instagram_assets.collect.subject_table import SubjectRow, update_from_page
from instagram_assets.collect.unknown_responses import save_response
from instagram_assets.forget.collector_database import collector_steps, user_output_files
from instagram_assets.forget.not_erased import list_not_erased
from instagram_assets.forget.verification import search_all_data
from instagram_assets.ingest.post_ids import shortcode_of
from instagram_assets.privacy.forgotten_identifiers import Identifiers
from instagram_assets.settings import load_settings
from instagram_assets.settings.rate_limits import Rate
from instagram_assets_tests.collect.virtual_clock import VirtualClock

JANE, BOB, TAG = "sun_diary", "moon_cooks", "#햇살일기"
CODES = [shortcode_of(3_000_000_000_000_000_000 + number) for number in range(3)]
KNOWN = Identifiers(
    accounts={JANE: "x_forgotten1", TAG: "#x_forgotten2"},
    profile_ids=frozenset({"70070070070"}),
    post_ids=frozenset({"3000000000000000000"}),
    shortcodes=frozenset({CODES[0]}),
)


def _node(number: int, owner: str, caption: str) -> dict[str, object]:
    return {
        "__typename": "GraphImage",
        "id": str(3_000_000_000_000_000_000 + number),
        "shortcode": CODES[number],
        "display_url": f"https://scontent.cdninstagram.com/v/{number}.jpg",
        "is_video": False,
        "taken_at_timestamp": 1_760_000_000 + number,
        "edge_media_to_caption": {"edges": [{"node": {"text": caption}}]},
        "edge_media_to_comment": {"count": 2},
        "edge_media_preview_like": {"count": 3},
        "owner": {"id": "70070070070" if owner == JANE else "80080080080", "username": owner},
    }


def _filled(folder: Path) -> CollectorDatabase:
    """Books with an open crawl of each, pages, requests, and an answer that names her."""
    database, clock = CollectorDatabase(folder), VirtualClock(1_760_000_000)
    limiter = Limiter(database, "instagram:anonymous", (Rate(100, 1.0),), clock, lambda _: None)
    for subject in (JANE, BOB, TAG, TAG, JANE):
        limiter.acquire("instagram", subject, f"the profile of {subject}")
    for subject, nodes in (
        (JANE, [_node(0, JANE, "아침 산책")]),
        (BOB, [_node(0, JANE, "hers, in his pages"), _node(1, BOB, f"mit @{JANE}"), _node(2, BOB, "바다")]),
    ):
        crawl = open_crawl(database, "instagram", subject, Bounds(100), clock.now())
        seen = [PostRef(str(node["shortcode"]), None) for node in nodes]
        page = CrawlPage(nodes, seen, "CURSOR", {"profile_id": "70070070070" if subject == JANE else "80080080080"})
        with database.writing() as connection:
            store_page(connection, crawl.id, 0, clock.now(), page)
            update_from_page(connection, SubjectRow("instagram", subject), clock.now(), page)
    save_response(folder, "instagram", JANE, "a page of posts", "unknown form", clock.now(), {"said": "아침 산책"})
    save_response(folder, "instagram", BOB, f"the posts of {BOB}", "unknown form", clock.now() + 1, {"user": BOB})
    return database


def test_nothing_of_a_forgotten_account_is_in_the_bytes_and_every_request_still_counts(tmp_path: Path) -> None:
    database = _filled(tmp_path / "collection")
    found = list(collector_steps(database.folder, tmp_path, KNOWN))
    assert [(step.verb, step.path) for step in found] == [
        ("rewrite", "collection/books.sqlite"),
        ("remove", next(step.path for step in found if step.verb == "remove")),
    ]
    for step in found:
        step.apply()

    said = b"".join(path.read_bytes() for path in database.folder.rglob("*") if path.is_file())
    for needle in (JANE, TAG, "70070070070", CODES[0], "3000000000000000000", "아침 산책"):
        assert needle.encode() not in said
    with database.reading() as connection:
        asked = [row[0] for row in connection.execute("SELECT subject FROM requests ORDER BY id")]
    assert asked == ["forgotten", BOB, "#forgotten-3", "#forgotten-3", "forgotten"]
    assert not list(collector_steps(database.folder, tmp_path, KNOWN))


def test_what_others_have_open_stays_open_without_her(tmp_path: Path) -> None:
    database = _filled(tmp_path / "collection")
    for step in collector_steps(database.folder, tmp_path, KNOWN):
        step.apply()

    assert find_open_crawl(database, "instagram", JANE) is None
    crawl = find_open_crawl(database, "instagram", BOB)
    assert crawl
    (page,) = load_pages(database, crawl.id)
    assert [post.shortcode for post in page.posts] == CODES[1:]
    assert [record["shortcode"] for record in page.records] == CODES[1:]
    assert page.cursor == "CURSOR"
    with database.writing() as connection:
        crawl = set_outcome(connection, crawl, "complete", "", 2)
    file = write_export(tmp_path / "inbox", database, crawl)
    assert file
    assert file.read_text("utf-8").count("\n") == 2
    assert "@x_forgotten1" in file.read_text("utf-8")


def test_books_that_never_named_it_stay_byte_for_byte(tmp_path: Path) -> None:
    database = _filled(tmp_path / "collection")
    before = database.file.read_bytes()
    assert not list(collector_steps(database.folder, tmp_path, Identifiers(accounts={"nobody.known": "x_forgotten3"})))
    assert database.file.read_bytes() == before


def test_who_is_known_by_id_alone_leaves_nothing_under_a_newer_name(tmp_path: Path) -> None:
    database = _filled(tmp_path / "collection")
    known = Identifiers(accounts={"her_older_name": "x_forgotten1"}, profile_ids=frozenset({"70070070070"}))
    for step in collector_steps(database.folder, tmp_path, known):
        step.apply()
    with database.reading() as connection:
        for table in ("subjects", "crawls", "requests"):
            assert JANE not in {row["subject"] for row in connection.execute(f"SELECT subject FROM {table}")}, table
        assert connection.execute("SELECT COUNT(*) FROM pages").fetchone()[0] == 1  # of whom else
        texts = [row["what"] for row in connection.execute("SELECT what FROM requests")]
    assert not any(JANE in text for text in texts)
    assert "아침 산책".encode() not in database.file.read_bytes()


@pytest.mark.parametrize("name", [JANE, "haneul"])
def test_the_file_that_we_wrote_loses_the_name_wherever_it_is_told(name: str) -> None:
    file = f"collected_instagram-{name}-2026-11-27T09-00-00.000000Z.json"
    known = Identifiers(accounts={name: "x_forgotten1"})
    assert known.scrub(f"read from {file}") == f"read from {file.replace(name, 'x_forgotten1')}"
    other = file.replace(name, f"{name}_2")
    assert known.scrub(other) == other


def _scraped(folder: Path, database: CollectorDatabase) -> OutputFolder:
    """What `scrape-users` leaves: files of her, of her under another name, and of one whose text names her."""
    users = OutputFolder(folder)
    with users.alone(database):
        for user, nodes in (
            (JANE, [_node(0, JANE, "아침 산책")]),
            ("jane.before", [_node(0, JANE, "아침 산책")]),
            (BOB, [_node(1, BOB, f"mit @{JANE}"), _node(2, BOB, "바다")]),
        ):
            crawl = open_crawl(database, "instagram", user, Bounds(100), 1_760_000_000.0)
            with database.writing() as connection:
                store_page(connection, crawl.id, 0, 1_760_000_000.0, CrawlPage(nodes))
                crawl = set_outcome(connection, crawl, "complete", "", 2)
            arrived = write_export(users.arrivals, database, crawl)
            assert arrived
            users.publish(arrived)
            with database.writing() as connection:
                close_crawl(connection, crawl, 1_760_000_001.0, arrived.name)
    return users


def test_files_of_users_are_forgotten_wherever_they_were_put(tmp_path: Path) -> None:
    chosen, elsewhere = load_settings(data_dir=tmp_path / "data"), tmp_path / "elsewhere"
    database = CollectorDatabase(chosen.folder("collection"))
    users = _scraped(elsewhere, database)
    mine = elsewhere / "mine.json"
    mine.write_text(json.dumps([{"note": f"I wrote to {JANE}"}]))
    assert {place.path for place in search_all_data(chosen, KNOWN).found} >= {str(users.path(JANE))}
    for step in list(collector_steps(database.folder, chosen.data_dir, KNOWN)):
        step.apply()

    assert sorted(path.name for path in elsewhere.glob("*.json")) == ["mine.json", f"{BOB}.json"]
    kept = users.path(BOB).read_text("utf-8")
    assert [line["record"]["shortcode"] for line in json.loads(kept)] == CODES[1:]
    assert JANE not in kept
    assert "@x_forgotten1" in kept
    assert JANE in mine.read_text()
    assert not list(collector_steps(database.folder, chosen.data_dir, KNOWN))
    assert search_all_data(chosen, KNOWN).found == []
    assert user_output_files(database.folder) == [users.path(BOB)]


def test_a_folder_of_users_that_is_not_there_any_more_is_said_not_to_be_touched(tmp_path: Path) -> None:
    chosen = load_settings(data_dir=tmp_path / "data")
    _scraped(tmp_path / "elsewhere", CollectorDatabase(chosen.folder("collection")))
    assert not any("scrape-users" in left.what for left in list_not_erased(chosen, KNOWN))
    (tmp_path / "elsewhere").rename(tmp_path / "moved")
    (left,) = (left for left in list_not_erased(chosen, KNOWN) if "scrape-users" in left.what)
    assert str(tmp_path / "elsewhere") in left.remedy
