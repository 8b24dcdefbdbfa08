"""Settings of the running platform: alerts by webhook and mail, the web app, schedules and asset checks."""

import re
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from instagram_assets.settings.validation import LOOPBACK_NAMES, SettingsSection, checked_cron

_ADDRESS = r"[^\s,<>@\"]+@[^\s,<>@\"]+"


class AlertSettings(SettingsSection):
    """Where failures are reported outside this machine: by a webhook, by mail, by both or not at all."""

    webhook_url: SecretStr = Field(
        default=SecretStr(""),
        description="Address that failures are posted to, once per cause and day; a secret, never shown or logged",
    )
    webhook_form: Literal["json", "slack", "discord"] = Field(
        default="json", description="What is posted: `json`, or what the incoming webhooks of `slack` or `discord` take"
    )
    smtp_host: str = Field(default="", description="Mail server by which failures are sent; empty: no mail")
    smtp_port: int = Field(default=587, ge=1, le=65_535, description="Its port; most often 465 with `tls`")
    smtp_security: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="`starttls`, `tls` from the first byte on, or `none`, then without a login"
    )
    smtp_user: str = Field(default="", description="Name to log in with; empty: no login")
    smtp_password: SecretStr = Field(default=SecretStr(""), description="Its password; a secret, never shown or logged")
    mail_from: str = Field(default="", description="Address that the mails come from")
    mail_to: str = Field(default="", description="Addresses that they go to, separated by commas")
    ui_url: str = Field(
        default="http://127.0.0.1:3000", description="Address of the Dagster UI as readers of an alert reach it"
    )

    @property
    def recipients(self) -> list[str]:
        return [address.strip() for address in self.mail_to.split(",") if address.strip()]

    @field_validator("webhook_url")
    @classmethod
    def _https_or_this_machine(cls, url: SecretStr) -> SecretStr:
        parts = urlsplit(url.get_secret_value().strip())
        this_machine = parts.hostname in LOOPBACK_NAMES
        if url.get_secret_value() and not (parts.hostname and (parts.scheme == "https" or this_machine)):
            raise ValueError("allowed: an address that begins with https://, since it holds a secret")
        return SecretStr(parts.geturl())

    @field_validator("mail_from")
    @classmethod
    def _address(cls, text: str) -> str:
        if text and not re.fullmatch(_ADDRESS, text):
            raise ValueError("allowed: one address such as data@example.org")
        return text

    @field_validator("mail_to")
    @classmethod
    def _addresses(cls, text: str) -> str:
        if not re.fullmatch(rf"\s*({_ADDRESS}(\s*,\s*{_ADDRESS})*)?\s*", text):
            raise ValueError("allowed: addresses such as data@example.org, separated by commas")
        return text.strip()

    @field_validator("ui_url")
    @classmethod
    def _web_address(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc or re.search(r"\s", url):
            raise ValueError("allowed: an address such as https://dagster.example.org, without a user or a password")
        return url

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.smtp_host and not (self.mail_from and self.mail_to):
            raise ValueError("SMTP_HOST also needs MAIL_FROM and MAIL_TO")
        if bool(self.smtp_user) != bool(self.smtp_password.get_secret_value()):
            raise ValueError("SMTP_USER and SMTP_PASSWORD need each other")
        if self.smtp_user and self.smtp_security == "none" and self.smtp_host not in LOOPBACK_NAMES:
            raise ValueError("with SMTP_SECURITY=none a password would be sent in the clear; use starttls or tls")
        return self


class WebSettings(SettingsSection):
    """The web app."""

    port: int = Field(default=3001, ge=0, le=65_535, description="Port of the web app; 0 takes a free one")
    dagster_url: str = Field(
        default="http://127.0.0.1:3000",
        min_length=1,
        description="Address of the Dagster webserver that the web app asks",
    )
    token_variable: str = Field(
        default="WEB_APP_TOKEN",
        description="Environment variable with the token that the web app demands beyond this machine",
    )
    max_upload_mb: int = Field(
        default=2_048, ge=1, le=102_400, description="Larger files are not taken by the web app; the inbox takes any"
    )
    thumbnails_mb: int = Field(
        default=4_096,
        ge=1,
        le=1_048_576,
        description="Disk for the gallery's thumbnails, about 15 kB each; the least recently used go first",
    )
    thumbnails_ahead: bool = Field(
        default=True,
        description="Let the web app make thumbnails before somebody looks, of the newest images first, while the "
        "machine has nothing else to do",
    )


class ScheduleSettings(SettingsSection):
    """When the schedules run that no other section sets, as cron strings in `time_zone`."""

    yesterday_cron: str = Field(default="0 9 * * *", description="When the schedule `yesterday` runs, as cron says it")
    datasets_cron: str = Field(
        default="0 3 * * *", description="When the schedule `nightly_datasets` runs, as cron says it"
    )
    scrape_cron: str = Field(default="0 8 * * *", description="When the schedule `daily_scrape` runs, as cron says it")
    tidy_cron: str = Field(default="0 4 * * 1", description="When the schedule `weekly_tidy` runs, as cron says it")
    delta_cron: str = Field(
        default="0 5 * * 1", description="When the schedule `weekly_delta_upkeep` runs, as cron says it"
    )

    @field_validator("yesterday_cron", "datasets_cron", "scrape_cron", "tidy_cron", "delta_cron")
    @classmethod
    def _known_cron(cls, text: str) -> str:
        return checked_cron(text)


class CheckSettings(SettingsSection):
    """Warning thresholds of the asset checks, as fractions of rows from 0 to 1."""

    max_quarantined_share: float = Field(
        default=0.05, ge=0, le=1, description="`quarantined` warns above this share of records in quarantine"
    )
    max_failed_share: float = Field(
        default=0.1, ge=0, le=1, description="`downloads` and `captioned` warn above this share of failed images"
    )
