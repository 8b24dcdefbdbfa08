"""What fails is told once by every way out, and the next day again; of whose data it failed nobody is told."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.test_utils import freeze_time
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget
from dagster._daemon.freshness import FreshnessDaemon
from typer.testing import CliRunner

from instagram_assets.automation.alert_sensor import alerts_sensor, send_due
from instagram_assets.automation.shell_runs import bring_up_to_date, land, run_job
from instagram_assets.cli import app
from instagram_assets.definitions import defs
from instagram_assets.errors import ConsentPageError, RunFailedError
from instagram_assets.partitions import register_accounts
from instagram_assets.settings import settings
from instagram_assets_tests.conftest import export, on_both_storages, post
from instagram_assets_tests.servers.hostile import HostileServer, answer
from instagram_assets_tests.servers.mail import MailServer

ACCOUNT, CAPTION, TOKEN = "jane_doe", "우리 아기 첫 생일", "tok-9f31c0"
DAY = timedelta(days=1)


class Readers:
    """Those who are told: a webhook and a mailbox."""

    def __init__(self, webhook: HostileServer, mailbox: MailServer) -> None:
        self.webhook = webhook
        self.mailbox = mailbox

    def causes(self) -> list[str]:
        """The causes that the webhook was told of since it was asked last; each came as one mail too."""
        told: list[dict[str, Any]] = [json.loads(seen.body) for seen in self.webhook.seen]
        subjects = [mail["Subject"].removeprefix("instagram_assets: ") for mail in self.mailbox.mails]
        assert sorted(subjects) == sorted(alert["title"] for alert in told)
        self.webhook.seen.clear()
        self.mailbox.mails.clear()
        return [alert["cause"] for alert in told]


@pytest.fixture
def readers(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Readers]:
    with HostileServer() as webhook, MailServer() as mailbox:
        told = {
            "WEBHOOK_URL": webhook.on(f"/hooks/{TOKEN}", answer()),
            "SMTP_HOST": "127.0.0.1",
            "SMTP_PORT": str(mailbox.port),
            "SMTP_SECURITY": "none",
            "MAIL_FROM": "assets@example.org",
            "MAIL_TO": "team@example.org",
        }
        for name, value in told.items():
            monkeypatch.setenv(f"INSTAGRAM_ASSETS_ALERTS__{name}", value)
        settings.cache_clear()
        yield Readers(webhook, mailbox)


def tick(instance: dg.DagsterInstance) -> str:
    """One evaluation of the sensor; what its tick says."""
    result = alerts_sensor(dg.build_sensor_context(instance=instance, definitions=defs))
    assert isinstance(result, dg.SkipReason)
    return result.skip_message or ""


def tick_at(instance: dg.DagsterInstance, now: datetime) -> None:
    graph = defs.resolve_asset_graph()
    send_due(instance, graph.get_all_asset_keys(), graph.asset_check_keys, now)


def fail(instance: dg.DagsterInstance) -> None:
    """A run that fails since a file is damaged."""
    tags = {"dagster/partition": f"{ACCOUNT}|2026-10-20"}
    with pytest.raises(RunFailedError, match=r"not a parquet file"):
        run_job(instance, "box", tags=tags, assets=[dg.AssetKey("raw_posts")])


@pytest.fixture
def damaged(instance: dg.DagsterInstance, data_dir: Path) -> None:
    """An account whose landed posts cannot be read any more."""
    land(instance, [export(data_dir / "posts.json", [post(1, ACCOUNT, caption=CAPTION)])])
    register_accounts(instance, [ACCOUNT])
    for path in (data_dir / "lake" / "landing").rglob("*.parquet"):
        path.write_bytes(path.read_bytes()[:-20])


@on_both_storages
def test_a_failed_run_is_told_once_that_day_and_again_the_next(
    instance: dg.DagsterInstance, readers: Readers, damaged: None
) -> None:
    assert tick(instance) == "Nothing new to tell"
    fail(instance)
    assert "by webhook; " in tick(instance)
    assert tick(instance) == "Nothing new to tell"
    assert readers.causes() == ["run:box:raw_posts"]
    fail(instance)
    tick(instance)
    assert readers.causes() == []
    with freeze_time(datetime.now(UTC) + DAY):
        fail(instance)
    tick_at(instance, datetime.now(UTC) + DAY)
    assert readers.causes() == ["run:box:raw_posts"]


@on_both_storages
def test_a_failed_check_is_told_once_that_day_and_again_the_next(
    instance: dg.DagsterInstance, data_dir: Path, readers: Readers
) -> None:
    bad = [post(number, ACCOUNT) | {"timestamp": "soon"} for number in range(1, 20)]
    land(instance, [export(data_dir / "a.json", [post(0, ACCOUNT), *bad])])
    tick(instance)
    land(instance, [export(data_dir / "b.json", [post(50, ACCOUNT), *bad])])
    tick(instance)
    assert readers.causes() == ["check:landed_files:quarantined"]
    with freeze_time(datetime.now(UTC) + DAY):
        land(instance, [export(data_dir / "c.json", [post(60, ACCOUNT), *bad])])
    tick_at(instance, datetime.now(UTC) + DAY)
    assert readers.causes() == ["check:landed_files:quarantined"]


@on_both_storages
# Dagster's own picture of a code location reads what Dagster has deprecated.
@pytest.mark.filterwarnings("ignore:Property `ScheduleDefinition.environment_vars`:DeprecationWarning")
def test_an_asset_that_is_overdue_is_told_once_each_day(
    instance: dg.DagsterInstance, data_dir: Path, readers: Readers
) -> None:
    land(instance, [export(data_dir / "posts.json", [post(1, ACCOUNT)])])
    bring_up_to_date(instance)
    target = LoadableTargetOrigin(module_name="instagram_assets.definitions")
    now = datetime.now(UTC)
    with WorkspaceProcessContext(
        instance, InProcessWorkspaceLoadTarget(InProcessCodeLocationOrigin(target))
    ) as workspace:

        def look(moment: datetime) -> list[str]:
            """Dagster's freshness daemon looks, then our sensor."""
            with freeze_time(moment):
                list(FreshnessDaemon().run_iteration(workspace))
            tick_at(instance, moment)
            tick_at(instance, moment)
            return readers.causes()

        assert look(now + timedelta(hours=27)) == []  # a warning in the UI
        assert look(now + timedelta(hours=37)) == ["freshness:posts"]
        assert look(now + timedelta(hours=37) + DAY) == ["freshness:posts"]
        run_job(instance, "box", tags={"dagster/partition": f"{ACCOUNT}|2026-10-20"})
        assert look(datetime.now(UTC)) == []


