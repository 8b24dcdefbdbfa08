"""`reel_videos` in Dagster: switched off it stays, limits are waited for by the run, pictures and numbers are shown."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest

from instagram_assets.automation import shell_runs
from instagram_assets.cli.materialize_assets import materialize_selection
from instagram_assets.errors import RunFailedError
from instagram_assets.media.never_download import PAST_RETENTION as RETAINED
from instagram_assets.partitions import window
from instagram_assets.reels import url_refresh
from instagram_assets.retention.expired_items import RetentionLimits
from instagram_assets.retention.retention import apply_retention
from instagram_assets.settings import settings
from instagram_assets.storage.lake import open_lake, read_table
from instagram_assets_tests.conftest import export, post
from instagram_assets_tests.media.real_films import chequered, save_film
from instagram_assets_tests.reels.conftest import save_session
from instagram_assets_tests.reels.test_videos import PAST, expiring
from instagram_assets_tests.servers.hostile import HostileServer, answer
from instagram_assets_tests.servers.instagram import LIMIT, LoopbackInstagram

PREFIX = "INSTAGRAM_ASSETS_"
Make = Callable[[], pa.Table]


def reel(number: int, url: str, **changes: Any) -> dict[str, Any]:
    return post(number, type="Video", productType="clips", videoUrl=url, **changes)


@pytest.fixture
def body(tmp_path: Path) -> bytes:
    return save_film(tmp_path / "reel.mp4", [chequered(1), chequered(2)]).read_bytes()


@pytest.fixture
def make(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Makes the table for all reels that have landed, with reels switched on."""
    for name in ("REELS__ENABLED", "DOWNLOAD__ALLOW_HTTP", "DOWNLOAD__ALLOW_LOOPBACK"):
        monkeypatch.setenv(PREFIX + name, "true")

    def made() -> pa.Table:
        settings.cache_clear()
        list(materialize_selection(instance, "reel_videos"))
        return read_table(open_lake(settings()), "reel_videos")

    return made


def land(instance: dg.DagsterInstance, folder: Path, *records: dict[str, Any]) -> None:
    shell_runs.land(instance, [export(folder / "reels.json", list(records))], "2026-11-01T00:00:00Z")
    shell_runs.bring_up_to_date(instance)


def test_videos_are_fetched_and_shown_with_their_numbers_and_posters(
    instance: dg.DagsterInstance, data_dir: Path, tmp_path: Path, server: HostileServer, make: Make, body: bytes
) -> None:
    good, gone = server.on("/good.mp4", answer(body)), server.on("/gone.mp4", answer(b"", status=404))
    land(instance, tmp_path, reel(1, good), reel(2, gone, day="2026-10-21"), post(3))
    rows = make().to_pylist()
    assert [(row["post_id"], row["status"]) for row in rows] == [("10001", "ok"), ("10002", "failed")]
    assert (data_dir / "media" / rows[0]["path"]).read_bytes() == body
    (seen,) = instance.fetch_observations(dg.AssetKey("reel_videos"), limit=1).records
    assert seen.asset_observation
    numbers = {name: value.value for name, value in seen.asset_observation.metadata.items()}
    assert (numbers["reels"], numbers["ok"], numbers["failed"], numbers["asked anew"]) == (2, 1, 1, 0)
    assert (data_dir / "reports" / "reel_videos-posters.jpeg").read_bytes().startswith(b"\xff\xd8\xff")


def test_switched_off_it_fetches_nothing_and_keeps_its_rows(
    instance: dg.DagsterInstance,
    data_dir: Path,
    tmp_path: Path,
    server: HostileServer,
    make: Make,
    body: bytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    land(instance, tmp_path, reel(1, server.on("/a.mp4", answer(body))))
    monkeypatch.setenv(f"{PREFIX}REELS__ENABLED", "false")
    assert make().num_rows == 0
    assert server.hits("/a.mp4") == 0
    monkeypatch.setenv(f"{PREFIX}REELS__ENABLED", "true")
    there = make()
    monkeypatch.setenv(f"{PREFIX}REELS__ENABLED", "false")
    assert make().equals(there)
    assert there.num_rows == 1


def test_a_limit_of_instagram_is_waited_for_by_the_run_and_at_last_a_reason(
    instance: dg.DagsterInstance,
    data_dir: Path,
    tmp_path: Path,
    server: HostileServer,
    instagram: LoopbackInstagram,
    session_file: Path,
    make: Make,
    body: bytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(url_refresh, "WAIT", 0.01)
    monkeypatch.setenv(f"{PREFIX}REELS__SESSION_FILE", str(session_file))
    direct, old = server.on("/direct.mp4", answer(body)), expiring(server.url("/old.mp4"), PAST)
    land(instance, tmp_path, reel(1, direct), reel(2, old), reel(3, old.replace("old", "older")))
    instagram.says = {"CODE2": server.on("/url_refresh.mp4", answer(body)), "CODE3": LIMIT}
    rows = make().to_pylist()
    assert [row["status"] for row in rows] == ["ok", "ok", "expired"]
    assert "not asked anew: Instagram wants fewer requests" in rows[2]["reason"]
    assert instagram.shortcodes == ["CODE2", "CODE3", "CODE3", "CODE3"]
    instagram.says["CODE3"] = server.on("/third.mp4", answer(body))
    assert make()["status"].to_pylist() == ["ok"] * 3
    assert [server.hits(path) for path in ("/direct.mp4", "/url_refresh.mp4", "/third.mp4")] == [1, 1, 1]


def test_a_session_file_from_elsewhere_ends_the_run_before_any_work(
    instance: dg.DagsterInstance,
    data_dir: Path,
    tmp_path: Path,
    server: HostileServer,
    make: Make,
    body: bytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = save_session(tmp_path / "session-me", {"sessionid": "canary"})
    file.chmod(0o666)
    monkeypatch.setenv(f"{PREFIX}REELS__SESSION_FILE", str(file))
    land(instance, tmp_path, reel(1, server.on("/a.mp4", answer(body))))
    with pytest.raises(RunFailedError, match="may be written by others"):
        make()
    assert server.hits("/a.mp4") == 0


def test_a_video_that_went_with_retention_keeps_its_row_and_is_not_fetched_again(
    instance: dg.DagsterInstance, data_dir: Path, tmp_path: Path, server: HostileServer, make: Make, body: bytes
) -> None:
    land(instance, tmp_path, reel(1, server.on("/good.mp4", answer(body))))
    (before,) = make().to_pylist()
    later = datetime(2026, 11, 2, tzinfo=UTC)
    went = apply_retention(open_lake(settings()), settings(), RetentionLimits(None, later), window(), later)
    assert went.numbers["media, videos"] == 1
    (row,) = make().to_pylist()
    assert row == before | {"path": None, "poster": None, "reason": RETAINED}
    assert server.hits("/good.mp4") == 1
    assert not list((data_dir / "media").glob("??/*"))
