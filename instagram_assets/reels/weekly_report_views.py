"""Renders the weekly report as one self-contained HTML file, and as Markdown for the Dagster UI."""

import base64
import re
from collections.abc import Sequence
from datetime import timedelta
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from instagram_assets.errors import DecodeError, MediaRefusedError
from instagram_assets.media.decode import open_image, reencode
from instagram_assets.reels import weekly_report_texts as texts
from instagram_assets.reels.weekly_report import SMALL_Q, Reel, WeekPage
from instagram_assets.report.fonts import font_data_uri
from instagram_assets.storage.atomic import write_atomic

if TYPE_CHECKING:
    from jinja2 import Template

MOST_IN_MARKDOWN = 10
"""Reels in the Markdown for the UI, which is stored in Dagster's event log."""

_POSTER = (240, 426)
_QUALITY = 72
_SMALL_POSTER = (90, 160)
_SMALL_QUALITY = 60
_PICTURES_IN_MARKDOWN = 65_000
"""Maximum characters of all images there: with the text they stay below the event limit of 100 kB."""
_LONGEST = 160
_EVERYWHERE = re.compile("[\u0000-\u10ff\u2000-\u206f\u2212]")
"""Characters that every system font has: alphabets, punctuation and the minus."""
_SIGNS = re.compile(r"([\\`*_{}\[\]<>()#+\-.!|~&$:])")


def write_page(page: WeekPage, folder: Path, made_of: str = "") -> Path:
    """Writes the report's HTML file into a folder and returns its path. Raises StorageError when the disk refuses.

    `made_of`, a stamp of the data, is stored in the file's head, so that a later run sees whether it is up to date.
    """
    path = folder / page.file_name
    data = report_html(page, made_of).encode()

    def write(stream: BinaryIO) -> None:
        stream.write(data)

    write_atomic(path, write)
    return path


def report_html(page: WeekPage, made_of: str = "") -> str:
    """Returns the report as HTML with inlined posters and `made_of` (a stamp of the data); external text is escaped."""
    shown = {
        "page": page,
        "last": page.week + timedelta(days=6),
        "reels": [(reel, _picture(page.poster(reel))) for reel in page.reels],
        "texts": texts,
        "small": SMALL_Q,
        "made_of": made_of,
    }
    html = _template().render(shown, font="")
    letters = sorted(set(_EVERYWHERE.sub("", html)))
    # Listed before the system fonts, at which a browser stops looking, and used for these letters only.
    own = ", ".join(f"U+{ord(letter):X}" for letter in letters)
    return _template().render(shown, font=font_data_uri(letters), letters=own) if letters else html


def report_markdown(page: WeekPage, path: Path | None = None) -> str:
    """Returns the report's summary in Markdown: contrasts, viral reels, the model's hypotheses, and the costs."""
    lines = [
        f"**Reels of {page.name}**, {page.week} to {page.week + timedelta(days=6)}. {texts.report_summary(page)}",
        "",
    ]
    if page.contrasts:
        lines += ["| contrast | viral | others | difference | 95 % interval | q |", "|---|---|---|---|---|---|"]
        lines += [_contrast(row) for row in page.contrasts]
        lines += [""]
    chosen = [reel for reel in page.reels if reel.viral][:MOST_IN_MARKDOWN]
    if chosen:
        lines += ["| frame | reel | numbers | label | hook | analysis |", "|---|---|---|---|---|---|"]
        for reel, frame in zip(chosen, _frames(page, chosen), strict=True):
            name, url = _plain(reel.post["account"]), texts.link(reel)
            shown = f"[{name}](<{_address(url)}>)" if url else name
            told = f"{_plain(texts.label_text(reel))}: {_plain(reel.label.get('reason'))}"
            cells = (
                frame,
                shown,
                _plain(", ".join(texts.reel_numbers(reel))),
                told,
                _plain(reel.analysis.get("hook")),
                _state(reel),
            )
            lines.append(f"| {' | '.join(cells)} |")
        lines += [""]
    lines += [
        f"- {_plain(row['hypothesis'])} ({len(row['supported_by'])} viral, {len(row['contradicted_by'])} not viral)"
        for row in page.supposed[:MOST_IN_MARKDOWN]
    ]
    lines += ["", *(f"{_plain(texts.cost_line(cost))}  " for cost in page.costs)]
    if path:
        lines += ["", f"The whole page: `{path}`"]
    return "\n".join(lines)


def _contrast(row: dict[str, Any]) -> str:
    sentence = _plain(row["hypothesis"])
    cells = (
        f"**{sentence}**" if row["q_value"] < SMALL_Q else sentence,
        f"{texts.value_text(row, 'viral_mean')} (n = {row['viral']:,})",
        f"{texts.value_text(row, 'others_mean')} (n = {row['others']:,})",
        texts.value_text(row, "difference"),
        texts.interval_text(row),
        f"{row['q_value']:.3f}",
    )
    return f"| {' | '.join(cells)} |"


def _state(reel: Reel) -> str:
    mark, reason = texts.analysis_state(reel)
    parts = [f"**{_plain(mark)}**"] if mark else []
    return ": ".join([*parts, _plain(reason)] if reason else parts)


def _plain(text: object) -> str:
    """Returns `text` as a string escaped for Markdown, in one line and truncated."""
    words = " ".join(str(text or "").split())
    shown = words if len(words) <= _LONGEST else f"{words[: _LONGEST - 1]}…"
    return _SIGNS.sub(r"\\\1", shown)


def _address(url: str) -> str:
    return re.sub(r"[\s<>\\|]", lambda found: f"%{ord(found[0]):02X}", url)


def _frames(page: WeekPage, reels: Sequence[Reel]) -> list[str]:
    """Returns a thumbnail of each reel as a Markdown image; empty if it has none or the size limit is reached."""
    frames: list[str] = []
    left = _PICTURES_IN_MARKDOWN
    for reel in reels:
        picture = _picture(page.poster(reel), _SMALL_POSTER, _SMALL_QUALITY)
        shown = f"![frame]({picture})" if picture else ""
        frames.append(shown if len(shown) <= left else "")
        left -= len(frames[-1])
    return frames


def _picture(path: Path | None, size: tuple[int, int] = _POSTER, quality: int = _QUALITY) -> str:
    """Returns the image at `path` as a small JPEG in a data URI; empty if it cannot be read."""
    if path is None:
        return ""
    try:
        image = open_image(path, draft=max(size))
    except (DecodeError, MediaRefusedError, OSError):
        return ""
    image.thumbnail(size)
    return f"data:image/jpeg;base64,{base64.b64encode(reencode(image, quality)).decode()}"


@cache
def _template() -> "Template":
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    source = files(__package__ or "").joinpath("week_page.html.jinja").read_text("utf-8")
    return environment.from_string(source)
