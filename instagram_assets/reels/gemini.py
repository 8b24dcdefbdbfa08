"""The Gemini analyser: uploads each video once, pays for each response once, and isolates failures of single videos.

Responses are stored in the ledger at once and then in the feature store, by hash of the video, prompt and model; only
missing ones are requested. A video has a marker folder in `under_way` from before its upload until its deletion from
Gemini, and the folder is locked meanwhile. So no two processes upload the same video, and leftovers of a killed process
are found.
"""

import json
import logging
import math
import os
import re
import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from upath import UPath

from instagram_assets.errors import AnalyserRefusedError
from instagram_assets.reels.analysis_schema import (
    FAILED,
    OVER_BUDGET,
    Analyser,
    OnProgress,
    Row,
    Video,
)
from instagram_assets.reels.answer_cache import AnswerCache, CachedAnswers
from instagram_assets.reels.call_ledger import UNREADABLE_CALL, CallSubject, Ledger, Spent
from instagram_assets.reels.gemini_api import GaveUpError, GeminiApi, GeminiRetries, StoppedError, UnreadableVideoError
from instagram_assets.reels.gemini_rows import AnalysisProblem, row_of, with_backup
from instagram_assets.reels.model_responses import ModelResponse, parse_response
from instagram_assets.reels.prompts import WATCH, Question, mend, suppose
from instagram_assets.settings import GeminiSettings
from instagram_assets.storage import feature_files
from instagram_assets.storage.locks import folder_lock

if TYPE_CHECKING:
    from google.genai import types

logger = logging.getLogger(__name__)

_ELSEWHERE = "Put the data folder on a local disk: INSTAGRAM_ASSETS_DATA_DIR"
# 258 tokens a second for the images, 32 for the sound, and some for timestamps:
# https://ai.google.dev/gemini-api/docs/tokens
_TOKENS_PER_SECOND = 300
_LEAST_BYTES_PER_SECOND = 12_500
_BATCH = 16
_VIDEO_ID = re.compile("[0-9a-f]{64}")


class NotAnsweredError(Exception):
    """Raised if a prompt got no usable response; `problem` is the status and the reason for the video's row."""

    def __init__(self, status: str, reason: str) -> None:
        super().__init__(reason)
        self.problem = AnalysisProblem(status, reason)


@dataclass
class _Visit:
    """One video to analyse, with its viral labels (posts can differ), cached responses, and whether it was uploaded."""

    videos: list[Video]
    known: CachedAnswers
    was_sent: bool = False

    @property
    def video(self) -> Video:
        return self.videos[0]

    def note_sent(self) -> None:
        self.was_sent = True


class _Text(NamedTuple):
    """The content of a request, its maximum number of tokens, and the duration of the video in seconds, if any."""

    contents: "list[types.Content]"
    tokens: int
    length: float | None = None


