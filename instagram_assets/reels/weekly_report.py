"""The data of the weekly report: a week's reels with labels and analyses, the contrasts, and the costs."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import pyarrow as pa
from upath import UPath

from instagram_assets.arrow import compute
from instagram_assets.calendar import monday, week_name
from instagram_assets.reels.analyses import rows_by_video
from instagram_assets.reels.analysis_schema import OK
from instagram_assets.storage.lake import read_table

MAX_REPORT_REELS = 120
"""The maximum number of reels in a report; viral ones come first."""
MAX_MODEL_HYPOTHESES = 20
"""The maximum number of model hypotheses in a report."""
SMALL_Q = 0.05
"""Contrasts with a q-value below this are highlighted."""

Row = dict[str, Any]
Unanswered = Callable[[Iterable[str]], float]

_PAID = "gemini"
_POST = ("post_id", "account", "day", "kind", "url", "owner", "taken_at", "likes", "comments", "views", "plays")
_LABEL = ("kind", "account", "id", "viral", "score", "rule", "reason")
_VIDEO = ("post_id", "account", "poster", "duration", "status", "reason")
_ANALYSIS = (
    *(
        "post_id",
        "account",
        "video_id",
        "analyser",
        "hook",
        "action",
        "topics",
        "hypotheses",
        "label_hidden",
        "status",
        "reason",
    ),
    *("prompt_tokens", "answer_tokens", "cost_usd", "seconds"),
)


@dataclass(frozen=True)
class Reel:
    """One reel of the report: its post, viral label, video and analysis, each a row; null columns if it is missing."""

    post: Row
    label: Row
    video: Row
    analysis: Row

    @property
    def viral(self) -> bool | None:
        return self.label.get("viral")

    @property
    def is_analysed(self) -> bool:
        """Whether the reel's analysis is complete."""
        return self.analysis.get("status") == OK


@dataclass(frozen=True)
class Cost:
    """What a week's analyses by one analyser cost: seconds, tokens and dollars. It helps to choose a batch size."""

    analyser: str
    reels: int
    statuses: Mapping[str, int]
    seconds: float | None
    """The median per video."""
    tokens: float | None
    """Prompt and response tokens per video on average; answered calls only."""
    usd: float | None
    """The total, without `unanswered_usd`."""
    in_vain: int = 0
    """Videos sent to this analyser that another one analysed in the end."""
    unanswered_usd: float = 0.0
    """The maximum cost of calls without a response."""


@dataclass(frozen=True)
class WeekPage:
    """All data of the report on the week that begins on `week`."""

    week: date
    reels: Sequence[Reel]
    left_out: int
    contrasts: Sequence[Row]
    supposed: Sequence[Row]
    costs: Sequence[Cost]
    media: Path

    @property
    def name(self) -> str:
        """The name of the ISO week, such as 2026-W48."""
        return week_name(self.week)

    @property
    def file_name(self) -> str:
        return page_name(self.week)

    @property
    def counts(self) -> Mapping[str, int]:
        found = Counter({True: "viral", False: "not viral", None: "without a label"}[reel.viral] for reel in self.reels)
        return dict(found)

    def poster(self, reel: Reel) -> Path | None:
        """Returns the path of the reel's poster image."""
        path = reel.video.get("poster")
        return self.media / path if path else None


def page_name(week: date) -> str:
    """Returns the file name of a week's report, such as reels-2026-W48.html."""
    return f"reels-{week_name(week)}.html"


def weeks_of(lake: UPath) -> list[date]:
    """Returns the Mondays of the weeks with videos or analyses, in ascending order."""
    days: set[date] = set()
    for name in ("reel_videos", "reel_analyses"):
        days |= set(read_table(lake, name, columns=["day"])["day"].unique().to_pylist())
    return sorted({monday(day) for day in days})


