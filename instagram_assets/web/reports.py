"""The weeks' pages on reels that the platform writes into the folder of reports."""

import re
from dataclasses import dataclass
from pathlib import Path

from instagram_assets.errors import NotFoundError

_WEEK = re.compile(r"reels-(\d{4}-W\d{2})\.html")
# They are whole in themselves: their pictures, fonts and styles stand in them, and nothing in them may run.
POLICY = (
    "default-src 'none'; img-src data:; font-src data:; style-src 'unsafe-inline'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; sandbox allow-popups allow-popups-to-escape-sandbox"
)


@dataclass(frozen=True)
class WeekPage:
    """A page on the reels of one week, such as 2026-W44."""

    name: str
    week: str
    path: Path


def week_pages(folder: Path) -> list[WeekPage]:
    """All pages on weeks, the newest week first."""
    if not folder.is_dir():
        return []
    found = ((_WEEK.fullmatch(path.name), path) for path in folder.iterdir() if _is_file(path))
    pages = [WeekPage(path.name, match[1], path) for match, path in found if match]
    return sorted(pages, key=lambda page: page.week, reverse=True)


def _is_file(path: Path) -> bool:
    """A file of its own: a link may lead anywhere, and a pipe does not end."""
    return path.is_file() and not path.is_symlink()


def week_page(folder: Path, name: str) -> WeekPage:
    """The page of this name. Raises NotFoundError."""
    for page in week_pages(folder):
        if page.name == name:
            return page
    raise NotFoundError(f"There is no report {name!r}. Reports are written by the asset reel_analyses.")
