"""Writes the weekly reports that are outdated, since the week's data changed, and always that of the newest week."""

import re
from collections.abc import Collection
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
from upath import UPath

from instagram_assets.arrow import compute
from instagram_assets.reels.weekly_report import Unanswered, WeekPage, page_name, read_week, weeks_of
from instagram_assets.reels.weekly_report_views import write_page
from instagram_assets.storage.fingerprints import combined, stamps
from instagram_assets.storage.lake import read_table

_WATCHED = ("reel_videos", "reel_analyses")
_MADE_OF = re.compile(r'<meta name="made-of" content="([0-9a-f]+)">')
_HEAD = 2000


def write_pages(
    lake: UPath,
    media: Path,
    folder: Path,
    *,
    hypotheses: pa.Table | None = None,
    weeks: Collection[date] = (),
    unanswered: Unanswered | None = None,
) -> list[tuple[WeekPage, Path]]:
    """Writes the reports of the newest week, of `weeks`, and of each week whose data changed, oldest week first.

    A report contains a stamp (fingerprint) of its data, by which a later run sees whether it is outdated. The lake's
    stamps are per month: if one week changes, all weeks of its month are rewritten. Returns the data and the path of
    each written report. `hypotheses` is used instead of the lake's table of hypotheses. `unanswered` returns, for video
    ids, the part of their cost that is due to calls without a response.
    """
    known = weeks_of(lake)
    said = read_table(lake, "viral_hypotheses") if hypotheses is None else hypotheses
    files = {
        f"{name}/{path.parent.name}/{path.stem}": stamp
        for name in _WATCHED
        for path, stamp in (stamps(lake, name) if known else {}).items()
    }
    written: list[tuple[WeekPage, Path]] = []
    for week in known:
        made_of = _made_of(week, files, said)
        if week in (*weeks, known[-1]) or _said_in(folder / page_name(week)) != made_of:
            page = read_week(lake, week, media, said, unanswered)
            written.append((page, write_page(page, folder, made_of)))
    return written


def _made_of(week: date, files: dict[str, str], hypotheses: pa.Table) -> str:
    """Returns the stamp of a week's data; it changes if its hypotheses or the lake's files of its months change."""
    months = {f"{day:%Y-%m}" for day in (week, week + timedelta(days=6))}
    inside = [f"{name}:{stamp}" for name, stamp in sorted(files.items()) if name.rpartition("/")[2] in months]
    said = hypotheses.filter(compute.equal(hypotheses["week"], pa.scalar(week, pa.date32()))).to_pylist()
    return combined([*inside, *sorted(map(repr, said))])


def _said_in(path: Path) -> str:
    """Returns the data stamp stored in a report; empty if there is no report, or it has an older format."""
    try:
        with path.open(encoding="utf-8", errors="replace") as stream:
            found = _MADE_OF.search(stream.read(_HEAD))
    except FileNotFoundError:
        return ""
    return found[1] if found else ""