def read_week(
    lake: UPath, week: date, media: Path, hypotheses: pa.Table | None = None, unanswered: Unanswered | None = None
) -> WeekPage:
    """Returns the report data of the week that begins on `week`, read from the lake.

    `hypotheses` is used instead of the lake's table of hypotheses. `unanswered` returns, for video ids, the part of
    their cost that is due to calls without a response.
    """
    days = (week, week + timedelta(days=6))

    def of_week(name: str, columns: Sequence[str]) -> pa.Table:
        return read_table(lake, name, days=days, columns=columns)

    posts = of_week("posts", _POST)
    posts = posts.filter(compute.equal(posts["kind"], "reel"))
    labels = read_table(lake, "viral_labels", columns=_LABEL)
    labels = labels.filter(compute.and_(compute.equal(labels["kind"], "reel"), _is_in(labels["id"], posts["post_id"])))
    said = read_table(lake, "viral_hypotheses") if hypotheses is None else hypotheses
    said = said.filter(compute.equal(said["week"], pa.scalar(week, pa.date32())))
    return week_page(
        week,
        posts.to_pylist(),
        labels.to_pylist(),
        of_week("reel_videos", _VIDEO).to_pylist(),
        of_week("reel_analyses", _ANALYSIS).to_pylist(),
        said.to_pylist(),
        media,
        unanswered,
    )


def week_page(
    week: date,
    posts: Iterable[Row],
    labels: Iterable[Row],
    videos: Iterable[Row],
    analyses: Iterable[Row],
    hypotheses: Iterable[Row],
    media: Path,
    unanswered: Unanswered | None = None,
) -> WeekPage:
    """Returns the report data of the week that begins on `week`, built from its rows; posters are below `media`."""
    of_labels = {(row["account"], row["id"]): row for row in labels}
    of_videos, of_analyses = _by_key(videos), _by_key(analyses)
    reels = [
        Reel(
            row,
            of_labels.get(key) or dict.fromkeys(_LABEL),
            of_videos.get(key) or dict.fromkeys(_VIDEO),
            of_analyses.get(key) or dict.fromkeys(_ANALYSIS),
        )
        for key, row in _by_key(posts).items()
    ]
    reels.sort(key=_place)
    said = list(hypotheses)
    return WeekPage(
        week,
        reels[:MAX_REPORT_REELS],
        max(0, len(reels) - MAX_REPORT_REELS),
        sorted((row for row in said if row["kind"] == "contrast"), key=_chance),
        [row for row in said if row["kind"] == "model"][:MAX_MODEL_HYPOTHESES],
        _costs(of_analyses.values(), unanswered),
        media,
    )


def _place(reel: Reel) -> tuple[Any, ...]:
    """Sort key of reels: viral, not viral, unlabelled; then by descending score, analysed ones first."""
    order = {True: 0, False: 1, None: 2}[reel.viral]
    score = reel.label.get("score")
    return order, score is None, -(score or 0.0), not reel.is_analysed, reel.post["account"], reel.post["post_id"]


def _chance(row: Row) -> tuple[float, float, str]:
    return row["q_value"], row["p_value"], row["feature"]


def _costs(analyses: Collection[Row], unanswered: Unanswered | None) -> list[Cost]:
    """Returns the cost of each analyser. Gemini's includes failed calls for videos that the local one then analysed."""
    of_each: dict[str, list[Row]] = {}
    for row in analyses:
        of_each.setdefault(row["analyser"] or "none", []).append(row)
    paid = [row for row in rows_by_video(analyses) if row["cost_usd"] is not None]
    if paid:
        of_each.setdefault(_PAID, [])
    return [
        _cost(name, of_each[name], paid if name == _PAID else (), unanswered if name == _PAID else None)
        for name in sorted(of_each)
    ]


def _cost(name: str, rows: Sequence[Row], paid: Sequence[Row], unanswered: Unanswered | None) -> Cost:
    seconds = [row["seconds"] for row in rows_by_video(rows) if row["seconds"] is not None]
    tokens = [row["prompt_tokens"] + (row["answer_tokens"] or 0) for row in paid if row["prompt_tokens"]]
    lost = unanswered([row["video_id"] for row in paid if row["cost_usd"]]) if unanswered else 0.0
    return Cost(
        name,
        len(rows),
        dict(sorted(Counter(row["status"] for row in rows).items())),
        median(seconds) if seconds else None,
        sum(tokens) / len(tokens) if tokens else None,
        max(0.0, sum(row["cost_usd"] for row in paid) - lost) if paid else None,
        sum(row["analyser"] != name for row in paid),
        lost,
    )


def _by_key(rows: Iterable[Row]) -> dict[tuple[str, str], Row]:
    return {(row["account"], row["post_id"]): row for row in rows}


def _is_in(column: Any, values: Any) -> Any:
    return compute.is_in(column, value_set=values.combine_chunks())
