"""How images and videos are fetched: the limits and freedoms that a caller may set."""

from dataclasses import dataclass, fields
from typing import Self

from instagram_assets.media.incoming import Limits
from instagram_assets.media.outcomes import Kind
from instagram_assets.privacy.forgotten_identifiers import NOTHING_FORGOTTEN, Forgotten
from instagram_assets.settings import DownloadSettings


@dataclass(frozen=True)
class DownloadOptions:
    """What one download may do. Times in seconds; `DownloadSettings` explains the shared fields."""

    max_concurrent_requests: int = 50
    max_per_host: int = 0
    retry_count: int = 3
    timeout: float = 5
    deadline: float = 120
    cache_images: bool = True
    max_image_mb: float = 50
    max_video_mb: float = 500
    max_megapixels: float = 40
    allow_http: bool = False
    allow_loopback: bool = False
    honour_noai: bool = False
    retry_wait: float = 0.5
    """Upper bound of the random wait before the first retry; it doubles with every further one."""
    max_retry_wait: float = 30
    """Where that doubling ends."""
    user_agent: str = "instagram-assets"
    skip_dead_hosts: bool = False
    """Ask a host that gave no connection not again, and none of its other addresses: it costs one timeout in all."""
    forgotten: Forgotten = NOTHING_FORGOTTEN
    """What must not be asked for, nor stored where other addresses lead to it."""

    def limits(self, kind: Kind) -> Limits:
        """What a body of this kind may be."""
        megabytes = self.max_image_mb if kind == "image" else self.max_video_mb
        return Limits(kind, int(megabytes * 1_000_000), self.max_megapixels)

    @classmethod
    def of(cls, settings: DownloadSettings, forgotten: Forgotten = NOTHING_FORGOTTEN) -> Self:
        """The options that the settings ask for, without what was forgotten."""
        shared = {field.name for field in fields(cls)} & DownloadSettings.model_fields.keys()
        return cls(**{name: getattr(settings, name) for name in shared}, forgotten=forgotten)
