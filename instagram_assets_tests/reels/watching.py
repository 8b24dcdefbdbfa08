"""What tests of watched reels share: small videos, and an analyser that asks a loopback Gemini."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from instagram_assets.demo.gemini_server import GeminiServer
from instagram_assets.reels.analysis_schema import Analyser, OnProgress, Row, Video
from instagram_assets.reels.call_ledger import Ledger, Prices
from instagram_assets.reels.gemini import GeminiAnalyser
from instagram_assets.reels.gemini_api import GeminiRetries
from instagram_assets.settings import GeminiSettings

QUICK = GeminiRetries(6, 0.004, 0.02)
"""Waits that a test can wait for."""


class Local:
    """An analyser of this machine, which remembers what it was given."""

    name = "local"

    def __init__(self, error: Exception | None = None, status: str = "ok") -> None:
        self.given: list[Video] = []
        self.error, self.status = error, status

    def analyse(self, videos: Sequence[Video], on_progress: OnProgress | None = None) -> list[Row]:
        self.given += videos
        if self.error:
            raise self.error
        return [
            {"video_id": video.video_id, "analyser": "local", "action": "A cat", "status": self.status}
            for video in videos
        ]


def video_of(folder: Path, number: int, viral: bool | None = None) -> Video:
    """A file whose content does not matter, ten seconds long as far as one knows."""
    content = f"video {number}".encode()
    video_id = hashlib.sha256(content).hexdigest()
    path = folder / "media" / f"{video_id}.mp4"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return Video(video_id, path, 10.0, viral)


def options_of(gemini: GeminiServer, **more: Any) -> GeminiSettings:
    """Settings that name the loopback server."""
    return GeminiSettings.model_validate({"api_url": gemini.url, **more})


def ledger_of(folder: Path, options: GeminiSettings) -> Ledger:
    """The ledger of a folder."""
    prices = Prices(options.usd_per_million_prompt_tokens, options.usd_per_million_answer_tokens)
    return Ledger(folder / "ledger" / "calls.sqlite", prices, options.max_usd_per_day, ZoneInfo("Asia/Seoul"))


def analyser_of(
    folder: Path, gemini: GeminiServer, *, backup: Analyser | None = None, patience: GeminiRetries = QUICK, **more: Any
) -> GeminiAnalyser:
    """An analyser whose ledger and answers lie in a folder."""
    options = options_of(gemini, **more)
    ledger = ledger_of(folder, options)
    return GeminiAnalyser(
        gemini.key, options, ledger, folder / "features", folder / "ledger", backup=backup, patience=patience
    )
