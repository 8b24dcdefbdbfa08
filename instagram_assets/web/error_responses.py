"""Error responses of the web app: JSON `{detail, error}` for programs, an HTML page for browsers."""

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from instagram_assets import errors
from instagram_assets.web.authentication import CSRF_HEADER
from instagram_assets.web.dagster_queries import DagsterDownError, DagsterRefusedError
from instagram_assets.web.rendering import render, words_of
from instagram_assets.web.uploads import NotTakenError, TooLargeError
from instagram_assets.web.words import Words, words_in

# The first match counts; any other error of this package is an invalid request.
_STATUSES: tuple[tuple[type[errors.InstagramAssetsError], int], ...] = (
    (errors.NotFoundError, 404),
    (errors.ConflictError, 409),
    (errors.BusyError, 409),
    (errors.BusyFileError, 409),
    (NotTakenError, 415),
    (TooLargeError, 413),
    (errors.DiskFullError, 507),
    (DagsterDownError, 503),
    (DagsterRefusedError, 502),
    (errors.RateLimitedError, 429),
    (errors.BudgetSpentError, 429),
    (errors.BreakerOpenError, 429),
    # Something on the server prevents it (a file or a setting): another request would not help.
    (errors.SettingsError, 409),
    (errors.StorageError, 409),
    (errors.ModelError, 409),
)
_UNPROCESSABLE = 422


class Problem(BaseModel):
    """An error response: why a request failed."""

    detail: str = Field(description="What is wrong and what to do, for people")
    error: str = Field(description="The kind, for programs", examples=["not_found", "conflict", "dagster_down"])


RESPONSES: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": Problem, "description": "It cannot be done as it was asked, or as things are"},
    502: {"model": Problem, "description": "Dagster refuses it"},
    503: {"model": Problem, "description": "Dagster does not answer"},
    507: {"model": Problem, "description": "The disk is full"},
}
"""Error responses that every route of the API can return."""


def add_error_handlers(app: FastAPI) -> None:
    """Register handlers for this package's errors, FastAPI's validation and routing errors, and all others."""
    app.add_exception_handler(errors.InstagramAssetsError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _of_http)
    app.add_exception_handler(Exception, _unexpected)


def error_response(
    request: Request, status: int, error: str, detail: str = "", headers: Mapping[str, str] | None = None
) -> Response:
    """Returns an error response, JSON or HTML; without `detail` the message is the translation `errors.{error}`."""
    words = reader_words(request)
    text = _in_words(words, error, detail)
    if is_for_programs(request):
        content = Problem(detail=_printable(text), error=error).model_dump()
        return JSONResponse(content, status, headers)
    title = words.known(f"errors.title_{status}", otherwise=words("errors.title"))
    page = render(request, "problem.html", status, page="", title=title, detail=text, number=status)
    page.headers.update(headers or {})
    return page


def is_for_programs(request: Request) -> bool:
    """Whether a request gets JSON responses: paths of the REST API and the OpenAPI document."""
    return request.url.path.startswith("/api/") or request.url.path == "/openapi.json"


def reader_words(request: Request) -> Words:
    """Returns the translations for error messages: English for programs, the reader's language for pages.

    A request of our own pages to the REST API is recognised by its CSRF header.
    """
    is_program = is_for_programs(request) and CSRF_HEADER not in request.headers
    return words_in("en") if is_program else words_of(request)


def error_status(error: errors.InstagramAssetsError) -> int:
    """Returns the HTTP status for an error of this package."""
    return next((status for kind, status in _STATUSES if isinstance(error, kind)), _UNPROCESSABLE)


def error_name(error: Exception) -> str:
    """Returns an error's identifier for programs, such as `not_found` for NotFoundError."""
    name = type(error).__name__.removesuffix("Error")
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


async def _ours(request: Request, error: Exception) -> Response:
    assert isinstance(error, errors.InstagramAssetsError)
    return error_response(request, error_status(error), error_name(error), str(error))


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return error_response(
        request, _UNPROCESSABLE, "invalid", " ".join(_told(request, fault) for fault in error.errors()[:10])
    )


async def _of_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    name = HTTPStatus(error.status_code).phrase.lower().replace(" ", "_").replace("-", "_")
    detail = "" if f"errors.{name}" in words_in("en").texts else str(error.detail)
    return error_response(request, error.status_code, name, detail, error.headers)


async def _unexpected(request: Request, _: Exception) -> Response:
    """Returns an error response without details, which are only in the server's log."""
    return error_response(request, 500, "bug")


def _in_words(words: Words, error: str, detail: str) -> str:
    """Returns the translated message of an error, followed by the English detail if there is one."""
    name = f"errors.{error}"
    if not detail or detail == words_in("en").known(name, otherwise=""):
        return words.known(name, otherwise=detail)
    kind = "" if words.language == "en" else words.known(name, otherwise="")
    return f"{kind.rstrip('.')}. {detail}" if kind else detail


def _told(request: Request, fault: Mapping[str, Any]) -> str:
    """Returns the message of one validation error of FastAPI, preceded by the name of its field."""
    words = reader_words(request)
    context = fault.get("ctx") or {}
    reason = words.known(f"errors.field_{fault['type']}", otherwise=str(fault["msg"]))
    for name, value in context.items():
        reason = reason.replace(f"{{{name}}}", str(value))
    field = _field(fault["loc"])
    return f"{field}: {reason.rstrip('.')}." if field else f"{reason.rstrip('.')}."


def _field(location: Sequence[int | str]) -> str:
    """Returns the field name of an error location: `names.0` for ("body", "names", 0).

    Empty for the body as a whole, and for a position in invalid JSON.
    """
    return ".".join(map(str, location[1:])) if len(location) > 1 and isinstance(location[1], str) else ""


def _printable(text: str) -> str:
    """Returns the text with lone surrogates replaced, which requests can contain but responses cannot."""
    return text.encode("utf-8", "replace").decode()
