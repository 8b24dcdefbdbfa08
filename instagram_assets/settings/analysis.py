"""Settings of the analyses of posts: words and topics, virality, reels (by a language model), and the age model."""

import re
from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from instagram_assets.settings.validation import SettingsSection, checked_cron, safe_address

_RULES = ("top_fraction", "threshold", "account_baseline")


class TextSettings(SettingsSection):
    """How captions are split into words, and grouped by topic."""

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


class ViralitySettings(SettingsSection):
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


class ReelSettings(SettingsSection):
    """Which reels are analysed, by which analyser, and when."""

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
        return checked_cron(text)


class GeminiSettings(SettingsSection):
    """Requests to Google's Gemini API, and what they may cost."""

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
        return safe_address(url, "the key")


ALL_LAYERS = 1000
"""As `trained_layers`: more than any language model has, so all of them, and the embeddings."""
LIKE_SOURCE: Mapping[str, Any] = {
    "learn_rate": 5e-6,  # as its code says; its README says 2e-5
    "head_learn_rate": 5e-6,
    "optimizer": "adam",
    "class_weights": False,
    "trained_layers": ALL_LAYERS,
    "epoch_num": 10,
    "head_epoch_num": 0,
    "patience": 1000,
    "accumulation_steps": 10,
    "max_seq_len": 18,
}
"""How the age model of bumc_instascraping was trained: what `AgeSettings.like_source` sets, unless set otherwise."""


def like_source(given: Mapping[str, Any]) -> dict[str, Any]:
    """The options of the age model in `given`, completed by `LIKE_SOURCE`; one learning rate is that of all weights."""
    rate = {"head_learn_rate": given["learn_rate"]} if "learn_rate" in given else {}
    return {**LIKE_SOURCE, **rate, **given}


class AgeSettings(SettingsSection):
    """The age model, which is off until it is enabled and its purpose is stated."""

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
    like_source: bool = Field(
        default=False,
        description="Train as the age model of bumc_instascraping was trained; what else is set wins (docs/age.md)",
    )
    learn_rate: float = Field(default=2e-5, gt=0, le=1, description="Learning rate of the language model's layers")
    head_learn_rate: float = Field(default=1e-3, gt=0, le=1, description="Learning rate of the layers on top of it")
    optimizer: Literal["adamw", "adam"] = Field(default="adamw", description="`adamw` or `adam`, in both stages")
    class_weights: bool = Field(
        default=True, description="Weigh both sides of the cut-off alike in the loss, however many people they have"
    )
    epoch_num: int = Field(default=10, ge=1, le=1000, description="Most passes over the users while fine-tuning")
    head_epoch_num: int = Field(
        default=30, ge=0, le=1000, description="Most passes of the first stage, with the language model frozen"
    )
    trained_layers: int = Field(
        default=4,
        ge=0,
        le=ALL_LAYERS,
        description="Layers of the language model, from the top, that are fine-tuned; more than it has: embeddings too",
    )
    patience: int = Field(default=5, ge=1, le=1000, description="Passes without a better validation AUC before the end")
    max_seq_len: int = Field(default=18, ge=2, le=8192, description="Longest post, in tokens; the rest is cut off")
    max_posts: int = Field(
        default=200, ge=1, le=1_000_000, description="Posts of a user that one training step sees, drawn anew each time"
    )
    accumulation_steps: int = Field(default=10, ge=1, le=10_000, description="Users per step of the optimiser")
    print_step: int = Field(default=100, ge=1, le=1_000_000, description="Steps between two lines of the log")
    seed: int = Field(default=2021, ge=0, description="Seed of the split and of the training")
    validation_share: float = Field(
        default=0.15, gt=0, lt=0.5, description="Share of users held out, half to stop by, half to calibrate by"
    )
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

    @model_validator(mode="after")
    def _preset(self) -> Self:
        """Applies `LIKE_SOURCE` to what is not set explicitly; what it applies does not count as set."""
        if self.like_source:
            values = like_source(self.model_dump(include=self.model_fields_set))
            for name in LIKE_SOURCE.keys() - self.model_fields_set:
                object.__setattr__(self, name, values[name])  # the section is frozen for others
        return self
