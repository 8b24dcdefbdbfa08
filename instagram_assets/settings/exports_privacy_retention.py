"""Settings of exports (dataset files, Delta tables), pseudonyms, and data retention."""

from pydantic import Field, field_validator

from instagram_assets.settings.validation import SettingsSection, checked_cron


class ExportSettings(SettingsSection):
    """What the exported files look like."""

    csv_impression: bool = Field(
        default=True, description="Add `impression`, (likes + comments) / followers, to the CSV"
    )
    caption_raw: bool = Field(default=False, description="Add `caption_raw`: the caption with its newlines kept")
    spreadsheet_safe: bool = Field(
        default=False, description="Put ' before cells that a spreadsheet would run as a formula, or change: long ids"
    )


class DeltaSettings(SettingsSection):
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


class PrivacySettings(SettingsSection):
    """Privacy: the folder of keys, pseudonyms in exports, and how long raw observations and media are kept."""

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
        return checked_cron(text)
