"""Renders Jinja templates in the reader's language and theme, and formats times and durations."""

from datetime import datetime, timedelta
from functools import cache, partial
from hashlib import sha256
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from instagram_assets import __version__
from instagram_assets.automation.forget_requests import is_paused
from instagram_assets.web.authentication import SESSION, csrf_token
from instagram_assets.web.dependencies import LIMITS
from instagram_assets.web.reason_translation import reason_words, viral_words
from instagram_assets.web.words import LANGUAGES, Words, language_of, words_in


def format_time(at: datetime, zone: ZoneInfo) -> str:
    """Formats a timestamp to the minute in a time zone, such as `2026-11-02 09:30`; the same in every language."""
    return at.astimezone(zone).strftime("%Y-%m-%d %H:%M")


def format_clock(seconds: float, zone: ZoneInfo) -> str:
    """Formats a Unix timestamp as time of day in a time zone, such as `09:30:05`."""
    return datetime.fromtimestamp(seconds, zone).strftime("%H:%M:%S")


def format_duration(length: timedelta, words: Words) -> str:
    """Formats a duration in its two largest units, such as `3 min 20 s`, in the language of `words`."""
    seconds = max(0, round(length.total_seconds()))
    if seconds < 60:
        return words("job.seconds", seconds=seconds)
    if seconds < 3_600:
        return words("job.minutes", minutes=seconds // 60, seconds=seconds % 60)
    return words("job.hours", hours=seconds // 3_600, minutes=seconds % 3_600 // 60)


WEB_FOLDER = Path(__file__).parent
THEMES = ("auto", "light", "dark")
_PAGES = ("start", "morning", "gallery", "insights", "collect", "history", "accounts", "status")
"""The pages of the navigation, as route names; the translation key of their titles is `nav.NAME`."""


def render(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """Renders a page or a page fragment from a template; `values` are the template's variables.

    Every template also has `t` (translations in the reader's language), `language`, `theme`, `csrf`, `is_logged_in`,
    `is_paused` (Dagster is stopped during an erasure), `limits` (maximum lengths of inputs), `stamp`, `request`, and
    `in_words` and `why_viral`, which translate reasons.
    """
    words = words_of(request)
    theme = request.cookies.get("theme", "auto")
    found = environment().get_template(template)
    text = found.render(
        request=request,
        t=words,
        language=words.language,
        languages=LANGUAGES,
        theme=theme if theme in THEMES else "auto",
        csrf=csrf_token(request),
        is_logged_in=bool(request.scope.get(SESSION)),
        is_paused=is_paused(),
        pages=_PAGES,
        version=__version__,
        stamp=static_version(),
        limits=LIMITS,
        in_words=partial(reason_words, words),
        why_viral=partial(viral_words, words),
        **values,
    )
    return HTMLResponse(text, status)


def words_of(request: Request) -> Words:
    """Returns the translations in the reader's language: the one chosen in the app, else the browser's preference."""
    return words_in(language_of(request.cookies.get("language", ""), request.headers.get("accept-language", "")))


@cache
def static_version() -> str:
    """Returns a hash of all static files; it is part of their URLs, so that browsers can cache them for good."""
    found = sha256()
    for path in sorted((WEB_FOLDER / "static").iterdir()):
        found.update(path.read_bytes())
    return found.hexdigest()[:12]


@cache
def environment() -> Environment:
    """Returns the Jinja environment: values are HTML-escaped, and undefined variables raise an error."""
    made = Environment(
        loader=FileSystemLoader(WEB_FOLDER / "templates"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    cast("dict[str, Any]", made.filters)["format_time"] = format_time
    return made
