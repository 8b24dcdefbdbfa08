"""An alert arrives as its readers' programs take it; what goes wrong is said without the secret and the people."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from instagram_assets.alerts.channels import channels, seconds_of
from instagram_assets.alerts.message import Alert
from instagram_assets.errors import UndeliveredError
from instagram_assets.settings import AlertSettings
from instagram_assets_tests.servers.hostile import HostileServer, answer, raw
from instagram_assets_tests.servers.mail import MailServer, write_certificate

SECRET = "T0KEN-b7f3"
RUN = "3f1c1f5e-6f0e-4a53-9c9a-0b6f6f0f2a11"
ALERT = Alert("run", date(2026, 11, 27), job="box", step="captions", error="ModelError", cells=1_200, run=RUN)
NOW = datetime(2026, 11, 27, 9, tzinfo=UTC)


@pytest.fixture
def server() -> Iterator[HostileServer]:
    with HostileServer() as server:
        yield server


def by_webhook(server: HostileServer, **options: object) -> AlertSettings:
    return AlertSettings.model_validate({"webhook_url": server.url(f"/hooks/{SECRET}"), **options})


def by_mail(server: MailServer, **options: object) -> AlertSettings:
    told = {"smtp_host": "127.0.0.1", "smtp_port": server.port, "smtp_security": "none"}
    return AlertSettings.model_validate(
        told | {"mail_from": "assets@example.org", "mail_to": "jane@example.org, joe@example.org"} | options
    )


def send(options: AlertSettings, alert: Alert = ALERT) -> str:
    [channel] = channels(options)
    return channel.send(alert)


def test_nobody_is_told_until_the_settings_say_where_to() -> None:
    assert channels(AlertSettings()) == []


def test_a_webhook_gets_json_with_every_fact_under_its_name(server: HostileServer) -> None:
    server.on(f"/hooks/{SECRET}", answer())
    send(by_webhook(server, ui_url="https://dagster.example.org/"))
    [seen] = server.seen
    assert seen.headers["content-type"] == "application/json"
    assert json.loads(seen.body) == {
        "kind": "run",
        "cause": "run:box:captions",
        "title": "A run of box failed at captions: ModelError",
        "day": "2026-11-27",
        "job": "box",
        "step": "captions",
        "error": "ModelError",
        "cells": 1200,
        "run": RUN,
        "link": f"https://dagster.example.org/runs/{RUN}",
        "command": "instagram-assets status",
    }


def test_slack_and_discord_get_lines_in_which_nothing_is_a_command_of_theirs(server: HostileServer) -> None:
    server.on(f"/hooks/{SECRET}", answer(b"ok"))
    odd = Alert("run", date(2026, 11, 27), job="box", step="<!channel>&", error="ModelError")
    send(by_webhook(server, webhook_form="slack"), odd)
    send(by_webhook(server, webhook_form="discord"), ALERT)
    slack, discord = (json.loads(seen.body) for seen in server.seen)
    assert slack.keys() == {"text"}
    assert "&lt;!channel&gt;&amp;" in slack["text"]
    assert discord["allowed_mentions"] == {"parse": []}
    assert discord["content"].splitlines() == [
        "instagram_assets: A run of box failed at captions: ModelError.",
        "day: 2026-11-27",
        "cells of the run: 1,200",
        f"run: {RUN}",
        f"look at: http://127.0.0.1:3000/runs/{RUN}",
        "or run: instagram-assets status",
        "This cause is not told again that day.",
    ]


@pytest.mark.parametrize(
    ("status", "wait", "seconds"), [(429, "120", 120.0), (503, "", 0.0), (404, "", 0.0), (302, "", 0.0)]
)
def test_a_webhook_that_refuses_is_named_by_its_status_and_how_long_it_asks_to_wait(
    server: HostileServer, status: int, wait: str, seconds: float
) -> None:
    server.on("/elsewhere", answer())
    server.on(f"/hooks/{SECRET}", answer(SECRET.encode(), status, Retry_After=wait, Location="/elsewhere"))
    with pytest.raises(UndeliveredError, match=f"^HTTP {status}$") as caught:
        send(by_webhook(server))
    assert caught.value.seconds == seconds
    assert server.hits("/elsewhere") == 0


def test_a_webhook_that_is_not_there_or_speaks_no_http_is_told_without_its_address(server: HostileServer) -> None:
    server.on(f"/hooks/{SECRET}", raw(b"+OK POP3 ready\r\n\r\n"))
    gone = AlertSettings.model_validate({"webhook_url": f"http://127.0.0.1:1/hooks/{SECRET}"})
    for options in (by_webhook(server), gone):
        with pytest.raises(UndeliveredError) as caught:
            send(options)
        told = repr(caught.getrepr(style="long", chain=True)) + str(caught.getrepr(chain=True))
        assert SECRET not in told
        assert "Error" in str(caught.value)


def test_retry_after_is_read_as_a_number_or_a_date() -> None:
    assert seconds_of("90", NOW) == 90
    assert seconds_of("Fri, 27 Nov 2026 09:02:00 GMT", NOW) == 120
    assert seconds_of("Fri, 27 Nov 2026 08:00:00 GMT", NOW) == 0
    assert [seconds_of(text, NOW) for text in ("", "soon", "-5", "٣")] == [0, 0, 0, 0]


def test_a_mail_says_the_same_to_every_address() -> None:
    with MailServer() as server:
        assert send(by_mail(server)) == ""
    [mail], [envelope] = server.mails, server.envelopes
    assert envelope.rcpt_tos == ["jane@example.org", "joe@example.org"]
    assert mail["Subject"] == "instagram_assets: A run of box failed at captions: ModelError"
    assert (mail["From"], mail["Auto-Submitted"]) == ("assets@example.org", "auto-generated")
    assert mail["Message-ID"].endswith("@example.org>")
    assert f"look at: http://127.0.0.1:3000/runs/{RUN}" in mail.get_content()


def test_a_mail_goes_out_encrypted_and_after_a_login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = write_certificate(tmp_path / "server.pem")
    with MailServer(certificate=certificate, login=("assets", SECRET)) as server:
        safe = {"smtp_security": "starttls", "smtp_user": "assets"}
        with pytest.raises(UndeliveredError, match="its certificate cannot be trusted"):
            send(by_mail(server, **safe, smtp_password=SECRET))
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        with pytest.raises(UndeliveredError, match="SMTP 535: the login was refused"):
            send(by_mail(server, **safe, smtp_password="wrong"))
        send(by_mail(server, **safe, smtp_password=SECRET))
    assert len(server.mails) == 1


def test_a_mail_never_goes_out_in_the_clear_where_it_was_to_be_encrypted() -> None:
    with MailServer() as server, pytest.raises(UndeliveredError, match="lacks STARTTLS"):
        send(by_mail(server, smtp_security="starttls"))
    assert server.mails == []


def test_a_mail_server_that_refuses_is_told_by_its_code_and_not_by_its_words() -> None:
    refusals = {
        r"^SMTP 451$": MailServer(refuses="451 jane@example.org has no room"),
        r"^SMTP 550: no address was taken$": MailServer(refused=("jane@example.org", "joe@example.org")),
    }
    for told, refusing in refusals.items():
        with refusing as server, pytest.raises(UndeliveredError, match=told):
            send(by_mail(server))
    with MailServer(refused=("jane@example.org",)) as server:
        assert send(by_mail(server)) == "1 of 2 addresses were refused"
    assert [envelope.rcpt_tos for envelope in server.envelopes] == [["joe@example.org"]]
