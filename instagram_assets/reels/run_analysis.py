"""Runs the analysis of reels as configured: chooses and opens the analyser, passes labels, and closes the ledger."""

import threading
from collections.abc import Generator, Iterable
from contextlib import closing, contextmanager
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
from upath import UPath

from instagram_assets.errors import StorageError
from instagram_assets.reels.analyses import LABEL_COLUMNS, analysis_counts, reel_analyses
from instagram_assets.reels.analysis_schema import Analyser, OnProgress
from instagram_assets.reels.call_ledger import Ledger, Prices, Spent
from instagram_assets.settings import Settings
from instagram_assets.settings.environment import read_secret
from instagram_assets.storage.lake import open_lake, read_table
from instagram_assets.vision.pipeline import features_folder


def check_analyser(settings: Settings) -> None:
    """Raises SettingsError if Gemini is the analyser and its key is missing; no request is sent."""
    if settings.reels.enabled and settings.reels.analyser == "gemini":
        gemini_key(settings)


def check_gemini(settings: Settings) -> None:
    """Sends one free request to check the API key and the model, if Gemini is the configured analyser.

    Raises SettingsError if there is no key, AnalyserRefusedError for a wrong key or model. A service that is busy or
    not reachable is not an error here.
    """
    if settings.reels.analyser != "gemini":
        return
    from instagram_assets.reels.gemini_api import GeminiApi, GeminiRetries

    with GeminiApi(gemini_key(settings), settings.gemini, GeminiRetries(), threading.Event()) as api:
        api.check_model()


def gemini_key(settings: Settings) -> str:
    """Returns Gemini's API key from the environment variable in the settings. Raises SettingsError if it is not set."""
    remedy = "Make one at https://aistudio.google.com/apikey, or set INSTAGRAM_ASSETS_REELS__ANALYSER=local."
    return read_secret(settings.gemini.key_variable, "Gemini's API key", remedy)


def open_ledger(settings: Settings) -> Ledger:
    """Returns the call ledger in the data folder, with the prices and the daily budget of the settings."""
    options = settings.gemini
    prices = Prices(options.usd_per_million_prompt_tokens, options.usd_per_million_answer_tokens)
    return Ledger(_ledger_file(settings), prices, options.max_usd_per_day, settings.zone)


def _ledger_file(settings: Settings) -> Path:
    return settings.folder("ledger") / "calls.sqlite"


def unanswered_usd(video_ids: Iterable[str], settings: Settings) -> float:
    """Returns the total cost in US dollars, at most, of those calls about these videos that got no response."""
    return sum(one.unanswered_usd for one in _spent(video_ids, settings).values())


def numbers_of(analyses: pa.Table, settings: Settings) -> dict[str, float]:
    """Returns name → total for a `reel_analyses` table: rows by status, seconds, tokens, dollars.

    These are the totals of `analyses.analysis_counts`, with the maximum cost of unanswered calls from the local ledger.
    """
    columns = analyses.select(["video_id", "cost_usd"]).to_pylist()
    paid = {row["video_id"] for row in columns if row["video_id"] and row["cost_usd"]}
    return analysis_counts(analyses, unanswered_usd(paid, settings))


def numbers_of_week(lake: UPath, week: date, settings: Settings) -> dict[str, float]:
    """Returns name → value for the week that begins on the Monday `week`: seconds, tokens and dollars per video."""
    columns = ("video_id", "status", "analyser", "seconds", "prompt_tokens", "answer_tokens", "cost_usd")
    rows = read_table(lake, "reel_analyses", days=(week, week + timedelta(days=6)), columns=columns)
    return {name: value for name, value in numbers_of(rows, settings).items() if name.endswith("_per_video")}


def refused_for_good(video_ids: Iterable[str], settings: Settings) -> set[str]:
    """Returns those of `video_ids` for which Gemini failed so often that no further request is sent."""
    most = settings.gemini.failures_for_backup
    return {video_id for video_id, spent in _spent(video_ids, settings).items() if spent.lasting >= most}


def _spent(video_ids: Iterable[str], settings: Settings) -> dict[str, Spent]:
    """Returns the cost and failures of each video's calls with the current prompts, from the local ledger."""
    from instagram_assets.reels.prompts import QUESTIONS

    ids = list(video_ids)
    if not ids or not _ledger_file(settings).exists():
        return {}
    with closing(open_ledger(settings)) as ledger:
        return ledger.spent(ids, settings.gemini.model, [question.version for question in QUESTIONS])


@contextmanager
def open_analyser(settings: Settings) -> Generator[Analyser]:
    """Context manager that opens the configured analyser. Raises SettingsError first if its key is missing."""
    from instagram_assets.reels.local_model import open_local

    if settings.reels.analyser == "local":
        yield open_local(settings)
        return
    from instagram_assets.reels.gemini import GeminiAnalyser

    key, folder = gemini_key(settings), settings.folder("ledger")
    root = features_folder(settings)
    with closing(open_ledger(settings)) as ledger:
        yield GeminiAnalyser(key, settings.gemini, ledger, root, folder, backup=open_local(settings))


def analyse(videos: pa.Table, settings: Settings, on_progress: OnProgress | None = None) -> pa.Table:
    """Returns the rows of `reel_analyses` for `videos`, rows of `reel_videos`, from the configured analyser.

    The analyser gets viral labels only if the settings allow it. Raises SettingsError before any request. Raises
    AnalyserRefusedError or StorageError later; responses paid for until then are cached.
    """
    check_analyser(settings)
    labels = None
    if not settings.reels.hide_label:
        labels = read_table(open_lake(settings), "viral_labels", columns=LABEL_COLUMNS)
        if not labels.num_rows:
            raise StorageError(
                "The lake has no viral_labels yet, and INSTAGRAM_ASSETS_REELS__HIDE_LABEL is false. Materialize "
                "viral_labels first, or hide the label."
            )
    with open_analyser(settings) as analyser:
        return reel_analyses(videos, settings.folder("media"), features_folder(settings), analyser, labels, on_progress)
