"""The types of a download: request, outcome and progress."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Literal

DownloadStatus = Literal["ok", "failed", "expired", "refused"]
MediaKind = Literal["image", "video"]


@dataclass(frozen=True, slots=True)
class MediaRequest:
    """One image or video to download. `key` is chosen by the caller and returned with the outcome."""

    key: Hashable
    url: str | None
    kind: MediaKind = "image"


@dataclass(frozen=True, slots=True)
class DownloadOutcome:
    """The result of one request; fields from `image_id` (the SHA-256) to `bytes` are None unless `status` is `ok`."""

    key: Hashable
    url: str | None
    status: DownloadStatus
    reason: str | None = None
    image_id: str | None = None
    path: str | None = None
    """Path of the file relative to the media folder."""
    width: int | None = None
    height: int | None = None
    bytes: int | None = None
    cached: bool = False
    """True if no HTTP request was made for it."""
    attempts: int = 0


@dataclass(slots=True)
class DownloadProgress:
    """The progress of a download: counts of outcomes, updated in place with each outcome."""

    total: int = 0
    done: int = 0
    ok: int = 0
    """Number of images available now, including cached ones."""
    cached: int = 0
    failed: int = 0
    expired: int = 0
    refused: int = 0
    bytes: int = 0
    """Bytes downloaded, without cached images."""
    seconds: float = 0.0

    @property
    def images_per_second(self) -> float:
        return self.done / self.seconds if self.seconds else 0.0

    @property
    def megabytes_per_second(self) -> float:
        return self.bytes / 1_000_000 / self.seconds if self.seconds else 0.0

    def add(self, outcome: DownloadOutcome, seconds: float) -> None:
        """Add one outcome to the counts; `seconds` is the time since the start."""
        self.done += 1
        self.seconds = seconds
        self.cached += outcome.cached and outcome.status == "ok"
        self.bytes += 0 if outcome.cached else outcome.bytes or 0
        match outcome.status:
            case "ok":
                self.ok += 1
            case "failed":
                self.failed += 1
            case "expired":
                self.expired += 1
            case "refused":
                self.refused += 1
