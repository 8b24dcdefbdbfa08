"""Client for Gemini's API on top of google-genai: uploads, prompts, retries, and classification of errors.

Written against google-genai 3.6. Its own retries wait a fixed time with a little jitter and ignore Retry-After, so they
stay off; here each wait is random between zero and an exponentially growing limit (full jitter):
https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
"""

import hashlib
import hmac
import json
import mimetypes
import random
import re
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self, TypeVar

from pydantic import BaseModel

from instagram_assets.errors import AnalyserRefusedError, InstagramAssetsError
from instagram_assets.reels.analysis_schema import Video
from instagram_assets.settings import GeminiSettings

if TYPE_CHECKING:
    from google.genai import types

T = TypeVar("T")

_LONGEST_LOOK = 5.0
_LATER_LOOK = 1.2
"""The factor between two waits for a video's processing: its end is noticed at most a fifth later."""
_BUSY = (408, 429)
_REASON_LENGTH = 200
_OTHER_MODEL = "Set INSTAGRAM_ASSETS_GEMINI__MODEL to one of https://ai.google.dev/gemini-api/docs/models"
_OTHER_ADDRESS = "INSTAGRAM_ASSETS_GEMINI__API_URL to where Gemini is"
_CHECK_SECONDS = 15.0
"""Timeout of the request for the model's description, which only serves to report an error earlier."""
# Exceptions of the client for responses that do not come from Gemini.
_OTHER_FORMS = (ValueError, LookupError, TypeError, AttributeError)


class GaveUpError(Exception):
    """Raised when a request failed after all retries; the message is the reason."""


class UnreadableVideoError(Exception):
    """Raised if Gemini has received the video but cannot read it."""


class StoppedError(Exception):
    """Raised instead of sending a request once the run has been told to stop."""


class GeminiRetries(NamedTuple):
    """Retry settings: the maximum number of attempts, and the first and the longest wait in seconds."""

    attempts: int = 6
    first_wait: float = 1.0
    max_wait: float = 60.0


class ApiProblem(NamedTuple):
    """A classified error of a request.

    `passing`: the error is transient. `uncharged`: the request surely cost nothing. `refused`: Gemini rejects the key
    or the model. `retry_after` is the time to wait in seconds, if Gemini gave one.
    """

    reason: str
    passing: bool = False
    retry_after: float | None = None
    uncharged: bool = True
    refused: bool = False


