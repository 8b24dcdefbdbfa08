"""The whole configuration: the general settings, such as folders and time zone, and all sections, in one class."""

import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from instagram_assets.errors import SettingsError
from instagram_assets.settings.analysis import AgeSettings, GeminiSettings, ReelSettings, TextSettings, ViralitySettings
from instagram_assets.settings.collection import (
    AccountSettings,
    ApifySettings,
    CollectionSettings,
    GraphApiSettings,
    IngestSettings,
)
from instagram_assets.settings.exports_privacy_retention import DeltaSettings, ExportSettings, PrivacySettings
from instagram_assets.settings.images import (
    CaptionSettings,
    ClusterSettings,
    DownloadSettings,
    EmbeddingSettings,
    ModelSettings,
    QualitySettings,
    SearchSettings,
)
from instagram_assets.settings.schedules_checks_alerts_web import (
    AlertSettings,
    CheckSettings,
    ScheduleSettings,
    WebSettings,
)
from instagram_assets.settings.validation import ENV_NESTED, ENV_PREFIX

Mode = Literal["all", "post", "reel"]
# Subfolders of the data folder that are backed up, shared or deleted as a whole, so that no keys may be in them.
_FOLDERS_OF_DATA = ("media", "inbox", "datasets", "reports", "dagster", "models", "index", "thumbnails")


class Settings(BaseSettings):
    """The whole configuration: defaults, then `.env`, then environment variables; validated and immutable.

    `load_settings` loads it, with readable errors; `.env.example` lists every setting.

    >>> from instagram_assets import Settings
    >>> Settings(time_zone="Europe/Berlin").zone
    zoneinfo.ZoneInfo(key='Europe/Berlin')
    """

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        env_nested_delimiter=ENV_NESTED,
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
    schedules: ScheduleSettings = ScheduleSettings()
    checks: CheckSettings = CheckSettings()

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
        """Refuses a folder of keys that contains, or is inside, a backed-up or shared folder; symlinks are resolved."""
        keys = os.path.realpath(self.folder("privacy"))
        for name, place in self._local_folders():
            if _is_below(keys, place) or _is_below(place, keys):
                raise SettingsError(
                    f"{ENV_PREFIX}PRIVACY__FOLDER={self.folder('privacy')}: the keys would lie together with {name} "
                    f"({place}), where whoever gets a copy of it gets them, too. Name a folder that is for them alone "
                    "and move there what is in this one; empty: `privacy` in the data folder."
                )
        return self

    def _local_folders(self) -> Iterator[tuple[str, str]]:
        """Yields name and real path of each local folder with data; the lake, too, unless it is in an object store."""
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
        """The absolute path of the account registry, a TOML file."""
        named = self.accounts.file
        return Path(named).expanduser().absolute() if named else self.data_dir.absolute() / "accounts.toml"

    def folder(self, name: str) -> Path:
        """Returns the absolute path of a folder such as `media`: from its own setting, else inside the data folder."""
        own = {
            "media": self.media_dir,
            "models": self.models_dir,
            "privacy": self.privacy.folder,
        }.get(name)
        return Path(own).expanduser().absolute() if own else self.data_dir.absolute() / name


def _is_below(inner: str, outer: str) -> bool:
    """True if the folder `inner` is `outer` itself or inside it."""
    return Path(inner).is_relative_to(outer)
