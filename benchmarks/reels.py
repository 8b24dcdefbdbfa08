"""Reels watched by Gemini, several at once against one after the other: a part of `python -m benchmarks.delta`.

50 reels on a loopback Gemini that takes 2 s for each answer, asked the same two questions. One by one is what a script
does with Google's client: send, wait until it is readable, ask, ask again, take away. Ours does the same with the
settings' number of reels under way, and keeps its ledger. Imports, which both need, do not count.
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

from benchmarks.measure import ROUNDS, Measured, Report, alternate, in_child, median_cpu_seconds, median_seconds
from instagram_assets.demo.gemini_server import GeminiServer
from instagram_assets.reels.analysis_schema import Analysis, Hypotheses, Video
from instagram_assets.reels.call_ledger import Ledger, Prices
from instagram_assets.reels.gemini import GeminiAnalyser
from instagram_assets.reels.prompts import WATCH, suppose
from instagram_assets.settings import GeminiSettings

for name in ("pandas", "pyarrow.parquet"):  # which pyarrow and the package load when an answer is first kept
    importlib.import_module(name)

PACKAGES = ("google-genai", "httpx2")
"""What a report of these figures names the versions of."""
REELS, LATENCY = 50, 2.0
QUICK_ONE_BY_ONE = 10
"""Reels that take their turn in a quick run, where all would take four minutes: each takes as long as the last."""
QUICK_ROUNDS = 1
"""With the tables' own rounds, three of these do not end within three minutes."""

_BYTES = 200_000
_FIRST_LOOK = 0.25


def ours(folder: str, compared: int, url: str, key: str) -> str:
    """All reels by the package, in a child; a digest of what was said of the first `compared`."""
    gemini = GeminiSettings(api_url=url)
    prices = Prices(gemini.usd_per_million_prompt_tokens, gemini.usd_per_million_answer_tokens)
    place = Path(folder)
    ledger = Ledger(place / "calls.sqlite", prices, gemini.max_usd_per_day, ZoneInfo("Asia/Seoul"))
    rows = GeminiAnalyser(key, gemini, ledger, place / "features", place).analyse(_videos(place, REELS))
    ledger.close()
    assert {row["status"] for row in rows} == {"ok"}
    return _digest([str((row["hook"], row["hypotheses"])) for row in rows[:compared]])


def one_by_one(folder: str, reels: int, url: str, key: str) -> str:
    """The first `reels` by Google's client in a loop, in a child; a digest of what was said."""

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


def measure_reels(report: Report, *, quick: bool) -> None:
    """Watch, measure, and put the figures into the report; ratios are of the time of one reel."""
    turns, rounds = (QUICK_ONE_BY_ONE, QUICK_ROUNDS) if quick else (REELS, ROUNDS)
    numbers = count()
    with GeminiServer(latency=LATENCY) as server, tempfile.TemporaryDirectory() as folder:

        def side(name: str) -> Callable[[], Measured]:
            def run() -> Measured:
                place = Path(folder) / f"{name}{next(numbers)}"
                place.mkdir()
                return in_child(f"benchmarks.reels:{name}", str(place), turns, server.url, server.key)

            return run

        runs = alternate({"ours": side("ours"), "one_by_one": side("one_by_one")}, rounds=rounds)
        answers = len(server.calls) / (len(runs["ours"]) * (REELS + turns))
    mine, theirs = median_seconds(runs["ours"]) / REELS, median_seconds(runs["one_by_one"]) / turns
    report.note(f"{LATENCY:g} s an answer, {answers:g} answers a reel on both sides, {_counted(rounds)}")
    for name, reels, each in (("ours", REELS, mine), ("one by one", turns, theirs)):
        report.note(f"{reels:>7,} reels, {name:<15} {reels * each:7.2f} s, {each:7.3f} s each")
    report.figures |= {
        "analyses_ratio": theirs / mine,
        "analysis_seconds": mine,
        "analysis_seconds_one_by_one": theirs,
        "analysis_cpu_seconds": median_cpu_seconds(runs["ours"]) / REELS,
        "analysis_cpu_seconds_one_by_one": median_cpu_seconds(runs["one_by_one"]) / turns,
    }


def _counted(rounds: int) -> str:
    return "1 round, since three do not fit into a quick run" if rounds < ROUNDS else f"{rounds} rounds"


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