@on_both_storages
def test_a_file_that_is_refused_is_told_once_that_day_and_again_the_next(
    instance: dg.DagsterInstance, data_dir: Path, readers: Readers
) -> None:
    def refuse() -> None:
        (data_dir / "inbox" / f"{ACCOUNT}.json").write_text(f'[{{"caption": "{CAPTION}",')
        with pytest.raises(RunFailedError, match=ACCOUNT):
            run_job(instance, "landing")

    refuse()
    tick(instance)
    refuse()
    tick(instance)
    assert json.loads(readers.webhook.seen[0].body)["title"] == "1 export file was refused"
    assert readers.causes() == ["source:landing:landed"]
    with freeze_time(datetime.now(UTC) + DAY):
        refuse()
    tick_at(instance, datetime.now(UTC) + DAY)
    assert readers.causes() == ["source:landing:landed"]


def planted(error: type[Exception]) -> dg.AssetsDefinition:
    """An asset that fails with an error which names a person, what she wrote, and a secret."""

    @dg.asset(partitions_def=dg.StaticPartitionsDefinition([ACCOUNT]))
    def search_results() -> None:
        try:
            raise ValueError(f"https://api.example/{ACCOUNT}?token={TOKEN}")
        except ValueError as cause:
            raise error(f"{ACCOUNT}: {CAPTION!r} at /home/{ACCOUNT}/posts.json, Bearer {TOKEN}") from cause

    return search_results


