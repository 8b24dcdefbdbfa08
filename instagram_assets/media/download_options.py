"""The options of a download: limits, timeouts, retries and permissions, with the settings' defaults."""

from dataclasses import dataclass, fields
from typing import Self

from instagram_assets.media.download_types import MediaKind
from instagram_assets.privacy.forgotten_identifiers import NOTHING_FORGOTTEN, Forgotten
from instagram_assets.settings import DownloadSettings

_DEFAULTS = DownloadSettings()
"""The defaults of the settings, ignoring the environment; they are defined only there."""


@dataclass(frozen=True, slots=True)
class SizeLimits:
    """The allowed kind of media (image or video), and its maximum size in bytes and megapixels."""

    kind: MediaKind
    max_bytes: int
    max_megapixels: float


@dataclass(frozen=True)
class DownloadOptions:
    """The limits and permissions of a download. Times are in seconds; see `DownloadSettings` for fields it has too."""

    max_concurrent_requests: int = _DEFAULTS.max_concurrent_requests
    max_per_host: int = _DEFAULTS.max_per_host
    retry_count: int = _DEFAULTS.retry_count
    timeout: float = _DEFAULTS.timeout
    deadline: float = _DEFAULTS.deadline
    cache_images: bool = _DEFAULTS.cache_images
    max_image_mb: float = _DEFAULTS.max_image_mb
    max_video_mb: float = _DEFAULTS.max_video_mb
    max_megapixels: float = _DEFAULTS.max_megapixels
    allow_http: bool = _DEFAULTS.allow_http
    allow_loopback: bool = _DEFAULTS.allow_loopback
    honour_noai: bool = _DEFAULTS.honour_noai
    retry_wait: float = 0.5
    """Upper bound in seconds of the random wait before the first retry; it doubles with every further retry."""
    max_retry_wait: float = 30
    """Maximum in seconds of the upper bound `retry_wait`, which doubles."""
    user_agent: str = "instagram-assets"
    skip_dead_hosts: bool = False
    """Do not retry a host that refused a connection, nor request its other URLs: a dead host costs one timeout."""
    forgotten: Forgotten = NOTHING_FORGOTTEN
    """Erased URLs that must not be requested, and erased content that must not be stored from any URL."""

    def limits(self, kind: MediaKind) -> SizeLimits:
        """Returns the size limits of a response body of this kind."""
        megabytes = self.max_image_mb if kind == "image" else self.max_video_mb
        return SizeLimits(kind, int(megabytes * 1_000_000), self.max_megapixels)

    @classmethod
    def of(cls, settings: DownloadSettings, forgotten: Forgotten = NOTHING_FORGOTTEN) -> Self:
        """Returns the options from the settings; images in `forgotten` (erased on request) are not downloaded."""
        shared = {field.name for field in fields(cls)} & DownloadSettings.model_fields.keys()
        return cls(**{name: getattr(settings, name) for name in shared}, forgotten=forgotten)


def too_large(limits: SizeLimits) -> str:
    """Returns the reason for refusing a body above the size limit, such as `larger than 20 MB`."""
    return f"larger than {limits.max_bytes / 1_000_000:g} MB"
