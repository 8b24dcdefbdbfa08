"""Every setting once, with its meaning, allowed range and environment name."""

import difflib
import os
import re
from collections.abc import Iterator
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dotenv import dotenv_values
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings import SettingsError as SourceError

from instagram_assets.errors import SettingsError
from instagram_assets.rates import Rate, parse_rates

PREFIX = "INSTAGRAM_ASSETS_"
NESTED = "__"
Mode = Literal["all", "post", "reel"]
_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")
_RULES = ("top_fraction", "threshold", "account_baseline")
_CRON_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_OLDEST_REREAD = 3_650
_CRON_FIELD = r"(\*|\d+(-\d+)?)(/[1-9]\d*)?"
_ADDRESS = r"[^\s,<>@\"]+@[^\s,<>@\"]+"
# Of the data folder: what is backed up, handed on, read by others, or taken away whole.
_FOLDERS_OF_DATA = ("media", "inbox", "datasets", "reports", "dagster", "models", "index", "thumbnails")


def _is_below(inner: str, outer: str) -> bool:
    """True for a folder and for all in it."""
    return Path(inner).is_relative_to(outer)


def _safe_address(url: str, secret: str) -> str:
    parts = urlsplit(url)
    if not parts.hostname or not (
        parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _THIS_MACHINE)
    ):
        raise ValueError(f"allowed: an address that begins with https://, since {secret} goes there")
    return url.rstrip("/")


def _is_cron(text: str) -> bool:
    """Whether these are cron's five fields in numbers, each within its range, and there is such a day."""
    fields = text.split()
    if re.fullmatch(r"\S+ \S+ (3[01] 0?2|31 (0?[469]|11)) \*", " ".join(fields)):
        return False
    return len(fields) == len(_CRON_RANGES) and all(
        re.fullmatch(_CRON_FIELD, part) is not None
        and all(low <= int(number) <= high for number in re.findall(r"\d+", part.partition("/")[0]))
        for field, (low, high) in zip(fields, _CRON_RANGES, strict=True)
        for part in field.split(",")
    )


def _checked_cron(text: str) -> str:
    if not _is_cron(text):
        raise ValueError("not a cron string; give minute, hour, day, month and weekday, as in `0 0 * * 1`")
    return text


def _checked_rates(text: str) -> str:
    parse_rates(text)
    return text


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class IngestSettings(_Section):
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


class AccountSettings(_Section):
    """Whom to collect."""

    file: str = Field(
        default="",
        description="TOML file of the accounts and hashtags to collect; empty: `accounts.toml` in the data folder",
    )


class DownloadSettings(_Section):
    """How images and videos are fetched."""

    download_images: bool = Field(default=True, description="Fetch images at all")
    images_per_post: int = Field(default=0, ge=0, le=100, description="Images fetched per post; 0 fetches all")
    max_concurrent_requests: int = Field(default=50, ge=1, le=1000, description="Requests under way at once")
    max_per_host: int = Field(
        default=0, ge=0, le=1000, description="Requests under way at once to one host; 0: no limit of its own"
    )
    retry_count: int = Field(default=3, ge=0, le=20, description="Further tries after a passing failure")
    timeout: float = Field(default=5, gt=0, le=600, description="Seconds without progress before a try is given up")
    deadline: float = Field(default=120, gt=0, le=3600, description="Seconds for one image, all tries included")
    cache_images: bool = Field(default=True, description="Use what is stored; false fetches again and replaces it")
    max_image_mb: float = Field(default=50, gt=0, le=1024, description="Larger images are refused")
    max_video_mb: float = Field(default=500, gt=0, le=10_240, description="Larger videos are refused")
    max_megapixels: float = Field(default=40, gt=0, le=1000, description="Larger pictures are refused")
    allow_http: bool = Field(default=False, description="Also fetch http:// addresses; off: https only")
    allow_loopback: bool = Field(default=False, description="Also connect to this machine; for the demo and tests")
    honour_noai: bool = Field(
        default=False, description="Refuse what its server marks `X-Robots-Tag: noai` or `noimageai`"
    )


