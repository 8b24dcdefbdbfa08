"""Comments are a table of the lake where a setting keeps them; names of commenters are in no file of ours."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import dagster as dg
import pytest

from instagram_assets import Lake
from instagram_assets.automation import shell_runs
from instagram_assets.cli.ingest import ingest_files
from instagram_assets.ingest.observations import read_comments
from instagram_assets.ingest.post_ids import post_id_of
from instagram_assets.privacy.pseudonyms import pseudonym
from instagram_assets.privacy.secret_keys import load_key
from instagram_assets.retention.landing_rows import expired_landing_rows
from instagram_assets.retention.observation_tables import expired_observations
from instagram_assets.settings import settings
from instagram_assets.storage.lake import open_lake
from instagram_assets_tests.automation.test_sensors import settle
from instagram_assets_tests.conftest import export, post

CODE = "DNQuxufAih9"
COMMENTER = "third_party_0815"
COMMENT = {
    "postUrl": f"https://www.instagram.com/p/{CODE}/",
    "id": "18001",
    "text": f"@{COMMENTER} 010-1234-5678 so pretty",
    "ownerUsername": COMMENTER,
    "ownerProfilePicUrl": f"https://cdn.example/{COMMENTER}.jpg",
    "timestamp": "2025-07-29T12:15:43.000Z",
    "likesCount": 1,
}
KEY = dg.AssetKey("raw_comments")
Keep = Callable[[bool], None]


@pytest.fixture
def keep(monkeypatch: pytest.MonkeyPatch, data_dir: Path) -> Keep:
    """Switches the keeping of comments on or off."""

    def switch(on: bool) -> None:
        monkeypatch.setenv("INSTAGRAM_ASSETS_INGEST__KEEP_COMMENTS", str(on))
        settings.cache_clear()

    return switch


def lake() -> Lake:
    return Lake(settings().folder("lake"))


def test_comments_in_the_inbox_are_a_table_that_joins_the_posts(
    instance: dg.DagsterInstance, data_dir: Path, keep: Keep
) -> None:
    keep(True)
    export(data_dir / "inbox" / "comments.json", [COMMENT])
    above = post(1, id=str(post_id_of(CODE)), shortCode=CODE, latestComments=[{**COMMENT, "id": "18002"}])
    export(data_dir / "inbox" / "posts.json", [above])
    settle(instance, {})
    rows = lake().read("raw_comments").to_pylist()
    person = pseudonym(load_key(settings().folder("privacy"), "pseudonyms"), COMMENTER)
    assert [(row["comment_id"], row["commenter"]) for row in rows] == [("18001", person), ("18002", person)]
    assert {row["text"] for row in rows} == {f"@{person} [phone] so pretty"}
    joined = lake().sql("SELECT p.account, c.comment_id FROM raw_comments c JOIN posts p USING (post_id) ORDER BY 2")
    assert joined.to_pylist() == [{"account": "sun_diary", "comment_id": number} for number in ("18001", "18002")]
    ours = [path for path in data_dir.rglob("*") if path.is_file() and (data_dir / "inbox") not in path.parents]
    assert len(ours) > 10
    assert not [path for path in ours if COMMENTER.encode() in path.read_bytes()]
    made = instance.get_latest_materialization_event(KEY)
    # Nothing new: the table is not made again.
    shell_runs.run_job(instance, "landing")
    again = instance.get_latest_materialization_event(KEY)
    assert made
    assert again
    assert made.timestamp == again.timestamp


def test_without_the_setting_there_is_no_such_table(instance: dg.DagsterInstance, data_dir: Path) -> None:
    export(data_dir / "inbox" / "posts.json", [post(1, latestComments=[COMMENT])])
    shell_runs.run_job(instance, "landing")
    assert instance.get_latest_materialization_event(KEY) is None
    assert "raw_comments" not in lake().tables()["name"].to_pylist()
    assert lake().read("raw_comments").num_rows == 0


def test_a_file_of_comments_alone_says_how_they_are_kept_and_brings_them_when_it_is_given_again(
    instance: dg.DagsterInstance, data_dir: Path, keep: Keep
) -> None:
    file = export(data_dir / "comments.json", [COMMENT])
    first = ingest_files(instance, [file])
    assert (first.known, lake().read("quarantine").num_rows) == ([], 1)
    assert "INSTAGRAM_ASSETS_INGEST__KEEP_COMMENTS" in lake().read("quarantine")["reason"][0].as_py()
    keep(True)
    second = ingest_files(instance, [file])
    assert ([landed.comments for landed in second.files], second.known, second.errors) == ([1], [], [])
    assert (lake().read("quarantine").num_rows, lake().read("raw_comments").num_rows) == (0, 1)
    third = ingest_files(instance, [file])
    assert (third.files, third.known) == ([], ["comments.json"])


def test_a_known_file_that_comes_into_the_inbox_again_is_read_for_its_comments_and_only_then(
    instance: dg.DagsterInstance, data_dir: Path, keep: Keep
) -> None:
    inbox = data_dir / "inbox"
    cursors: dict[str, str | None] = {}
    export(inbox / "comments.json", [COMMENT])
    assert "landing" in settle(instance, cursors)
    keep(True)
    export(inbox / "again.json", [COMMENT])
    assert "landing" in settle(instance, cursors)
    assert lake().read("raw_comments").num_rows == 1
    export(inbox / "once_more.json", [COMMENT])
    assert "landing" not in settle(instance, cursors)
    assert {path.name for path in (inbox / "done").iterdir()} == {"comments.json", "again.json", "once_more.json"}


def test_comments_that_are_past_retention_go_from_the_landing_zone_and_the_table(
    instance: dg.DagsterInstance, data_dir: Path, keep: Keep
) -> None:
    keep(True)
    seen = [{**COMMENT, "id": number, "scrapedAt": f"2025-0{number}-01T00:00:00Z"} for number in ("8", "9")]
    export(data_dir / "inbox" / "comments.json", seen)
    settle(instance, {})
    root, before = open_lake(settings()), datetime(2025, 8, 15, tzinfo=UTC)
    for dues in (
        expired_landing_rows(root, before),
        expired_observations(root, before, (date(2010, 1, 1), date(2100, 1, 1))),
    ):
        for due in list(dues):
            due.apply()
    assert lake().read("raw_comments")["comment_id"].to_pylist() == ["9"]
    assert read_comments(root)["comment_id"].to_pylist() == ["9"]


def test_a_table_of_comments_that_is_lost_or_damaged_is_made_again(
    instance: dg.DagsterInstance, data_dir: Path, keep: Keep
) -> None:
    keep(True)
    export(data_dir / "inbox" / "comments.json", [COMMENT])
    settle(instance, {})
    (path,) = (data_dir / "lake" / "raw_comments").rglob("*.parquet")
    for content in (None, b"PAR1"):
        path.unlink() if content is None else path.write_bytes(content)
        shell_runs.run_job(instance, "landing")
        assert lake().read("raw_comments").num_rows == 1
