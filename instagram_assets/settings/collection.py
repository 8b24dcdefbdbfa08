"""Settings of the data sources: the inbox, the account registry, Apify, our own collector, Meta's Graph API."""

import re
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from instagram_assets.settings.rate_limits import Rate, parse_rates
from instagram_assets.settings.validation import SettingsSection, checked_cron, checked_rates, safe_address

_OLDEST_REREAD = 3_650


class IngestSettings(SettingsSection):
    """How files in the inbox are read."""

    settle_seconds: float = Field(
        default=5, ge=0, le=3600, description="A file counts as complete when unchanged for this long"
    )
    encoding: str = Field(default="utf-8", description="Encoding of the files; anything else is refused with a guess")
    max_record_mb: int = Field(
        default=64, ge=1, le=1024, description="A single record above this size ends the file with an error"
    )
    max_drift_share: float = Field(
        default=0.05,
        ge=0,
        le=1,
        description="A file fails when more than this share of its records lacks a required field",
    )
    keep_extra: bool = Field(
        default=True,
        description="Keep fields that have no column, as JSON in `extra`; false drops them from files that land then",
    )
    keep_comments: bool = Field(
        default=False,
        description="Keep the comments in files that land then, as `raw_comments`, with pseudonyms for all names; off, "
        "since who writes under a post never asked to be collected",
    )

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, name: str) -> str:
        try:
            "".encode(name)
        except (LookupError, ValueError) as error:
            raise ValueError("no such text encoding; use a name such as utf-8, cp949 or utf-16") from error
        return name


class AccountSettings(SettingsSection):
    """The registry of accounts and hashtags to collect."""

    file: str = Field(
        default="",
        description="TOML file of the accounts and hashtags to collect; empty: `accounts.toml` in the data folder",
    )


class ApifySettings(SettingsSection):
    """How Apify's actors are run."""

    inputs_dir: str = Field(
        default="", description="Folder with a JSON file for each input, NAME.json; empty: the package's examples"
    )
    token_variable: str = Field(
        default="APIFY_TOKEN",
        pattern=r"^[A-Za-z_]\w*$",
        description="Name of the environment variable that holds Apify's token; the token itself stands nowhere else",
    )
    max_items: int = Field(
        default=1000, ge=1, le=1_000_000, description="Most records of one run that are paid, where records are"
    )
    max_total_charge_usd: float = Field(
        default=5, gt=0, le=10_000, description="Most that one run may cost, in US dollars, where events are paid"
    )
    run_minutes: int = Field(default=60, ge=1, le=10_080, description="Minutes after which Apify ends a run")
    daily: str = Field(
        default="",
        description="Inputs that the schedule `daily_scrape` runs for yesterday's posts, separated by commas",
    )
    api_url: str = Field(
        default="https://api.apify.com", description="Where Apify's API is; https://, or http:// on this machine"
    )

    @property
    def daily_names(self) -> list[str]:
        return [name.strip() for name in self.daily.split(",") if name.strip()]

    @field_validator("api_url")
    @classmethod
    def _https_or_this_machine(cls, url: str) -> str:
        return safe_address(url, "the token")


