"""The demo's stand-in of Gemini, with what goes wrong there: refusals, lost answers, and answers that are none.

with FaultyGemini() as gemini:
    gemini.failures.append(Failure(GENERATE, OVERLOADED, times=2))
    gemini.failures.append(Failure(GENERATE, said(BLOCKED), video=sha256))
"""

from collections.abc import Callable
from dataclasses import dataclass

from instagram_assets.demo.gemini_server import GeminiAnswer, GeminiRequest, GeminiServer, StoredFile, google_error
from instagram_assets.demo.json_server import JsonReply

MODEL, START, PART, LOOK, DELETE, GENERATE = "model", "start", "part", "look", "delete", "generate"
"""The kinds of requests that a client makes."""

CUT = JsonReply(0)
"""No answer: the connection ends."""
OVERLOADED = google_error(503, "UNAVAILABLE", "The model is overloaded. Please try again later.")
EXHAUSTED = google_error(429, "RESOURCE_EXHAUSTED", "You exceeded your current quota.")

BLOCKED = GeminiAnswer(blocked="PROHIBITED_CONTENT", answer_tokens=0)
"""The prompt is refused: no candidate at all."""
STOPPED = GeminiAnswer(parts=[], finish="SAFETY", answer_tokens=0)
"""The answer is refused: a candidate without content."""
TRUNCATED = GeminiAnswer('{"speaker": "a young', finish="MAX_TOKENS")
THOUGHTS = GeminiAnswer(parts=[{"text": "Let me see.", "thought": True}], answer_tokens=0, thought_tokens=40)
EMPTY = GeminiAnswer(candidates=False, answer_tokens=0)
MALFORMED = GeminiAnswer('{"speaker": "nobody", "tone": ')


@dataclass
class Failure:
    """What is answered to the next `times` requests of a kind, where named of one video or with one word in the text.

    With a Reply and `handled`, the request is done all the same, and only its answer is lost. An Answer is charged.
    `rewrite` changes the text that would have been answered.
    """

    kind: str
    reply: JsonReply | GeminiAnswer | None = None
    times: int = 1
    handled: bool = False
    video: str = ""
    says: str = ""
    rewrite: Callable[[str], str] | None = None


class FaultyGemini(GeminiServer):
    """As `GeminiServer`, with failures; `before` and `after` are called with the kind of each request.

    What `before` gives is answered in the place of doing what was asked.
    """

    def __init__(self, key: str = "gemini_test", *, latency: float = 0.0, looks: int = 1) -> None:
        super().__init__(key, latency=latency, looks=looks)
        self.failures: list[Failure] = []
        self.unreadable: set[str] = set()
        self.before: Callable[[str], JsonReply | None] = _nothing
        self.after: Callable[[str], object] = _nothing

    def answer(self, asked: GeminiRequest, content: bytes = b"") -> JsonReply:
        kind = kind_of(asked)
        if instead := self.before(kind):
            return instead
        failure = None if kind == GENERATE else self._next(kind)
        if failure and isinstance(failure.reply, JsonReply):
            if failure.handled:
                super().answer(asked, content)
            # Without it the client itself waits for seconds, three times.
            ended = {"x-goog-upload-status": "final"} if kind == PART else {}
            return failure.reply._replace(headers={**failure.reply.headers, **ended})
        reply = super().answer(asked, content)
        if kind == PART:
            self._mark_unreadable()
        self.after(kind)
        return reply

    def charged(self, asked: GeminiRequest, model: str, video: StoredFile | None, answer: GeminiAnswer) -> JsonReply:
        failure = self._next(GENERATE, video.sha256 if video else "", asked.body.decode())
        if failure is None:
            return super().charged(asked, model, video, answer)
        if isinstance(failure.reply, JsonReply):
            if failure.handled:
                super().charged(asked, model, video, answer)
            return failure.reply
        if failure.rewrite:
            answer.text = failure.rewrite(answer.text)
        return super().charged(asked, model, video, failure.reply or answer)

    def count(self, kind: str) -> int:
        """How often such a request came."""
        return sum(kind_of(asked) == kind for asked in self.requests)

    def _next(self, kind: str, video: str = "", text: str = "") -> Failure | None:
        for failure in self.failures:
            fits = failure.kind == kind and failure.video in ("", video) and failure.says in text
            if failure.times and fits:
                failure.times -= 1
                return failure
        return None

    def _mark_unreadable(self) -> None:
        for stored in self.files.values():
            if stored.sha256 in self.unreadable:
                stored.state = "FAILED"


def kind_of(asked: GeminiRequest) -> str:
    """Which kind of request it is."""
    if asked.path.startswith("/upload/session/"):
        return PART
    if asked.path.startswith("/upload/"):
        return START
    if asked.method == "DELETE":
        return DELETE
    if asked.method == "GET" and "/models/" in asked.path:
        return MODEL
    return GENERATE if asked.path.endswith(":generateContent") else LOOK


def _nothing(kind: str) -> None:
    return None
