"""A local fake of Google's Gemini API: video uploads, responses that match the requested schema, and a record of calls.

    with GeminiServer() as gemini:
        ... api_url=gemini.url, key=gemini.key ...
        assert len(gemini.uploads) == 1

It implements what google-genai 3.6 requests, as `/v1` and as `/v1beta`. https://ai.google.dev/api
"""

import hashlib
import json
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from instagram_assets.demo.gemini_responses import response_for, tokens_of_text, tokens_of_video
from instagram_assets.demo.json_server import JsonReply, JsonRequest, JsonServer

_JsonObject = dict[str, Any]

_USD_PER_PROMPT_TOKEN, _USD_PER_ANSWER_TOKEN = 0.30e-6, 2.50e-6
_PUBLIC = "https://generativelanguage.googleapis.com/v1beta/"


@dataclass
class StoredFile:
    """An uploaded file; `looks` is the number of remaining polls that are answered with PROCESSING."""

    name: str
    display_name: str
    mime_type: str
    content: bytes
    looks: int
    state: str
    received: bool = False

    @property
    def sha256(self) -> str:
        """Return the SHA-256 of the file's content, in hexadecimal digits."""
        return hashlib.sha256(self.content).hexdigest()


class GeminiUpload(NamedTuple):
    """A completed upload: name and SHA-256 of the file."""

    name: str
    sha256: str


class GeminiCall(NamedTuple):
    """A billed model call: model, prompt text, SHA-256 of the video (empty without one), and token counts."""

    model: str
    text: str
    video: str
    prompt_tokens: int
    answer_tokens: int


class GeminiRequest(NamedTuple):
    """An HTTP request to the fake API, as received; `body` is empty for an upload chunk."""

    method: str
    path: str
    query: Mapping[str, str]
    body: bytes
    headers: Mapping[str, str]

    @property
    def json(self) -> _JsonObject:
        """Return the request body parsed as JSON."""
        return json.loads(self.body or b"{}")


@dataclass
class GeminiAnswer:
    """The response of a model call: the candidate of `generateContent`, if any, and the billed tokens."""

    text: str = ""
    parts: list[_JsonObject] | None = None
    finish: str = "STOP"
    blocked: str = ""
    candidates: bool = True
    answer_tokens: int | None = None
    thought_tokens: int = 0
    more: _JsonObject = field(default_factory=dict[str, Any])