class GeminiApi:
    """A client of Gemini's API, usable from several threads. The key is only sent in a header, never in messages."""

    def __init__(self, key: str, options: GeminiSettings, patience: GeminiRetries, stop: threading.Event) -> None:
        import httpx2
        from google import genai
        from google.genai import types

        self._key, self._options, self._patience, self._stop = key, options, patience, stop
        limits = httpx2.Limits(max_connections=options.concurrent + 8, max_keepalive_connections=options.concurrent)
        self._client = genai.Client(
            vertexai=False,
            api_key=key,
            http_options=types.HttpOptions(
                base_url=options.api_url, timeout=round(options.timeout * 1000), client_args={"limits": limits}
            ),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def check_model(self) -> None:
        """Requests the model's metadata, which is free, so that a wrong name or key is reported before any upload.

        Raises AnalyserRefusedError. Transient errors are ignored here: later calls handle them.
        """
        from google.genai import types

        wait = types.HttpOptions(timeout=round(1000 * min(_CHECK_SECONDS, self._options.timeout)))
        try:
            model = self._client.models.get(model=self._options.model, config=types.GetModelConfig(http_options=wait))
        except Exception as error:
            problem = self.problem_of(error)
            if problem is None:
                raise
            if problem.refused:
                raise AnalyserRefusedError(problem.reason) from error
            return
        if model.supported_actions and "generateContent" not in model.supported_actions:
            raise AnalyserRefusedError(f"Gemini's model {self._options.model} answers no questions. {_OTHER_MODEL}.")

    def ready(self, video: Video, on_sent: Callable[[], object]) -> "types.File":
        """Uploads a video unless Gemini has it already; returns it once Gemini has processed it.

        `on_sent` is called before the upload.

        The video's name at Gemini is derived from its bytes and the API key, so that the upload of a killed run is
        found again. Raises UnreadableVideoError, GaveUpError, StoppedError, AnalyserRefusedError.
        """
        name = self._name(video.video_id)

        def found_or_sent() -> "types.File":
            file = self._find(name)
            on_sent()
            return file or self._send(video.path, name)

        file = self.retried(found_or_sent)
        until, look = time.monotonic() + 60 * self._options.processing_minutes, self._patience.first_wait / 4
        while _state(file) == "PROCESSING":
            if time.monotonic() > until:
                raise GaveUpError(f"Gemini did not make the video readable in {self._options.processing_minutes:g} min")
            self._wait(look)
            look = min(_LONGEST_LOOK, _LATER_LOOK * look)
            file = self.retried(lambda: self._client.files.get(name=name))
        if _state(file) != "ACTIVE":
            said = file.error.message if file.error else ""
            raise UnreadableVideoError(self._clean(f"Gemini cannot read the video ({said or _state(file)})"))
        return file

    def delete(self, video_id: str) -> None:
        """Deletes a video from Gemini, if Gemini has it."""
        name = self._name(video_id)
        self.retried(lambda: self._unless_missing(lambda: self._client.files.delete(name=name)))

    def go_on(self) -> None:
        """Raises StoppedError if the run was told to stop: running requests are finished, no new ones are sent."""
        self._wait(0)

    def generate(self, contents: "Sequence[types.Content]", form: type[BaseModel]) -> "types.GenerateContentResponse":
        """Returns one response in the JSON schema of `form`, without retries; raises google-genai's exceptions."""
        from google.genai import types

        config = types.GenerateContentConfig(
            response_mime_type="application/json",
            response_schema=form,
            temperature=0,
            max_output_tokens=self._options.max_answer_tokens,
        )
        return self._client.models.generate_content(model=self._options.model, contents=list(contents), config=config)

    def retried(self, call: Callable[[], T]) -> T:
        """Returns the result of `call`, retried after transient errors.

        Raises GaveUpError, StoppedError, and AnalyserRefusedError for errors that would affect every other video, too.
        """
        for attempt in range(self._patience.attempts):
            try:
                return call()
            except Exception as error:
                problem = self.problem_of(error)
                if problem is None:
                    raise
                if problem.refused:
                    raise AnalyserRefusedError(problem.reason) from error
                last = attempt + 1 == self._patience.attempts
                if not problem.passing or last or (problem.retry_after or 0) > self._patience.max_wait:
                    raise GaveUpError(problem.reason) from error
                limit = min(self._patience.max_wait, self._patience.first_wait * 2**attempt)
                self._wait((problem.retry_after or 0) + random.uniform(0, limit))
        raise AssertionError("there is at least one attempt")

    def problem_of(self, error: BaseException) -> ApiProblem | None:
        """Returns the classification of a request's error; None if neither the network nor Gemini caused it."""
        import httpx2
        from google.genai import errors

        if isinstance(error, errors.APIError):
            return self._refusal(error)
        if isinstance(error, httpx2.HTTPError):
            never_sent = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
            reason = self._clean(f"no answer from {self._options.api_url} ({type(error).__name__})")
            return ApiProblem(reason, passing=True, uncharged=isinstance(error, never_sent))
        if isinstance(error, OSError):
            return ApiProblem(f"the video cannot be read from its file ({error.strerror or type(error).__name__})")
        ours = (GaveUpError, UnreadableVideoError, StoppedError, InstagramAssetsError)
        if isinstance(error, _OTHER_FORMS) and not isinstance(error, ours):
            return ApiProblem(
                f"an answer that is none of Gemini's ({type(error).__name__})", passing=True, uncharged=False
            )
        return None

    def _refusal(self, error: Any) -> ApiProblem:
        """Returns the classification of an API error: https://ai.google.dev/gemini-api/docs/troubleshooting."""
        told = self._clean(f"{error.code} {error.status or ''}: {error.message or 'no reason given'}").rstrip(".")
        if error.code >= 500 or error.code in _BUSY:
            return ApiProblem(told, passing=True, retry_after=_retry_after(error))
        where = f"Set {self._options.key_variable} to a key from https://aistudio.google.com/apikey"
        if "API_KEY" in json.dumps(error.details) or error.code in (401, 402):
            return ApiProblem(f"Gemini refuses the key: {told}. {where}.", refused=True)
        if error.code == 403 and not _is_missing(error):
            return ApiProblem(
                f"Gemini does not allow it: {told}. Look after the key's project, or: {where}.", refused=True
            )
        if error.code == 404 and "models/" in str(error.response and error.response.url):
            other_address = self._options.api_url != GeminiSettings().api_url
            remedy = _OTHER_MODEL + (f", or {_OTHER_ADDRESS}" if other_address else "")
            return ApiProblem(f"Gemini has no model {self._options.model}: {told}. {remedy}.", refused=True)
        return ApiProblem(told)

    def _find(self, name: str) -> "types.File | None":
        return self._unless_missing(lambda: self._client.files.get(name=name))

    def _send(self, path: Path, name: str) -> "types.File":
        from google.genai import types

        mime_type = mimetypes.guess_type(path.name)[0] or "video/mp4"
        return self._client.files.upload(file=path, config=types.UploadFileConfig(name=name, mime_type=mime_type))

    def _unless_missing(self, call: Callable[[], T]) -> T | None:
        from google.genai import errors

        try:
            return call()
        except errors.ClientError as error:
            if _is_missing(error):
                return None
            raise

    def _name(self, video_id: str) -> str:
        """Returns a video's file name at Gemini; the API key goes into it, as all Gemini users share one namespace."""
        return f"files/{hmac.new(self._key.encode(), video_id.encode(), hashlib.sha256).hexdigest()[:40]}"

    def _wait(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise StoppedError("the work was told to end")

    def _clean(self, text: str) -> str:
        """Returns an error message as it is stored in a table: in one line, truncated, and without the API key."""
        return re.sub(r"\s+", " ", text.replace(self._key, "…")).strip()[:_REASON_LENGTH]


def _state(file: "types.File") -> str:
    return file.state.value if file.state else "ACTIVE"


def _is_missing(error: Any) -> bool:
    """Whether an error means that the file is missing, for which Google also responds "forbidden"."""
    return error.code == 404 or (error.code == 403 and "may not exist" in (error.message or ""))


def _retry_after(error: Any) -> float | None:
    """Returns the seconds of Retry-After, from the header or from Google's error details; None if there are none."""
    headers = getattr(error.response, "headers", None) or {}
    if told := headers.get("retry-after"):
        try:
            return max(0.0, float(told))
        except ValueError:
            pass
        try:
            return max(0.0, (parsedate_to_datetime(told) - datetime.now(UTC)).total_seconds())
        except (ValueError, TypeError):
            return None
    delay = re.search(r'"retryDelay": "(\d+(?:\.\d+)?)s"', json.dumps(error.details))
    return float(delay[1]) if delay else None
