"""Reels watched by Gemini: several at once, against one after the other.

`python -m benchmarks.reels [--quick] [--json]`. 50 reels on a loopback Gemini that takes 2 s for each answer (12 reels
and 0.5 s with --quick), asked the same two questions. One by one is what a script does with Google's client: send, wait
until it is readable, ask, ask again, take away. Ours does the same with the settings' number of reels under way, and
keeps its ledger. Imports, which both need, do not count.
"""

import hashlib
import importlib
import tempfile
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from zoneinfo import ZoneInfo

from google import genai
from google.genai import types

from benchmarks.measure import Measured, Report, alternate, in_child, median_cpu_seconds, median_seconds, options
from instagram_assets.demo.gemini import GeminiServer
from instagram_assets.reels.analysis import Analysis, Hypotheses, Video
from instagram_assets.reels.gemini import GeminiAnalyser
from instagram_assets.reels.ledger import Ledger, Prices
from instagram_assets.reels.prompts import WATCH, suppose
from instagram_assets.settings import GeminiSettings

importlib.import_module("pyarrow.parquet")  # which the package loads when it first keeps an answer

_BYTES = 200_000
_FIRST_LOOK = 0.25


def ours(folder: str, reels: int, url: str, key: str) -> str:
    """All reels by the package, in a child; a digest of what was said."""
    gemini = GeminiSettings(api_url=url)
    prices = Prices(gemini.usd_per_million_prompt_tokens, gemini.usd_per_million_answer_tokens)
    place = Path(folder)
    ledger = Ledger(place / "calls.sqlite", prices, gemini.max_usd_per_day, ZoneInfo("Asia/Seoul"))
    rows = GeminiAnalyser(key, gemini, ledger, place / "features", place).analyse(_videos(place, reels))
    ledger.close()
    return _digest([str((row["hook"], row["hypotheses"])) for row in rows])


def one_by_one(folder: str, reels: int, url: str, key: str) -> str:
    """All reels by Google's client in a loop, in a child; a digest of what was said."""

    def asks(form: type) -> types.GenerateContentConfig:
        return types.GenerateContentConfig(
            response_mime_type="application/json", response_schema=form, temperature=0, max_output_tokens=8192
        )

    said: list[str] = []
    model = GeminiSettings().model
    with genai.Client(api_key=key, http_options=types.HttpOptions(base_url=url)) as client:
        for video in _videos(Path(folder), reels):
            file = client.files.upload(file=video.path)
            while file.state == types.FileState.PROCESSING:
                time.sleep(_FIRST_LOOK)
                file = client.files.get(name=file.name or "")
            watched = client.models.generate_content(model=model, contents=[file, WATCH.text], config=asks(Analysis))
            analysis = watched.parsed
            assert isinstance(analysis, Analysis)
            question = f"{suppose(None).text}\n\n{analysis.model_dump_json()}"
            supposed = client.models.generate_content(model=model, contents=question, config=asks(Hypotheses))
            hypotheses = supposed.parsed
            assert isinstance(hypotheses, Hypotheses)
            client.files.delete(name=file.name or "")
            said.append(str((analysis.hook, hypotheses.hypotheses)))
    return _digest(said)


def main() -> None:
    """Watch, measure, print."""
    chosen = options(__doc__ or "")
    report = Report("reels", ["google-genai", "httpx2"])
    reels, latency = (12, 0.5) if chosen.quick else (50, 2.0)
    numbers = count()
    with GeminiServer(latency=latency) as server, tempfile.TemporaryDirectory() as folder:

        def side(name: str) -> Callable[[], Measured]:
            def run() -> Measured:
                place = Path(folder) / f"{name}{next(numbers)}"
                place.mkdir()
                return in_child(f"benchmarks.reels:{name}", str(place), reels, server.url, server.key)

            return run

        runs = alternate({"ours": side("ours"), "one_by_one": side("one_by_one")}, rounds=1 if chosen.quick else 3)
        calls = len(server.calls) / (2 * len(runs["ours"]) * reels)
    mine, theirs = median_seconds(runs["ours"]), median_seconds(runs["one_by_one"])
    report.note(f"{reels} reels, {latency:g} s an answer, {calls:g} answers a reel on both sides")
    report.figures |= {
        "analyses_ratio": theirs / mine,
        "analyses_seconds": mine,
        "one_by_one_seconds": theirs,
        "analyses_cpu_seconds": median_cpu_seconds(runs["ours"]),
        "one_by_one_cpu_seconds": median_cpu_seconds(runs["one_by_one"]),
    }
    report.show(as_json=chosen.json)


def _videos(folder: Path, reels: int) -> list[Video]:
    """Files of a size that costs no time to send; what they show does not matter here."""
    videos: list[Video] = []
    for number in range(reels):
        content = hashlib.shake_128(str(number).encode()).digest(_BYTES)
        path = folder / f"{number}.mp4"
        path.write_bytes(content)
        videos.append(Video(hashlib.sha256(content).hexdigest(), path, 10.0))
    return videos


def _digest(said: list[str]) -> str:
    return hashlib.sha256("\n".join(said).encode()).hexdigest()


if __name__ == "__main__":
    main()