class GeminiServer(JsonServer):
    """Context manager: serves the fake API until its exit; `requests` lists the received requests in order.

    `latency` is the response time of a model call in seconds, `looks` the number of polls that report a new file as
    PROCESSING.
    """

    def __init__(self, key: str = "gemini_demo", *, latency: float = 0.0, looks: int = 1) -> None:
        super().__init__()
        self.key, self.latency, self.looks = key, latency, looks
        self.files: dict[str, StoredFile] = {}
        self.uploads: list[GeminiUpload] = []
        self.calls: list[GeminiCall] = []
        self.requests: list[GeminiRequest] = []
        self._sessions: dict[str, StoredFile] = {}
        self._lock = threading.Lock()

    @property
    def charged_usd(self) -> float:
        """Return the cost of all calls, in USD."""
        return sum(
            call.prompt_tokens * _USD_PER_PROMPT_TOKEN + call.answer_tokens * _USD_PER_ANSWER_TOKEN
            for call in self.calls
        )

    def respond(self, request: JsonRequest) -> JsonReply:
        """Record a request and return the response; the bytes of an upload chunk are passed on separately."""
        is_part = request.path.startswith("/upload/session/")
        body = b"" if is_part else request.body
        asked = GeminiRequest(request.method, request.path, request.query, body, request.headers)
        return self.received(asked, request.body if is_part else b"")

    def received(self, asked: GeminiRequest, content: bytes) -> JsonReply:
        """Record a request and return its response; one request at a time.

        Only the simulated latency of model calls elapses in parallel.
        """
        if asked.path.endswith(":generateContent") and self.latency:
            time.sleep(self.latency)
        with self._lock:
            self.requests.append(asked)
            return self.answer(asked, content)

    def answer(self, asked: GeminiRequest, content: bytes = b"") -> JsonReply:
        """Check the API key and dispatch a request to its route; `content` are the bytes of an upload chunk."""
        if asked.headers.get("x-goog-api-key") != self.key and not asked.path.startswith("/upload/session/"):
            details = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}]
            return google_error(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", details)
        for method, pattern, reply in self._ROUTES:
            if method == asked.method and (found := re.fullmatch(pattern, asked.path)):
                return reply(self, asked, content, *found.groups())
        return google_error(404, "NOT_FOUND", "Requested entity was not found.")

    def answer_of(self, asked: GeminiRequest, video: StoredFile | None) -> GeminiAnswer:
        """Return the fake model's response to a call, optionally about an uploaded video."""
        options = _named(asked.json, "generationConfig") or {}
        schema = _named(options, "responseSchema") or _named(options, "responseJsonSchema")
        seed = (video.sha256 if video else "") + hashlib.sha256(_text_of(asked.json).encode()).hexdigest()
        if not schema:
            return GeminiAnswer("It is a video.")
        return GeminiAnswer(json.dumps(response_for(schema, seed, video.content if video else b""), ensure_ascii=False))

    def _start(self, asked: GeminiRequest, content: bytes) -> JsonReply:
        wanted = asked.json.get("file", {})
        name = wanted.get("name") or f"files/file{len(self._sessions):04}"
        if not re.fullmatch(r"files/[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?", name):
            return google_error(400, "INVALID_ARGUMENT", f"Invalid file name {name}")
        if name in self.files:
            return google_error(409, "ALREADY_EXISTS", f"The File {name} already exists.")
        session = str(len(self._sessions))
        mime_type = _named(wanted, "mimeType") or "application/octet-stream"
        stored = StoredFile(name, _named(wanted, "displayName") or "", mime_type, b"", self.looks, "ACTIVE")
        self._sessions[session] = stored
        address = f"{self.url}/upload/session/{session}?upload_id={session}"
        return JsonReply(200, {}, {"x-goog-upload-url": address, "x-goog-upload-status": "active"})

    def _part(self, asked: GeminiRequest, content: bytes, session: str) -> JsonReply:
        stored = self._sessions.get(session)
        if stored is None or int(asked.headers.get("x-goog-upload-offset", 0)) != len(stored.content):
            return google_error(400, "INVALID_ARGUMENT", "Upload has already been terminated.")
        stored.content += content
        if "finalize" not in asked.headers.get("x-goog-upload-command", ""):
            return JsonReply(200, {}, {"x-goog-upload-status": "active"})
        if stored.name in self.files:
            return google_error(409, "ALREADY_EXISTS", f"The File {stored.name} already exists.")
        self.files[stored.name] = stored
        self.uploads.append(GeminiUpload(stored.name, stored.sha256))
        return JsonReply(200, {"file": _as_json(stored)}, {"x-goog-upload-status": "final"})

    def _look(self, asked: GeminiRequest, content: bytes, name: str) -> JsonReply:
        stored = self.files.get(name)
        if stored is None:
            return _no_file(name)
        reply = JsonReply(200, _as_json(stored))
        stored.looks = max(0, stored.looks - 1)
        return reply

    def _list(self, asked: GeminiRequest, content: bytes) -> JsonReply:
        return JsonReply(200, {"files": [_as_json(stored) for stored in self.files.values()]})

    def _delete(self, asked: GeminiRequest, content: bytes, name: str) -> JsonReply:
        return JsonReply(200, {}) if self.files.pop(name, None) else _no_file(name)

    def _model(self, asked: GeminiRequest, content: bytes, name: str) -> JsonReply:
        if not name.startswith("gemini-"):
            return google_error(404, "NOT_FOUND", f"models/{name} is not found for API version v1beta.")
        return JsonReply(200, {"name": f"models/{name}", "supportedGenerationMethods": ["generateContent"]})

    def _generate(self, asked: GeminiRequest, content: bytes, model: str) -> JsonReply:
        video = None
        for part in _parts(asked.json):
            if file := _named(part, "fileData"):
                name = "files/" + _named(file, "fileUri").rpartition("files/")[2]
                video = self.files.get(name)
                if video is None:
                    return _no_file(name)
                if video.looks or video.state != "ACTIVE":
                    said = f"The File {name} is not in an ACTIVE state and usage is not allowed."
                    return google_error(400, "FAILED_PRECONDITION", said)
        return self.charged(asked, model, video, self.answer_of(asked, video))

    def charged(self, asked: GeminiRequest, model: str, video: StoredFile | None, answer: GeminiAnswer) -> JsonReply:
        """Record a call as billed, and return its response in the API's format."""
        prompt_tokens = tokens_of_text(json.dumps(_contents(asked.json))) + tokens_of_text(
            json.dumps(_named(asked.json, "generationConfig"))
        )
        prompt_tokens += tokens_of_video(video.content) if video else 0
        candidate_tokens = tokens_of_text(answer.text) if answer.answer_tokens is None else answer.answer_tokens
        sha256 = video.sha256 if video else ""
        self.calls.append(
            GeminiCall(model, _text_of(asked.json), sha256, prompt_tokens, candidate_tokens + answer.thought_tokens)
        )
        usage: _JsonObject = {"promptTokenCount": prompt_tokens, "candidatesTokenCount": candidate_tokens}
        usage |= {"thoughtsTokenCount": answer.thought_tokens} if answer.thought_tokens else {}
        usage["totalTokenCount"] = sum(usage.values())
        body: _JsonObject = {
            "usageMetadata": usage,
            "modelVersion": model,
            "responseId": f"response{len(self.calls):05}",
        }
        if answer.blocked:
            body["promptFeedback"] = {"blockReason": answer.blocked}
        elif answer.candidates:
            parts = [{"text": answer.text}] if answer.parts is None else answer.parts
            content = {"content": {"parts": parts, "role": "model"}} if parts else {}
            body["candidates"] = [{**content, "finishReason": answer.finish, "index": 0}]
        return JsonReply(200, {**body, **answer.more})

    _ROUTES: tuple[tuple[str, str, Callable[..., JsonReply]], ...] = (
        ("POST", r"/upload/v1(?:beta)?/files", _start),
        ("POST", r"/upload/session/(\d+)", _part),
        ("GET", r"/v1(?:beta)?/files", _list),
        ("GET", r"/v1(?:beta)?/(files/[^/]+)", _look),
        ("DELETE", r"/v1(?:beta)?/(files/[^/]+)", _delete),
        ("GET", r"/v1(?:beta)?/models/([^/]+)", _model),
        ("POST", r"/v1(?:beta)?/models/([^/]+):generateContent", _generate),
    )


def google_error(
    code: int, status: str, message: str, details: object = (), headers: Mapping[str, str] | None = None
) -> JsonReply:
    """Return an error response in the format of Google's APIs."""
    error = {"code": code, "message": message, "status": status, **({"details": details} if details else {})}
    return JsonReply(code, {"error": error}, headers or {})


def _as_json(stored: StoredFile) -> _JsonObject:
    return {
        "name": stored.name,
        "displayName": stored.display_name,
        "mimeType": stored.mime_type,
        "sizeBytes": str(len(stored.content)),
        "state": "PROCESSING" if stored.looks else stored.state,
        "uri": _PUBLIC + stored.name,
        **({"error": {"code": 3, "message": "The video cannot be read."}} if stored.state == "FAILED" else {}),
    }


def _no_file(name: str) -> JsonReply:
    said = f"You do not have permission to access the File {name.removeprefix('files/')} or it may not exist."
    return google_error(403, "PERMISSION_DENIED", said)


def _named(data: _JsonObject, name: str) -> Any:
    """Return the field `name` of a JSON object, also if it is written in snake_case; None if missing.

    Protobuf's JSON format accepts both spellings.
    """
    return data.get(name, data.get(re.sub("[A-Z]", lambda letter: "_" + letter[0].lower(), name)))


def _contents(body: _JsonObject) -> list[_JsonObject]:
    contents = body.get("contents", [])
    return contents if isinstance(contents, list) else [contents]


def _parts(body: _JsonObject) -> list[_JsonObject]:
    return [part for content in _contents(body) for part in content.get("parts", [])]


def _text_of(body: _JsonObject) -> str:
    return "\n".join(part["text"] for part in _parts(body) if "text" in part)