class GeminiAnalyser:
    """Analyses videos with Gemini, several at once; `backup` analyses those for which Gemini keeps failing.

    `root` is the folder of the feature store with cached responses, `folder` the local folder of the ledger and of the
    markers of running work.
    """

    name = "gemini"

    def __init__(
        self,
        key: str,
        options: GeminiSettings,
        ledger: Ledger,
        root: UPath | Path,
        folder: Path,
        *,
        backup: Analyser | None = None,
        patience: GeminiRetries | None = None,
    ) -> None:
        self._key, self._options, self._ledger = key, options, ledger
        self._kept = AnswerCache(root, ledger, options.model)
        self._under_way = folder / "under_way"
        self._backup = backup
        self._patience = patience or GeminiRetries(options.attempts, max_wait=options.max_wait)

    def analyse(self, videos: Sequence[Video], on_progress: OnProgress | None = None) -> list[Row]:
        """Returns one row per video, in their order; each video is passed once, or once per label.

        Raises AnalyserRefusedError when Gemini rejects the key or the model, StorageError when the disk refuses;
        responses until then are cached.
        """
        questions = {question.version: question for video in videos for question in (WATCH, suppose(video.viral))}
        ids = [video.video_id for video in videos]
        self._kept.keep(questions.values())
        known, spent = self._kept.known(ids, questions.values()), self._spent(ids, questions)
        visits: dict[str, _Visit] = {}
        for video in videos:
            if self._is_wanted(video, known, spent[video.video_id]):
                visits.setdefault(video.video_id, _Visit([], known)).videos.append(video)
        problems: dict[Video, AnalysisProblem] = {}
        if visits or self._left_over():
            problems = self._watch_all(list(visits.values()), questions.values(), len(videos), on_progress)
            known, spent = self._kept.known(ids, questions.values()), self._spent(ids, questions)
        most, model = self._options.failures_for_backup, self._options.model
        rows = [row_of(video, model, known, spent[video.video_id], problems.get(video), most) for video in videos]
        return with_backup(videos, rows, spent, most, self._backup)

    def _is_wanted(self, video: Video, known: CachedAnswers, spent: Spent) -> bool:
        """Whether to send a prompt about a video: its response is not cached, and it has not failed too often."""
        if (video.video_id, WATCH.version) not in known:
            return spent.lasting < self._options.failures_for_backup
        supposed = (video.video_id, suppose(video.viral).version) in known
        return not supposed and spent.unsupposed < self._options.failures_for_backup

    def _watch_all(
        self, visits: list[_Visit], questions: Iterable[Question], total: int, on_progress: OnProgress | None
    ) -> dict[Video, AnalysisProblem]:
        """Analyses the videos, in as many threads as the settings allow; returns the problem of each failed video."""
        stop, problems = threading.Event(), dict[Video, AnalysisProblem]()
        done = total - sum(len(visit.videos) for visit in visits)
        with GeminiApi(self._key, self._options, self._patience, stop) as api:
            if visits:
                api.check_model()
            pool = ThreadPoolExecutor(self._options.concurrent, thread_name_prefix="reels")
            sizes = {pool.submit(self._watch, api, visit): len(visit.videos) for visit in visits}
            under_way = {visit.video.video_id for visit in visits}
            clearing = [pool.submit(self._clear, api, left) for left in self._left_over() if left not in under_way]
            try:
                for number, future in enumerate(as_completed(sizes), start=1):
                    problems |= future.result()
                    if number % _BATCH == 0:
                        self._kept.keep(questions)
                    done += sizes[future]
                    if on_progress is not None:
                        on_progress(done, total)
                for future in clearing:
                    future.result()
            finally:
                # Running calls are paid for, so they are awaited, whatever ends the work.
                stop.set()
                pool.shutdown(wait=True, cancel_futures=True)
                self._kept.keep(questions)
        return problems

    def _watch(self, api: GeminiApi, visit: _Visit) -> dict[Video, AnalysisProblem]:
        """Sends the prompts about one video that lack a response while holding its lock; returns problems by video."""
        folder = self._under_way / visit.video.video_id
        visit.was_sent = folder.exists()
        with folder_lock(folder, _ELSEWHERE):
            try:
                return self._ask_all(api, visit)
            finally:
                self._leave(api, folder, visit.was_sent)

    def _ask_all(self, api: GeminiApi, visit: _Visit) -> dict[Video, AnalysisProblem]:
        try:
            analysis = self._answer(visit, WATCH) or self._analysis(api, visit)
        except NotAnsweredError as error:
            return dict.fromkeys(visit.videos, error.problem)
        problems: dict[Video, AnalysisProblem] = {}
        for video in visit.videos:
            question = suppose(video.viral)
            try:
                if self._answer(visit, question) is None:
                    started = time.monotonic()
                    text = _content("user", f"{question.text}\n\n{analysis}")
                    self._ask(api, question, video.video_id, _Text([text], _most_tokens(analysis)), started)
            except NotAnsweredError as error:
                problems[video] = error.problem
        return problems

    def _answer(self, visit: _Visit, question: Question) -> str | None:
        """Returns the cached response to a prompt, even if another process has just cached it; None if none is."""
        known = visit.known.get((visit.video.video_id, question.version))
        return known.answer if known else self._kept.came_since(visit.video.video_id, question)

    def _analysis(self, api: GeminiApi, visit: _Visit) -> str:
        """Uploads the video and returns the response to the first prompt (what is seen and heard), as JSON."""
        from google.genai import types

        video, started = visit.video, time.monotonic()
        tokens = _video_tokens(video)
        # Reserved during the upload: else more videos are uploaded than the budget covers.
        if not self._ledger.hold(video.video_id, tokens + _question_tokens(WATCH), self._options.max_answer_tokens):
            raise self._over_budget()
        try:
            file = self._ready(api, visit)
            seen = types.Part.from_uri(file_uri=file.uri or "", mime_type=file.mime_type or "video/mp4")
            asked = types.Content(role="user", parts=[seen, types.Part(text=WATCH.text)])
            return self._ask(api, WATCH, video.video_id, _Text([asked], tokens, video.duration), started)
        finally:
            self._ledger.release(video.video_id)

    def _ready(self, api: GeminiApi, visit: _Visit) -> "types.File":
        """Uploads the video unless Gemini has it, and returns it once Gemini can process it."""
        try:
            return api.ready(visit.video, visit.note_sent)
        except (UnreadableVideoError, GaveUpError) as error:
            status = UNREADABLE_CALL if isinstance(error, UnreadableVideoError) else FAILED
            self._ledger.note(self._about(visit.video.video_id, "upload", WATCH), status, str(error))
            raise NotAnsweredError(FAILED, str(error)) from error

    def _ask(self, api: GeminiApi, question: Question, video_id: str, text: _Text, started: float) -> str:
        """Returns the response to a prompt as JSON; requests it once more if it is malformed or not in English."""
        answer = self._call(api, question, question.kind, video_id, text, started)
        if answer.mendable:
            more = [_content("model", answer.text or "{}"), _content("user", mend(answer.reason or ""))]
            tokens = text.tokens + _most_tokens(answer.text) + _most_tokens(mend(answer.reason or ""))
            again = _Text([*text.contents, *more], tokens, text.length)
            try:
                mended = self._call(api, question, f"{question.kind}_repair", video_id, again, started)
            except NotAnsweredError:
                mended = answer
            answer = mended if mended.said is not None or answer.said is None else answer
        if answer.said is None:
            raise NotAnsweredError(answer.status, answer.reason or "no reason given")
        return answer.said.model_dump_json()

    def _call(
        self, api: GeminiApi, question: Question, kind: str, video_id: str, text: _Text, started: float
    ) -> ModelResponse:
        """Sends a prompt and returns the response, even if unusable; each attempt is recorded in the ledger first."""
        about = self._about(video_id, kind, question)
        prompt_tokens, answer_tokens = text.tokens + _question_tokens(question), self._options.max_answer_tokens

        def once() -> ModelResponse:
            api.go_on()
            number = self._ledger.reserve(about, prompt_tokens, answer_tokens)
            if number is None:
                raise self._over_budget()
            begun = time.monotonic()
            try:
                response = api.generate(text.contents, question.form)
            except BaseException as error:
                self._write_failure(api, number, error, time.monotonic() - begun)
                raise
            answer, usage = parse_response(response, question.form, text.length), response.usage_metadata
            self._ledger.settle(
                number,
                answer.status,
                prompt_tokens=usage.prompt_token_count or 0 if usage else prompt_tokens,
                answer_tokens=_answered(usage) if usage else answer_tokens,
                seconds=time.monotonic() - started,
                reason=answer.told,
                answer=answer.said.model_dump_json() if answer.said else None,
            )
            return answer

        try:
            return api.retried(once)
        except GaveUpError as error:
            raise NotAnsweredError(FAILED, str(error)) from error

    def _write_failure(self, api: GeminiApi, number: int, error: BaseException, seconds: float) -> None:
        problem = api.problem_of(error)
        if problem is not None and problem.uncharged:
            self._ledger.settle(number, FAILED, seconds=seconds, reason=problem.reason)
        else:
            self._ledger.leave_unanswered(number, problem.reason if problem else type(error).__name__, seconds)

    def _leave(self, api: GeminiApi, folder: Path, sent: bool) -> None:
        """Deletes a video (if it was `sent`) from Gemini, then its marker folder, which is kept if that fails."""
        try:
            if sent:
                api.delete(folder.name)
            os.rmdir(folder)
        except (GaveUpError, AnalyserRefusedError, StoppedError) as error:
            logger.warning("%s: the video is still at Gemini, which keeps it for two days (%s)", folder.name, error)

    def _clear(self, api: GeminiApi, video_id: str) -> None:
        """Deletes from Gemini a video that a killed run uploaded and that this run need not analyse."""
        folder = self._under_way / video_id
        with suppress(FileNotFoundError), feature_files.try_folder_lock(UPath(folder)) as alone:
            # Else another process is analysing it, and deletes it itself.
            if alone and folder.exists():
                self._leave(api, folder, True)

    def _left_over(self) -> list[str]:
        """Returns the videos that have a marker: in analysis by another process, or left over by a killed one."""
        with suppress(FileNotFoundError):
            return sorted(name for name in os.listdir(self._under_way) if _VIDEO_ID.fullmatch(name))
        return []

    def _spent(self, video_ids: Sequence[str], versions: Iterable[str]) -> dict[str, Spent]:
        return self._ledger.spent(video_ids, self._options.model, list(versions))

    def _about(self, video_id: str, kind: str, question: Question) -> CallSubject:
        return CallSubject(video_id, kind, self._options.model, question.version)

    def _over_budget(self) -> NotAnsweredError:
        most = self._options.max_usd_per_day
        return NotAnsweredError(
            OVER_BUDGET, f"the call could pass {most:g} USD a day (INSTAGRAM_ASSETS_GEMINI__MAX_USD_PER_DAY)"
        )


def _content(role: str, text: str) -> "types.Content":
    from google.genai import types

    return types.Content(role=role, parts=[types.Part(text=text)])


def _most_tokens(text: str) -> int:
    """Returns an upper bound of a text's number of tokens: its length in UTF-8 bytes, since no token is shorter."""
    return len(text.encode())


def _question_tokens(question: Question) -> int:
    return _most_tokens(question.text) + _most_tokens(json.dumps(question.form.model_json_schema()))


def _video_tokens(video: Video) -> int:
    """Returns the maximum number of tokens of a video; an unknown duration is bounded from the file size."""
    seconds = video.duration or os.path.getsize(video.path) / _LEAST_BYTES_PER_SECOND
    return math.ceil(seconds + 1) * _TOKENS_PER_SECOND


def _answered(usage: "types.GenerateContentResponseUsageMetadata") -> int:
    return (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0)
