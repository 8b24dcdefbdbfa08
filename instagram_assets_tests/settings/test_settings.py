"""Every setting is checked when it is read; a mistake is named with what is allowed."""

import os
import traceback
from pathlib import Path

import pytest

from instagram_assets.errors import SettingsError
from instagram_assets.settings import env_example, environment_names, load_settings
from instagram_assets_tests import commands

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("DOWNLOAD__MAX_CONCURRENT_REQUESTS", "0", "greater than or equal to 1"),
        ("DOWNLOAD__MAX_CONCURRENT_REQUESTS", "-1", "greater than or equal to 1"),
        ("DOWNLOAD__MAX_CONCURRENT_REQUESTS", "1000000", "less than or equal to 1000"),
        ("DOWNLOAD__TIMEOUT", "0", "greater than 0"),
        ("DOWNLOAD__TIMEOUT", "nan", "less than or equal to 600"),
        ("DOWNLOAD__RETRY_COUNT", "-1", "greater than or equal to 0"),
        ("DOWNLOAD__RETRY_COUNT", "many", "valid integer"),
        ("DOWNLOAD__IMAGES_PER_POST", "-2", "greater than or equal to 0"),
        ("DOWNLOAD__CACHE_IMAGES", "perhaps", "valid boolean"),
        ("INGEST__SETTLE_SECONDS", "-1", "greater than or equal to 0"),
        ("INGEST__MAX_DRIFT_SHARE", "2", "less than or equal to 1"),
        ("MODE", "stories", "'all', 'post' or 'reel'"),
        ("TIME_ZONE", "Asia/Nowhere", "no such time zone"),
        ("TIME_ZONE", "../etc/passwd", "no such time zone"),
        ("ALERTS__WEBHOOK_FORM", "teams", "'json', 'slack' or 'discord'"),
        ("ALERTS__MAIL_TO", "jane", "addresses such as data@example.org"),
        ("ALERTS__MAIL_FROM", "a@b.example\nBcc: c@d.example", "one address"),
        ("ALERTS__UI_URL", "https://jane@dagster.example.org", "without a user or a password"),
        ("COLLECTION__RATELIMITS", "5/60", "is no rate. Write CALLS,SECONDS, such as 1,30"),
        ("COLLECTION__RATELIMITS", "1,0", "the number of seconds is 0; it may be above 0"),
        ("COLLECTION__RATELIMITS", "x,y", "is no rate"),
        ("COLLECTION__RATELIMITS", "1,30;0,60", "'0,60' is no rate that can be kept (the number of calls is 0"),
        ("COLLECTION__RATELIMITS", "", "has no rate"),
        ("GRAPH_API__RATELIMITS", "-1,30", "is no rate"),
        ("COLLECTION__BACKOFF_MULT", "0", "greater than 0"),
        ("COLLECTION__BACKOFF_EXP", "1", "greater than 1"),
        ("COLLECTION__BACKOFF_EXP", "nan", "less than or equal to 100"),
        ("COLLECTION__BACKOFF_MODE", "linear", "'geometric' or 'tower'"),
        ("COLLECTION__GROWTH_DAYS", "1;7", "whole days from 1 to 3650, separated by commas"),
        ("COLLECTION__GROWTH_DAYS", "0,7", "whole days from 1"),
        ("COLLECTION__GROWTH_DAYS", "1,-7", "whole days from 1"),
        ("COLLECTION__INSTAGRAM_URL", "http://instagram.example", "begins with https://, since the login goes there"),
        ("START_DAY", "2001-01-01", "allowed: 2010-10-06"),
        ("START_DAY", "2999-01-01", "to today"),
        ("START_DAY", "2026-02-30", "valid date"),
    ],
)
@pytest.mark.bad_input("setting out of range")
def test_a_value_out_of_range_is_named_with_what_is_allowed(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, allowed: str
) -> None:
    monkeypatch.setenv(f"INSTAGRAM_ASSETS_{name}", value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert f"INSTAGRAM_ASSETS_{name}={value!r}" in str(caught.value)
    assert allowed in str(caught.value)


@pytest.mark.bad_input("setting out of range")
def test_waits_that_never_grow_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INSTAGRAM_ASSETS_COLLECTION__BACKOFF_MODE", "tower")
    load_settings()
    monkeypatch.setenv("INSTAGRAM_ASSETS_COLLECTION__BACKOFF_MULT", "1")
    with pytest.raises(SettingsError, match=": BACKOFF_MULT has to be above 1 with"):
        load_settings()


def test_ages_for_growth_come_in_their_order_and_may_be_none() -> None:
    assert load_settings(collection={"growth_days": "30, 1,7,7,"}).collection.growth_ages == (1, 7, 30)
    assert load_settings(collection={"growth_days": " "}).collection.growth_ages == ()


@pytest.mark.parametrize(
    ("values", "allowed"),
    [
        ({"ALERTS__WEBHOOK_URL": "http://hooks.example/SECRET"}, "begins with https://"),
        ({"ALERTS__WEBHOOK_URL": "https:/SECRET"}, "begins with https://"),
        ({"ALERTS__SMTP_PASSWORD": "SECRET"}, "SMTP_USER and SMTP_PASSWORD need each other"),
        (
            {"ALERTS": '{"smtp_host": "mail.example", "smtp_user": "a", "smtp_password": "SECRET"}'},
            "MAIL_FROM and MAIL_TO",
        ),
        (
            {
                "ALERTS": '{"smtp_host": "mail.example", "mail_from": "a@b.example", "mail_to": "a@b.example",'
                ' "smtp_user": "a", "smtp_password": "SECRET", "smtp_security": "none"}'
            },
            "in the clear",
        ),
        ({"ALERTS": '"https://hooks.example/SECRET"'}, "dictionary"),
        ({"ALERTS": "{'smtp_password': SECRET"}, "ALERTS"),
        ({"LAKE_OPTIONS": '["SECRET"]'}, "dictionary"),
    ],
)
@pytest.mark.bad_input("missing secret")
def test_a_mistake_in_a_secret_is_told_without_it(
    monkeypatch: pytest.MonkeyPatch, values: dict[str, str], allowed: str
) -> None:
    for name, value in values.items():
        monkeypatch.setenv(f"INSTAGRAM_ASSETS_{name}", value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert allowed.lower() in str(caught.value).lower()
    assert "SECRET" not in "".join(traceback.format_exception(caught.value))


def test_the_name_of_a_setting_stays_as_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INSTAGRAM_ASSETS_ALERTS__SMTP_PASSWORD", "secret")
    with pytest.raises(SettingsError, match=r": SMTP_USER and SMTP_PASSWORD need each other"):
        load_settings()
    monkeypatch.setenv("INSTAGRAM_ASSETS_TIME_ZONE", "Asia/Nowhere")
    with pytest.raises(SettingsError, match="'Asia/Nowhere': no such time zone"):
        load_settings()


@pytest.mark.parametrize(
    ("folder", "others"),
    [
        ("data/lake", {}),
        ("data/lake/keys", {}),
        ("data/media/keys", {}),
        ("data/datasets/keys", {}),
        ("data/inbox/done", {}),
        ("data/privacy/../reports/keys", {}),
        ("data", {}),
        (".", {}),
        ("disk/keys", {"lake": "disk"}),
        ("disk/keys", {"lake": "file://{here}/disk"}),
        ("disk/keys", {"media_dir": "{here}/disk"}),
        ("disk", {"media_dir": "disk/media"}),
        ("link", {}),
        ("", {"lake": "data"}),
    ],
)
def test_keys_among_what_is_copied_and_handed_on_are_refused(
    folder: str, others: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data" / "lake" / "keys").mkdir(parents=True)
    (tmp_path / "link").symlink_to("data/lake/keys")
    named = {name: value.format(here=tmp_path) for name, value in others.items()}
    with pytest.raises(SettingsError, match=r"PRIVACY__FOLDER=.*for them alone"):
        load_settings(privacy={"folder": folder}, **named)


@pytest.mark.parametrize("folder", ["", "keys", "data/lakes", "data/keys", "data/privacy"])
def test_keys_in_a_folder_for_them_alone_are_taken(
    folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_settings(privacy={"folder": folder}).folder("privacy") == tmp_path / (folder or "data/privacy")


def test_secrets_are_not_shown_with_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INSTAGRAM_ASSETS_ALERTS__WEBHOOK_URL", "https://hooks.example/SECRET")
    settings = load_settings()
    assert settings.alerts.webhook_url.get_secret_value() == "https://hooks.example/SECRET"
    assert "SECRET" not in f"{settings!r} {settings} {settings.model_dump_json()}"


@pytest.mark.parametrize("where", ["environment", ".env"])
@pytest.mark.bad_input("unknown setting")
def test_an_unknown_setting_is_refused_with_the_nearest_name(monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    if where == "environment":
        monkeypatch.setenv("INSTAGRAM_ASSETS_DOWNLOAD__RETRY_CONT", "3")
    else:
        Path(".env").write_text("INSTAGRAM_ASSETS_DOWNLOAD__RETRY_CONT=3\n")
    with pytest.raises(SettingsError, match="Did you mean INSTAGRAM_ASSETS_DOWNLOAD__RETRY_COUNT"):
        load_settings()


def test_the_environment_wins_over_the_env_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("INSTAGRAM_ASSETS_MODE=reel\nINSTAGRAM_ASSETS_DOWNLOAD__RETRY_COUNT=7\nOTHER=1\n")
    monkeypatch.setenv("INSTAGRAM_ASSETS_MODE", "post")
    settings = load_settings()
    assert (settings.mode, settings.download.retry_count) == ("post", 7)


def test_the_example_file_lists_every_setting_and_is_up_to_date() -> None:
    assert (ROOT / ".env.example").read_text() == env_example()
    assert all(f"#{name}=" in env_example() for name, _, meaning in environment_names() if meaning)


def test_the_example_file_read_as_it_is_changes_nothing() -> None:
    defaults = load_settings()
    Path(".env").write_text(env_example().replace("\n#INSTAGRAM", "\nINSTAGRAM"))
    assert load_settings() == defaults


@pytest.mark.bad_input("folder that cannot be written")
def test_a_data_folder_that_cannot_be_written_is_said_at_the_start(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    environment = os.environ | {"INSTAGRAM_ASSETS_DATA_DIR": str(blocked)}
    done = commands.run("ingest", cwd=tmp_path, environment=environment)
    assert done.returncode == 1
    assert "INSTAGRAM_ASSETS_DATA_DIR" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("text", ["99 * * * *", "0 0 31 2 *", "0 0 31 11 *", "every monday", "0 0 * *"])
def test_a_time_that_never_comes_is_refused_by_its_setting(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INSTAGRAM_ASSETS_REELS__WEEKLY_CRON", text)
    with pytest.raises(SettingsError, match="INSTAGRAM_ASSETS_REELS__WEEKLY_CRON"):
        load_settings()


@pytest.mark.parametrize("text", ["0 0 * * 1", "*/30 6-9 1,15 * *", "0 0 31 2 1"])
def test_a_time_by_the_clock_is_taken(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INSTAGRAM_ASSETS_REELS__BATCH_CRON", text)
    assert load_settings().reels.batch_cron == text


def test_schedules_run_when_the_settings_say() -> None:
    from instagram_assets.automation.schedules import schedules
    from instagram_assets.settings import settings

    known = {
        value
        for section in (settings().schedules, settings().collection, settings().reels, settings().privacy)
        for name, value in section
        if name.endswith("_cron")
    }
    assert {schedule.cron_schedule for schedule in schedules} <= known
