"""Once per cause and day by each way out, after a restart too and whoever sends; what did not go out is tried again."""

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from instagram_assets.alerts.deliver import RECORD, deliver, end_trouble, trouble_line, troubles
from instagram_assets.alerts.message import Alert
from instagram_assets.errors import StorageError
from instagram_assets.settings import AlertSettings
from instagram_assets_tests.servers.hostile import HostileServer, answer
from instagram_assets_tests.servers.mail import MailServer

NOW = datetime(2026, 11, 27, 9, tzinfo=UTC)
DAY = date(2026, 11, 27)
FAILED = Alert("run", DAY, job="box", step="captions", error="ModelError")
MINUTE = timedelta(minutes=1)
# Told to begin together, so that several processes want to send one alert at the same moment.
SENDER = """
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from instagram_assets.alerts.deliver import deliver
from instagram_assets.alerts.message import Alert
from instagram_assets.settings import AlertSettings
options = AlertSettings.model_validate({"webhook_url": sys.argv[1]})
alert = Alert("run", date(2026, 11, 27), job="box", step="captions", error="ModelError")
print("ready", flush=True)
sys.stdin.readline()
deliver([alert], options, Path(sys.argv[2]), datetime(2026, 11, 27, 9, tzinfo=UTC))
"""


@pytest.fixture
def server() -> Iterator[HostileServer]:
    with HostileServer() as server:
        server.on("/hook", answer())
        yield server


@pytest.fixture
def options(server: HostileServer) -> AlertSettings:
    return AlertSettings.model_validate({"webhook_url": server.url("/hook")})


def test_a_cause_is_told_once_a_day_and_other_causes_beside_it(
    tmp_path: Path, server: HostileServer, options: AlertSettings
) -> None:
    again = Alert("run", DAY, job="box", step="captions", error="StorageError", run="another")
    other = Alert("run", DAY, job="box", step="images")
    assert len(deliver([FAILED], options, tmp_path, NOW).sent) == 1
    assert deliver([again], options, tmp_path, NOW + MINUTE).sent == []
    assert len(deliver([again, other], options, tmp_path, NOW + MINUTE).sent) == 1
    tomorrow = Alert("run", DAY + timedelta(days=1), job="box", step="captions")
    assert len(deliver([FAILED, tomorrow], options, tmp_path, NOW + timedelta(days=1)).sent) == 1
    assert [json.loads(seen.body)["cause"] for seen in server.seen] == [
        *("run:box:captions", "run:box:images", "run:box:captions")
    ]


def test_processes_that_send_at_the_same_moment_send_once(
    tmp_path: Path, server: HostileServer, options: AlertSettings
) -> None:
    command = [sys.executable, "-c", SENDER, options.webhook_url.get_secret_value(), str(tmp_path)]
    senders = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    for sender in senders:
        assert sender.stdout
        assert sender.stdout.readline() == "ready\n"
    for sender in senders:
        assert sender.stdin
        sender.stdin.write("go\n")
        sender.stdin.flush()
    for sender in senders:
        sender.communicate()
        assert sender.returncode == 0
    assert server.hits("/hook") == 1


def test_what_did_not_go_out_is_tried_again_later_and_later(
    tmp_path: Path, server: HostileServer, options: AlertSettings
) -> None:
    server.on("/hook", answer(status=503))
    waits: list[float] = []
    now = NOW
    for _ in range(9):
        [trouble] = deliver([FAILED], options, tmp_path, now).troubles
        waits.append((trouble.next_try - now) / MINUTE)
        if trouble.next_try > now:  # before then nobody is asked
            assert deliver([FAILED], options, tmp_path, trouble.next_try - timedelta(seconds=1)).sent == []
        now = trouble.next_try
    assert waits == [0, 1, 2, 4, 8, 16, 32, 60, 60]
    assert server.hits("/hook") == 9
    server.on("/hook", answer())
    assert len(deliver([FAILED], options, tmp_path, now).sent) == 1
    assert troubles(options, tmp_path) == []


def test_nobody_is_asked_before_the_time_that_he_asked_for(
    tmp_path: Path, server: HostileServer, options: AlertSettings
) -> None:
    server.on("/hook", answer(status=429, Retry_After="600"), answer())
    deliver([FAILED], options, tmp_path, NOW)
    assert deliver([FAILED], options, tmp_path, NOW + 9 * MINUTE).sent == []
    assert server.hits("/hook") == 1
    assert len(deliver([FAILED], options, tmp_path, NOW + 10 * MINUTE).sent) == 1


def test_an_absurd_time_to_wait_is_a_day(tmp_path: Path, server: HostileServer, options: AlertSettings) -> None:
    server.on("/hook", answer(status=429, Retry_After="9" * 40))
    [trouble] = deliver([FAILED], options, tmp_path, NOW).troubles
    assert trouble.next_try == NOW + timedelta(days=1)


def test_a_way_out_that_fails_does_not_hold_up_the_other(tmp_path: Path, server: HostileServer) -> None:
    server.on("/hook", answer(status=500), answer())
    with MailServer() as mail:
        options = AlertSettings.model_validate(
            {
                "webhook_url": server.url("/hook"),
                "smtp_host": "127.0.0.1",
                "smtp_port": mail.port,
                "smtp_security": "none",
                "mail_from": "assets@example.org",
                "mail_to": "jane@example.org",
            }
        )
        first = deliver([FAILED], options, tmp_path, NOW)
        assert ([trouble.channel for trouble in first.troubles], len(mail.mails)) == (["webhook"], 1)
        assert len(deliver([FAILED], options, tmp_path, NOW + MINUTE).sent) == 1
        assert (server.hits("/hook"), len(mail.mails)) == (2, 1)


def test_a_trouble_is_told_until_it_ends_and_a_test_that_works_ends_it(
    tmp_path: Path, server: HostileServer, options: AlertSettings
) -> None:
    server.on("/hook", answer(status=429, Retry_After="3600"), answer())
    deliver([FAILED], options, tmp_path, NOW)
    [trouble] = troubles(options, tmp_path)
    assert trouble_line(trouble, ZoneInfo("Asia/Seoul")) == (
        "alerts: nothing goes out by webhook since 2026-11-27 18:00 (HTTP 429, 1 try); tried again from 2026-11-27 "
        "19:00 on, or now by instagram-assets alerts test"
    )
    assert troubles(AlertSettings(), tmp_path) == []  # nobody wants that way any more
    end_trouble("webhook", tmp_path)
    assert len(deliver([FAILED], options, tmp_path, NOW + MINUTE).sent) == 1


def test_the_record_holds_no_secret_and_does_not_grow_for_ever(
    tmp_path: Path, server: HostileServer, options: AlertSettings
) -> None:
    for number in range(30):
        day = DAY + timedelta(days=number)
        deliver([Alert("check", day, asset="images", check="downloads")], options, tmp_path, NOW)
    record = (tmp_path / RECORD).read_text()
    assert record.count("2026-12") == 8
    assert "hook" not in record.replace("webhook", "")


def test_a_damaged_record_is_named_with_what_to_do(tmp_path: Path, options: AlertSettings) -> None:
    (tmp_path / RECORD).write_text("{")
    with pytest.raises(StorageError, match=r"sent\.json: .* Take the file away"):
        deliver([FAILED], options, tmp_path, NOW)