@pytest.mark.parametrize(("error", "kind"), [(RuntimeError, "run"), (ConsentPageError, "source")])
def test_no_name_no_caption_and_no_secret_leaves_the_machine(
    instance: dg.DagsterInstance, readers: Readers, error: type[Exception], kind: str
) -> None:
    register_accounts(instance, [ACCOUNT])
    result = dg.materialize([planted(error)], instance=instance, partition_key=ACCOUNT, raise_on_error=False)
    assert not result.success
    said = tick(instance)
    [seen], [mail] = readers.webhook.seen, readers.mailbox.mails
    told = json.loads(seen.body)
    assert (told["kind"], told["step"], told["run"], told["cells"]) == (kind, "search_results", result.run_id, 1)
    record = (settings().folder("alerts") / "sent.json").read_text()
    for text in (seen.body.decode(), mail.as_string(), str(mail.get_content()), said, record):
        assert all(secret not in text for secret in (ACCOUNT, CAPTION, TOKEN, json.dumps(CAPTION)[1:-1], "/home/"))


@on_both_storages
def test_a_run_that_failed_of_a_check_is_told_as_the_check_alone(
    instance: dg.DagsterInstance, readers: Readers
) -> None:
    @dg.asset
    def posts() -> None:
        """Made up."""

    @dg.asset_check(asset=posts, blocking=True)
    def schema() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=False)

    @dg.asset(deps=[posts])
    def images() -> None:
        """Never made."""

    result = dg.materialize([posts, schema, images], instance=instance, raise_on_error=False)
    assert not result.success
    tick(instance)
    assert readers.causes() == ["check:posts:schema"]


def test_a_way_out_that_fails_breaks_nothing_and_status_says_so(
    instance: dg.DagsterInstance, readers: Readers, damaged: None
) -> None:
    fail(instance)
    readers.webhook.on(f"/hooks/{TOKEN}", answer(status=500), answer())
    said = tick(instance)
    assert "nothing goes out by webhook since" in said
    assert "(HTTP 500, 1 try)" in said
    status = CliRunner().invoke(app, ["status", "--json"])
    [trouble] = json.loads(status.stdout)["alerts"]
    assert (trouble["channel"], trouble["reason"]) == ("webhook", "HTTP 500")
    assert TOKEN not in status.output
    assert "by webhook" in tick(instance)
    assert len(readers.mailbox.mails) == 1
    assert json.loads(CliRunner().invoke(app, ["status", "--json"]).stdout)["alerts"] == []


def test_without_an_address_nothing_is_sent_and_the_tick_says_what_to_set(instance: dg.DagsterInstance) -> None:
    assert "INSTAGRAM_ASSETS_ALERTS__WEBHOOK_URL" in tick(instance)
    done = CliRunner().invoke(app, ["alerts", "test"])
    assert done.exit_code == 1
    assert "INSTAGRAM_ASSETS_ALERTS__WEBHOOK_URL" in done.output


def test_a_test_message_says_how_each_way_ended(readers: Readers) -> None:
    done = CliRunner().invoke(app, ["alerts", "test"])
    assert (done.exit_code, done.output) == (0, "webhook: sent\nmail: sent\n")
    assert readers.causes() == ["test"]
    readers.webhook.on(f"/hooks/{TOKEN}", answer(status=404))
    done = CliRunner().invoke(app, ["alerts", "test"])
    assert done.exit_code == 1
    assert done.output.startswith("webhook: not sent: HTTP 404\nmail: sent\n")
    assert TOKEN not in done.output


def test_what_is_due_is_sent_without_a_daemon_too(
    instance: dg.DagsterInstance, readers: Readers, damaged: None
) -> None:
    fail(instance)
    done = CliRunner().invoke(app, ["alerts", "send"])
    assert done.exit_code == 0
    assert [line.rpartition(", by ")[2] for line in done.output.splitlines()] == ["webhook", "mail"]
    assert CliRunner().invoke(app, ["alerts", "send"]).output == "Nothing new to tell.\n"