class CollectionSettings(SettingsSection):
    """Our own collectors of accounts and hashtags: which accounts they may collect, when, and how fast."""

    purpose: str = Field(
        default="",
        description="Why accounts are collected from Instagram's site, in a sentence; without it the collector of the "
        "site refuses to run. The official API does not need it",
    )
    allowed: str = Field(
        default="",
        description="Accounts that the collector of the site may ask about: names separated by commas, or a file with "
        "one on each line; `registry` for all accounts of the registry",
    )
    daily_cron: str = Field(
        default="0 9 * * *",
        description="When the schedule `daily_collect` runs, as cron says it; off until switched on",
    )
    hashtags_cron: str = Field(
        default="30 8,20 * * *",
        description="When the schedule `collect_hashtags` runs: more than once in 24 hours loses nothing; better not "
        "together with `daily_collect`, as one run waits for the other",
    )
    posts_per_account: int = Field(default=100, ge=1, le=100_000, description="Most posts of one account and run")
    requests_per_day: int = Field(default=1_000, ge=1, le=1_000_000, description="Most requests of all accounts a day")
    requests_per_account: int = Field(default=60, ge=1, le=100_000, description="Most requests of one account a day")
    growth_days: str = Field(
        default="1,7,30", description="Ages in days at which a post's numbers are read again, separated by commas"
    )
    ratelimits: str = Field(
        default="1,30;60,3600",
        description="Limits of requests to Instagram's site as CALLS,SECONDS, separated by semicolons; all hold",
    )
    backoff_mult: float = Field(default=2, gt=0, le=3_600, description="First wait after a failure, in seconds")
    backoff_exp: float = Field(default=3, gt=1, le=100, description="By what each further wait grows")
    backoff_mode: Literal["geometric", "tower"] = Field(
        default="geometric", description="`geometric`: mult * exp^n; `tower`: each wait to the power of exp"
    )
    backoff_cap: float = Field(default=3_600, gt=0, le=86_400, description="Longest wait after a failure, in seconds")
    timeout: float = Field(default=60, gt=0, le=600, description="Seconds after which a request is given up")
    instagram_url: str = Field(
        default="https://www.instagram.com", description="Where Instagram is; https://, or http:// on this machine"
    )
    app_id: str = Field(default="936619743392459", pattern=r"^\d+$", description="X-IG-App-ID of the site's own page")
    profile_path: str = Field(
        default="/api/v1/users/web_profile_info/", description="Where the site answers with a profile"
    )
    graphql_path: str = Field(default="/graphql/query", description="Where the site answers with further posts")
    timeline_document: str = Field(
        default="7950326061742207", pattern=r"^\d+$", description="doc_id of the posts of an account, without a login"
    )
    timeline_document_logged_in: str = Field(
        default="7898261790222653", pattern=r"^\d+$", description="doc_id of the posts of an account, with a login"
    )
    cookie_file: str = Field(
        default="", description="File of the cookies of your own login (cookies.txt or JSON); empty: without a login"
    )

    @property
    def rates(self) -> tuple[Rate, ...]:
        return parse_rates(self.ratelimits)

    @property
    def growth_ages(self) -> tuple[int, ...]:
        """The ages in days, ascending, at which a post's counts are collected again; empty for never."""
        return tuple(sorted({int(part) for part in self.growth_days.split(",") if part.strip()}))

    @field_validator("daily_cron", "hashtags_cron")
    @classmethod
    def _known_cron(cls, text: str) -> str:
        return checked_cron(text)

    @field_validator("ratelimits")
    @classmethod
    def _known_rates(cls, text: str) -> str:
        return checked_rates(text)

    @field_validator("growth_days")
    @classmethod
    def _whole_days(cls, text: str) -> str:
        ages = [part.strip() for part in text.split(",") if part.strip()]
        if not all(re.fullmatch("[0-9]{1,5}", age) and 1 <= int(age) <= _OLDEST_REREAD for age in ages):
            raise ValueError(f"allowed: whole days from 1 to {_OLDEST_REREAD}, separated by commas, such as 1,7,30")
        return text

    @field_validator("instagram_url")
    @classmethod
    def _https_or_this_machine(cls, url: str) -> str:
        return safe_address(url, "the login")

    @model_validator(mode="after")
    def _waits_grow(self) -> Self:
        if self.backoff_mode == "tower" and self.backoff_mult <= 1:
            raise ValueError("BACKOFF_MULT has to be above 1 with BACKOFF_MODE=tower: the waits would never grow")
        return self


class GraphApiSettings(SettingsSection):
    """Meta's official API ("Instagram API with Facebook Login"), with a professional account of your own."""

    token_variable: str = Field(
        default="INSTAGRAM_GRAPH_TOKEN",
        pattern=r"^[A-Za-z_]\w*$",
        description="Name of the environment variable that holds the long-lived user token; it stands nowhere else",
    )
    user_id: str = Field(default="", pattern=r"^\d*$", description="Instagram user id of your own professional account")
    api_url: str = Field(
        default="https://graph.facebook.com", description="Where the API is; https://, or http:// on this machine"
    )
    version: str = Field(default="v25.0", pattern=r"^v\d+\.\d+$", description="Version of the API that is asked")
    page_size: int = Field(
        default=50, ge=5, le=50, description="Posts of one page; more than the three that may be pinned"
    )
    ratelimits: str = Field(
        default="200,3600", description="Limits of requests as CALLS,SECONDS, separated by semicolons; all hold"
    )
    hashtags_per_week: int = Field(
        default=30, ge=1, le=30, description="Different hashtags that may be asked in seven days"
    )
    top_media: bool = Field(default=True, description="Collect a hashtag's top posts beside its newest")

    @property
    def rates(self) -> tuple[Rate, ...]:
        return parse_rates(self.ratelimits)

    @field_validator("ratelimits")
    @classmethod
    def _known_rates(cls, text: str) -> str:
        return checked_rates(text)

    @field_validator("api_url")
    @classmethod
    def _https_or_this_machine(cls, url: str) -> str:
        return safe_address(url, "the token")