class ModelSettings(_Section):
    """Which models look at images, and on what."""

    caption_model: str = Field(
        default="Salesforce/blip-image-captioning-base", description="Captioning model: a hub id or a folder"
    )
    caption_revision: str = Field(default="main", description="Its revision on the hub; pin a commit to keep it")
    embedding_model: str = Field(
        default="openai/clip-vit-base-patch32", description="Embedding model: a hub id or a folder"
    )
    embedding_revision: str = Field(
        default="refs/pr/15",
        description="Its revision on the hub; pin a commit to keep it. `main` of the default model has no safetensors",
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = Field(
        default="auto", description="`auto`, `cpu`, `cuda` or `mps`; `auto` takes the fastest there is"
    )
    precision: Literal["auto", "fp32", "bf16"] = Field(
        default="auto",
        description="`fp32`, `bf16`, or `auto`: bf16 where the hardware multiplies in it; elsewhere bf16 is the slower",
    )
    draft: bool = Field(
        default=False, description="Decode JPEGs smaller than they are: faster, and embeddings differ by about 0.0001"
    )


class QualitySettings(_Section):
    """Which images are good enough for captions, embeddings and datasets."""

    min_side: int = Field(default=300, ge=1, le=10_000, description="Both sides have at least this many pixels")
    sharpness: Literal["standard", "native"] = Field(
        default="standard",
        description="`standard`: measured at one size for all images; `native`: at each image's own size",
    )
    min_sharpness: float = Field(
        default=50,
        ge=0,
        le=100_000,
        description="Least sharpness at standard size: sharp pictures have 150 and more, blurred ones under 20",
    )
    min_sharpness_native: float = Field(default=50, ge=0, le=100_000, description="Least sharpness at native size")
    near_duplicate_bits: int = Field(
        default=6, ge=0, le=32, description="Near-duplicates differ in at most this many of the 64 bits of their hashes"
    )
    only_passed: bool = Field(default=True, description="Caption and embed only the images that pass")
    num_workers: int = Field(default=2, ge=1, le=64, description="Threads that read, decode and measure images")


class CaptionSettings(_Section):
    """How images are captioned."""

    enabled: bool = Field(default=True, description="Caption images at all")
    use_scoring: bool = Field(default=True, description="Make several captions and keep the one that fits best")
    num_captions: int = Field(default=5, ge=1, le=32, description="Captions to choose from, when scoring")
    max_caption_length: int = Field(default=30, ge=2, le=200, description="Longest caption, in tokens of the model")
    batch_processing: bool = Field(default=True, description="Caption several images at once")
    batch_size: int = Field(default=8, ge=1, le=1024, description="Images at once")
    num_workers: int = Field(default=2, ge=1, le=64, description="Threads that read and decode images")
    skip_existing: bool = Field(default=True, description="Keep captions that are there; false makes all anew")
    max_images_per_post: int = Field(default=0, ge=0, le=100, description="Images captioned per post; 0: all")
    top_p: float = Field(default=0.9, gt=0, le=1, description="Nucleus sampling: share of probability drawn from")
    temperature: float = Field(default=1.0, gt=0, le=5, description="Sampling temperature")
    no_repeat_ngram_size: int = Field(
        default=3, ge=0, le=20, description="No phrase of so many tokens is said twice in a caption; 0: no limit"
    )
    seed: int = Field(default=2021, ge=0, description="Seed of the sampling; each image adds its own")
    run_in_background: bool = Field(default=False, description="`caption` starts the work and returns at once")


class EmbeddingSettings(_Section):
    """How images are embedded."""

    enabled: bool = Field(default=True, description="Embed images at all")
    batch_size: int = Field(default=32, ge=1, le=4096, description="Images at once")
    num_workers: int = Field(default=2, ge=1, le=64, description="Threads that read and decode images")


class ClusterSettings(_Section):
    """How images are grouped by what they show: DBSCAN on cosine distance."""

    eps: float = Field(default=0.18, gt=0, le=2, description="Images nearer than this are neighbours; 0 to 2")
    min_samples: int = Field(default=3, ge=1, le=10_000, description="Neighbours, itself included, of a core image")
    scope: Literal["all", "account"] = Field(default="all", description="Cluster all images, or each account's own")


class SearchSettings(_Section):
    """How image search pages are read."""

    site: str = Field(default="naver", description="Which site of the sites file is searched")
    sites_file: str = Field(default="", description="TOML file of sites and selectors; empty: the package's own")
    limit: int = Field(default=50, ge=1, le=500, description="Images wanted of one search")
    browser: str = Field(default="", description="Chromium or Chrome; empty: the one that is found on PATH")
    driver: str = Field(default="", description="Its chromedriver; empty: the one that is found on PATH")
    fetch_driver: bool = Field(
        default=False,
        description="Let Selenium Manager fetch a chromedriver that fits, from Google, where none is found on PATH",
    )
    flags: str = Field(default="", description="Further flags of the browser, separated by spaces")
    headless: bool = Field(default=True, description="Without a window")
    page_timeout: float = Field(default=20, gt=0, le=300, description="Seconds that a page may take to load")
    scroll_pause: float = Field(default=0.5, ge=0, le=60, description="Seconds between two steps of scrolling")


class ViralitySettings(_Section):
    """Which posts, reels and ads count as viral."""

    rule: str = Field(
        default="top_fraction",
        description="`top_fraction`, `threshold`, `account_baseline`, or a function of your own as `module:function`",
    )
    measure: Literal["engagement", "likes", "comments", "views", "plays"] = Field(
        default="engagement", description="What is compared; `engagement` is likes and comments"
    )
    fraction: float = Field(default=0.2, gt=0, lt=1, description="`top_fraction`: at most this share is viral")
    scope: Literal["account", "all"] = Field(
        default="account", description="`top_fraction`: among each account's own, or among all of a kind"
    )
    min_likes: int = Field(
        default=10_000, ge=0, le=10**12, description="`threshold`: this many likes are viral; 0: not asked"
    )
    min_views: int = Field(default=100_000, ge=0, le=10**12, description="`threshold`: or this many views")
    min_plays: int = Field(default=0, ge=0, le=10**12, description="`threshold`: or this many plays")
    previous: int = Field(
        default=30, ge=5, le=1000, description="`account_baseline`: as many posts before it say what is usual"
    )
    min_z: float = Field(
        default=3, gt=0, le=100, description="`account_baseline`: viral is what is so many robust deviations above that"
    )
    half_life_hours: float = Field(
        default=20,
        ge=0,
        le=10_000,
        description="`account_baseline`: within this time half of a post's reactions have come; 0: age does not count",
    )

    @field_validator("rule")
    @classmethod
    def _known_rule(cls, name: str) -> str:
        if name not in _RULES and not re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", name):
            raise ValueError(f"allowed: {', '.join(_RULES)}, or a function of your own as module:function")
        return name

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        if self.rule == "threshold" and not (self.min_likes or self.min_views or self.min_plays):
            raise ValueError("RULE=threshold needs one of MIN_LIKES, MIN_VIEWS and MIN_PLAYS above 0")
        return self


class ApifySettings(_Section):
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
        return _safe_address(url, "the token")


class ReelSettings(_Section):
    """Which reels are watched, by whom and when."""

    enabled: bool = Field(default=False, description="Fetch the videos of reels and analyse them at all")
    analyser: Literal["gemini", "local"] = Field(
        default="local", description="`local` looks at frames and sound on this machine; `gemini` is paid per token"
    )
    hide_label: bool = Field(
        default=True, description="Ask for hypotheses without saying whether the reel went viral; false says it"
    )
    max_video_mb: int = Field(default=200, ge=1, le=10_000, description="Larger videos are refused")
    session_file: str = Field(
        default="",
        description="Session file of Instaloader by which expired videos are asked anew; only load your own",
    )
    session_user: str = Field(default="", description="Name of the account that the session file belongs to")
    days: int = Field(default=7, ge=1, le=366, description="Days before today whose reels the schedules look at")
    weekly_cron: str = Field(default="0 0 * * 1", description="When the schedule `weekly_reels` runs, as cron says it")
    batch_cron: str = Field(default="0 6 */2 * *", description="When the schedule `reel_batches` runs")
    batch_reels: int = Field(default=20, ge=1, le=10_000, description="Most reels that one small batch analyses")

    @field_validator("weekly_cron", "batch_cron")
    @classmethod
    def _known_cron(cls, text: str) -> str:
        return _checked_cron(text)


class GeminiSettings(_Section):
    """How Google's Gemini is asked, and what that may cost."""

    key_variable: str = Field(
        default="GEMINI_API_KEY",
        pattern=r"^[A-Za-z_]\w*$",
        description="Name of the environment variable that holds the API key; the key itself stands nowhere else",
    )
    model: str = Field(default="gemini-2.5-flash", pattern=r"^[\w.\-/]+$", description="Model that watches the reels")
    max_usd_per_day: float = Field(
        default=5, gt=0, le=100_000, description="No call is made that could pass this sum of a day, in US dollars"
    )
    usd_per_million_prompt_tokens: float = Field(
        default=0.30,
        ge=0,
        le=10_000,
        description="Price of what is sent, to keep the ledger by; see Google's price list",
    )
    usd_per_million_answer_tokens: float = Field(
        default=2.50, ge=0, le=10_000, description="Price of what is received, thoughts included"
    )
    max_answer_tokens: int = Field(default=8192, ge=256, le=65_536, description="Longest answer that is taken")
    attempts: int = Field(default=6, ge=1, le=20, description="Tries of one call when the API is busy or fails")
    max_wait: float = Field(default=60, gt=0, le=3600, description="Longest wait between two tries, in seconds")
    failures_for_backup: int = Field(
        default=5, ge=1, le=100, description="Failed answers for one reel after which it is analysed on this machine"
    )
    processing_minutes: float = Field(
        default=10, gt=0, le=120, description="How long an uploaded video may take to become readable"
    )
    concurrent: int = Field(default=16, ge=1, le=256, description="Reels under way at once")
    timeout: float = Field(default=120, gt=0, le=3600, description="Seconds to wait for one answer")
    api_url: str = Field(
        default="https://generativelanguage.googleapis.com",
        description="Where Gemini's API is; https://, or http:// on this machine",
    )

    @field_validator("api_url")
    @classmethod
    def _https_or_this_machine(cls, url: str) -> str:
        return _safe_address(url, "the key")


class DeltaSettings(_Section):
    """Where the Delta tables are written."""

    target: str = Field(
        default="", description="Folder or s3://… of the Delta tables, one folder each; empty: `delta` in the datasets"
    )
    options: dict[str, str] = Field(
        default_factory=dict[str, str], description="Storage options of the target, as delta-rs names them, in JSON"
    )
    keep_hours: int = Field(
        default=168,
        ge=0,
        le=87_600,
        description="Hours that files of older versions are kept before `vacuum` takes them",
    )


class TextSettings(_Section):
    """How captions become words."""

    tokenizer: Literal["kiwi", "okt"] = Field(
        default="kiwi",
        description="`kiwi`, or `okt`: KoNLPy's, which needs Java and `pip install 'instagram_assets[okt]'`",
    )
    words_file: str = Field(
        default="", description="TOML file of stop words and words of one's own; empty: the package's text/words.toml"
    )
    workers: int = Field(default=2, ge=1, le=64, description="Threads that tokenize")
    font: str = Field(default="", description="Font file with Korean letters for charts; empty: the package's own")
    topic_similarity: float = Field(
        default=0.6, gt=0, lt=1, description="Captions of pictures whose words are this alike (cosine) are one topic"
    )
    topic_min_size: int = Field(default=3, ge=1, le=10_000, description="Fewest pictures of a topic")


class AgeSettings(_Section):
    """The age model: off until somebody turns it on and says what for."""

    enabled: bool = Field(default=False, description="Train and use the age model; also needs `PURPOSE`")
    purpose: str = Field(
        default="", max_length=500, description="What the age model is for, in a sentence; it stands in its card"
    )
    labels: str = Field(default="", description="CSV with `username` and `age` or `birth_year`")
    texts: str = Field(default="", description="Folder with a CSV or JSON of texts per user; empty: posts of the lake")
    model_name_or_path: str = Field(
        default="bert-base-uncased", description="Language model below the age model: a hub id or a folder"
    )
    model_revision: str = Field(default="main", description="Its revision on the hub; pin a commit to keep it")
    finetuned_model_name: str = Field(
        default="age", pattern=r"^\w[\w.-]*$", description="Folder of the trained model, below `age` in the data folder"
    )
    age_cutoff: int = Field(default=21, ge=1, le=120, description="The label is 1 for people of this age and older")
    learn_rate: float = Field(default=2e-5, gt=0, le=1, description="Learning rate of the language model's layers")
    head_learn_rate: float = Field(default=1e-3, gt=0, le=1, description="Learning rate of the layers on top of it")
    epoch_num: int = Field(default=10, ge=1, le=1000, description="Most passes over the users while fine-tuning")
    head_epoch_num: int = Field(
        default=30, ge=0, le=1000, description="Most passes of the first stage, with the language model frozen"
    )
    trained_layers: int = Field(
        default=4, ge=0, le=1000, description="Layers of the language model, from the top, that are fine-tuned"
    )
    patience: int = Field(default=5, ge=1, le=1000, description="Passes without a better validation AUC before the end")
    max_seq_len: int = Field(default=18, ge=2, le=8192, description="Longest post, in tokens; the rest is cut off")
    max_posts: int = Field(
        default=200, ge=1, le=1_000_000, description="Posts of a user that one training step sees, drawn anew each time"
    )
    accumulation_steps: int = Field(default=10, ge=1, le=10_000, description="Users per step of the optimiser")
    print_step: int = Field(default=100, ge=1, le=1_000_000, description="Steps between two lines of the log")
    seed: int = Field(default=2021, ge=0, description="Seed of the split and of the training")
    validation_share: float = Field(default=0.15, gt=0, lt=0.5, description="Share of users to stop and calibrate by")
    test_share: float = Field(default=0.15, gt=0, lt=0.5, description="Share of users for the one final evaluation")
    abstain_below: float = Field(
        default=0.7,
        ge=0.5,
        lt=1,
        description="No label where the likelier one has a smaller probability than this; 0.5 labels all",
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = Field(default="auto", description="`auto`, `cpu`, `cuda` or `mps`")
    precision: Literal["auto", "fp32", "bf16"] = Field(
        default="auto",
        description="`fp32`, `bf16`, or `auto`: bf16 where the hardware multiplies in it; trained weights stay fp32",
    )


class CollectionSettings(_Section):
    """How accounts and hashtags are collected by ourselves, and who allowed it."""

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
        """The ages in days at which numbers are read again, the youngest first; empty: never."""
        return tuple(sorted({int(part) for part in self.growth_days.split(",") if part.strip()}))

    @field_validator("daily_cron", "hashtags_cron")
    @classmethod
    def _known_cron(cls, text: str) -> str:
        return _checked_cron(text)

    @field_validator("ratelimits")
    @classmethod
    def _known_rates(cls, text: str) -> str:
        return _checked_rates(text)

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
        return _safe_address(url, "the login")

    @model_validator(mode="after")
    def _waits_grow(self) -> Self:
        if self.backoff_mode == "tower" and self.backoff_mult <= 1:
            raise ValueError("BACKOFF_MULT has to be above 1 with BACKOFF_MODE=tower: the waits would never grow")
        return self


class GraphApiSettings(_Section):
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
        return _checked_rates(text)

    @field_validator("api_url")
    @classmethod
    def _https_or_this_machine(cls, url: str) -> str:
        return _safe_address(url, "the token")


class WebSettings(_Section):
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


class PrivacySettings(_Section):
    """What becomes of people's names, and how long what is known of them stays."""

    folder: str = Field(
        default="",
        description="Folder of the keys, tombstones and proofs, for nothing else, never inside the lake; empty: "
        "`privacy` in the data folder. Keep a copy of it elsewhere",
    )
    pseudonymous_exports: bool = Field(
        default=False,
        description="Put pseudonyms in the place of names into datasets, and mask e-mail addresses and phone numbers",
    )
    keep_raw_days: int = Field(
        default=0, ge=0, le=36_500, description="Days after which observations and their files go; 0 keeps them"
    )
    keep_media_days: int = Field(
        default=0, ge=0, le=36_500, description="Days after which pictures and videos go; 0 keeps them"
    )
    retention_cron: str = Field(default="0 4 * * *", description="When the schedule `retention` runs, as cron says it")

    @field_validator("retention_cron")
    @classmethod
    def _known_cron(cls, text: str) -> str:
        return _checked_cron(text)


class ExportSettings(_Section):
    """What the exported files look like."""

    csv_impression: bool = Field(
        default=True, description="Add `impression`, (likes + comments) / followers, to the CSV"
    )
    caption_raw: bool = Field(default=False, description="Add `caption_raw`: the caption with its newlines kept")
    spreadsheet_safe: bool = Field(
        default=False, description="Put ' before cells that a spreadsheet would run as a formula, or change: long ids"
    )


class AlertSettings(_Section):
    """Where failures are told outside this machine: by a webhook, by mail, by both or not at all."""

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
        this_machine = parts.hostname in _THIS_MACHINE
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
        if self.smtp_user and self.smtp_security == "none" and self.smtp_host not in _THIS_MACHINE:
            raise ValueError("with SMTP_SECURITY=none a password would be sent in the clear; use starttls or tls")
        return self


class Settings(BaseSettings):
    """The whole configuration: defaults, then `.env`, then the environment, checked and unchangeable.

    `load_settings` makes one, and says what is wrong in words; `.env.example` lists every setting.

    >>> from instagram_assets import Settings
    >>> Settings(time_zone="Europe/Berlin").zone
    zoneinfo.ZoneInfo(key='Europe/Berlin')
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter=NESTED,
        env_file=".env",
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    data_dir: Path = Field(
        default=Path("data"), description="Folder that holds inbox, lake, media, datasets and Dagster's own data"
    )
    lake: str = Field(default="", description="Folder or URL of the lake (s3://…); empty: `lake` in the data folder")
    media_dir: str = Field(
        default="",
        description="Folder of the pictures and videos, on another disk perhaps; empty: `media` in the data folder",
    )
    models_dir: str = Field(
        default="",
        description="Folder in which fetched models are kept, for several data folders perhaps; empty: `models` in it",
    )
    lake_options: dict[str, Any] = Field(
        default_factory=dict[str, Any], description="Options for the lake's file system, as JSON"
    )
    time_zone: str = Field(default="Asia/Seoul", description="Time zone that decides which day a post belongs to")
    start_day: date | None = Field(
        default=None,
        description="Leave out older days: their posts wait in the landing zone; empty: from the oldest post on",
    )
    mode: Mode = Field(default="all", description="Which kind to work on: `all`, `post` or `reel`")
    history_days: int = Field(
        default=90,
        ge=1,
        le=36_500,
        description="Days that runs, their logs and reports stay; `tidy` takes older ones",
    )
    ingest: IngestSettings = IngestSettings()
    accounts: AccountSettings = AccountSettings()
    download: DownloadSettings = DownloadSettings()
    models: ModelSettings = ModelSettings()
    quality: QualitySettings = QualitySettings()
    captions: CaptionSettings = CaptionSettings()
    embeddings: EmbeddingSettings = EmbeddingSettings()
    clusters: ClusterSettings = ClusterSettings()
    search: SearchSettings = SearchSettings()
    apify: ApifySettings = ApifySettings()
    collection: CollectionSettings = CollectionSettings()
    graph_api: GraphApiSettings = GraphApiSettings()
    reels: ReelSettings = ReelSettings()
    gemini: GeminiSettings = GeminiSettings()
    delta: DeltaSettings = DeltaSettings()
    text: TextSettings = TextSettings()
    virality: ViralitySettings = ViralitySettings()
    age: AgeSettings = AgeSettings()
    export: ExportSettings = ExportSettings()
    privacy: PrivacySettings = PrivacySettings()
    alerts: AlertSettings = AlertSettings()
    web: WebSettings = WebSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, dotenv_settings

    @field_validator("time_zone")
    @classmethod
    def _known_time_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError("no such time zone; use a name such as Asia/Seoul") from error
        return name

    @field_validator("start_day", mode="before")
    @classmethod
    def _empty_is_none(cls, day: object) -> object:
        return None if day == "" else day

    @field_validator("start_day")
    @classmethod
    def _after_instagram_began(cls, day: date | None) -> date | None:
        if day and not date(2010, 10, 6) <= day <= date.today():
            raise ValueError("allowed: 2010-10-06, when Instagram began, to today")
        return day

    @model_validator(mode="after")
    def _keys_lie_alone(self) -> Self:
        """Refuse keys among what is backed up, shared and read by others, or around it, through links as well."""
        keys = os.path.realpath(self.folder("privacy"))
        for name, place in self._local_folders():
            if _is_below(keys, place) or _is_below(place, keys):
                raise SettingsError(
                    f"{PREFIX}PRIVACY__FOLDER={self.folder('privacy')}: the keys would lie together with {name} "
                    f"({place}), where whoever gets a copy of it gets them, too. Name a folder that is for them alone "
                    "and move there what is in this one; empty: `privacy` in the data folder."
                )
        return self

    def _local_folders(self) -> Iterator[tuple[str, str]]:
        """What lies in which folder of this machine, links resolved; the lake too, unless it is in an object store."""
        if "://" not in (lake := self.lake_uri.removeprefix("file://")):
            yield "the lake", os.path.realpath(lake)
        for name in _FOLDERS_OF_DATA:
            yield name, os.path.realpath(self.folder(name))

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    @property
    def lake_uri(self) -> str:
        return self.lake or str(self.folder("lake"))

    @property
    def accounts_file(self) -> Path:
        """The registry of accounts; absolute."""
        named = self.accounts.file
        return Path(named).expanduser().absolute() if named else self.data_dir.absolute() / "accounts.toml"

    def folder(self, name: str) -> Path:
        """A folder of the data folder, or where a setting of its own says that it is; absolute."""
        own = {
            "media": self.media_dir,
            "models": self.models_dir,
            "privacy": self.privacy.folder,
        }.get(name)
        return Path(own).expanduser().absolute() if own else self.data_dir.absolute() / name


def environment_names(model: type[BaseModel] = Settings, prefix: str = PREFIX) -> Iterator[tuple[str, Any, str]]:
    """Each setting as (environment name, default, meaning)."""
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, _Section):
            yield from environment_names(kind, f"{prefix}{name.upper()}{NESTED}")
        else:
            yield f"{prefix}{name.upper()}", field.get_default(call_default_factory=True), field.description or ""


def load_settings(**overrides: Any) -> Settings:
    """The settings from `.env`, the environment and `overrides`, all checked.

    Raises SettingsError naming the key, its value and what is allowed.

    >>> from instagram_assets import load_settings
    >>> load_settings(clusters={"eps": 0.1}).clusters
    ClusterSettings(eps=0.1, min_samples=3, scope='all')
    >>> load_settings(clusters={"eps": 9})
    Traceback (most recent call last):
    instagram_assets.errors.SettingsError: INSTAGRAM_ASSETS_CLUSTERS__EPS=9: input should be less than or equal to 2
    """
    try:
        _refuse_unknown_names()
        return Settings(**overrides)
    except (SourceError, UnicodeDecodeError) as error:
        problem = error.__cause__ or error
        raise SettingsError(f"{error}: {problem}. Mend .env or the environment.") from error
    except ValidationError as error:
        problems = "; ".join(_explain(problem) for problem in error.errors())
        raise SettingsError(problems) from error


@cache
def settings() -> Settings:
    """The settings of this process, read once."""
    return load_settings()


def env_example() -> str:
    """The text of `.env.example`: every setting with its meaning and default, commented out."""
    lines = ["# Copy to .env and take away the # before what you want to change."]
    for name, default, meaning in environment_names():
        value = "{}" if default == {} else str(default).lower() if isinstance(default, bool) else default
        value = "" if default is None else value
        lines += ["", f"# {meaning}", f"#{name}={value}"]
    return "\n".join(lines) + "\n"


def _refuse_unknown_names() -> None:
    known = [name for name, _, _ in environment_names()]
    sections = [
        name for name in Settings.model_fields if Settings.model_fields[name].default.__class__.__base__ is _Section
    ]
    known_upper = {*known, *(f"{PREFIX}{name.upper()}" for name in sections)}
    for name in [*dotenv_values(".env"), *os.environ]:
        if name.upper().startswith(PREFIX) and name.upper() not in known_upper:
            nearest = difflib.get_close_matches(name.upper(), known, n=1, cutoff=0)[0]
            raise SettingsError(f"{name} is not a setting. Did you mean {nearest}?")


def _explain(problem: Any) -> str:
    """A problem as name, value and what is allowed; without the value where it is, or holds, a secret."""
    key = PREFIX + NESTED.join(str(part).upper() for part in problem["loc"])
    secret = any(name == key or name.startswith(f"{key}{NESTED}") for name in _secret_names())
    # Of a whole section only the words tell: its values may be names by the dozen.
    value = "" if secret or isinstance(problem["input"], dict) else f"={problem['input']!r}"
    words = problem["msg"].removeprefix("Value error, ")
    # A sentence begins small after the colon; the name of a setting stays as it is written.
    begins_as_name = words.split(maxsplit=1)[0].isupper()
    return f"{key}{value}: {words if begins_as_name else words[0].lower() + words[1:]}"


def _secret_names() -> list[str]:
    """Settings whose values are secrets, and the lake's options, among which keys may be."""
    return [name for name, default, _ in environment_names() if isinstance(default, SecretStr | dict)]


if __name__ == "__main__":
    print(env_example(), end="")
