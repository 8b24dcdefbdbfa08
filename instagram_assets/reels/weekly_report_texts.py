"""Formatting of the weekly report's numbers and links for readers."""

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from instagram_assets.reels.analysis_schema import NO_VIDEO
from instagram_assets.reels.group_contrasts import FEATURES
from instagram_assets.reels.weekly_report import Cost, Reel, WeekPage

Row = dict[str, Any]

_VERDICTS = {True: "viral", False: "not viral", None: "no label"}
_DIFFERENCES = ("difference", "low", "high")
"""Columns that are percentage points for features in percent."""
_NUMBERS = {"likes": "like", "comments": "comment", "views": "view", "plays": "play"}


class AnalysisState(NamedTuple):
    """How a reel was analysed: a badge (`mark`), which is empty in the normal case, and a reason."""

    mark: str
    reason: str


def analysis_state(reel: Reel) -> AnalysisState:
    """Returns how a reel was analysed, as a badge and a reason.

    Examples: `analysed on this machine` with `Gemini failed 5 times (…)`, `not analysed: blocked` with the reason.
    """
    analysis, video = reel.analysis, reel.video
    reason = str(analysis.get("reason") or "")
    if reel.is_analysed:
        return AnalysisState("analysed on this machine" if analysis.get("analyser") == "local" else "", reason)
    if video.get("status") not in (None, "ok"):
        words = (video["status"], video.get("reason"))
        return AnalysisState(f"not analysed: {_spoken(NO_VIDEO)}", ": ".join(str(word) for word in words if word))
    if not analysis.get("status"):
        return AnalysisState("not analysed yet", reason)
    # Where only the hypotheses are missing, the analysis is there.
    lacking = "no hypotheses" if analysis.get("action") or analysis.get("hook") else "not analysed"
    return AnalysisState(f"{lacking}: {_spoken(analysis['status'])}", reason.removeprefix("no hypotheses: "))


def _spoken(status: str) -> str:
    return status.replace("_", " ")


def label_text(reel: Reel) -> str:
    """Returns a reel's label, such as `viral, score 3.21`."""
    score = reel.label.get("score")
    return _VERDICTS[reel.viral] + (f", score {score:,.2f}" if score is not None else "")


def reel_numbers(reel: Reel) -> list[str]:
    """Returns a reel's counts and duration as strings such as `1,204 likes`; unknown ones are left out."""
    found = [count_text(reel.post[name], noun) for name, noun in _NUMBERS.items() if reel.post.get(name) is not None]
    duration = reel.video.get("duration")
    return found + ([f"{duration:,.0f} s"] if duration is not None else [])


def link(reel: Reel) -> str:
    """Returns the reel's URL if it is an http(s) URL, else an empty string."""
    url = str(reel.post.get("url") or "")
    return url if urlsplit(url).scheme in ("https", "http") else ""


def value_text(row: Row, name: str) -> str:
    """Returns the value of a column of a contrast row, with the unit of its feature; – if it is None."""
    unit = _unit(row) if name not in _DIFFERENCES or _unit(row) != "%" else "points"
    return f"{_bare(row, name)} {unit}".strip()


def interval_text(row: Row) -> str:
    """Returns the confidence interval of a contrast row, such as `1.2 to 3.4 s`; – if there is none."""
    return "–" if row["low"] is None else f"{_bare(row, 'low')} to {value_text(row, 'high')}"


def _bare(row: Row, name: str) -> str:
    value = row[name]
    if value is None:
        return "–"
    shown = 100 * value if _unit(row) == "%" else value
    digits = 0 if _unit(row) == "%" or abs(shown) >= 100 else 1
    sign = "+" if name == "difference" else ""
    return f"{shown:{sign},.{digits}f}".replace("-", "−")


def _unit(row: Row) -> str:
    return FEATURES[row["feature"]].unit if row["feature"] in FEATURES else ""


def interval_span(row: Row) -> Mapping[str, float] | None:
    """Returns where to draw a confidence interval on a scale of 0 to 100 with zero at 50; None if there is none."""
    if row["low"] is None:
        return None
    reach = max(abs(row["low"]), abs(row["high"])) * 1.05
    place = {name: 50 + 50 * row[name] / reach for name in ("low", "high", "difference")}
    return {**place, "width": place["high"] - place["low"]}


def cost_line(cost: Cost) -> str:
    """Returns what the analyses of a week by one analyser cost, as one line of text.

    For example `gemini: 12 reels (ok 11, blocked 1), 8.1 s a reel, 0.0312 US dollars in all`.
    """
    statuses = ", ".join(f"{_spoken(status)} {count:,}" for status, count in cost.statuses.items())
    each = [f"{cost.seconds:,.1f} s"] if cost.seconds is not None else []
    each += [count_text(round(cost.tokens), "token")] if cost.tokens is not None else []
    parts = [f"{cost.analyser}: {count_text(cost.reels, 'reel')}" + (f" ({statuses})" if statuses else "")]
    parts += [f"{cost.in_vain:,} more asked in vain"] if cost.in_vain else []
    parts += [f"{' and '.join(each)} a reel"] if each else []
    parts += [f"{cost.usd:,.4f} US dollars in all"] if cost.usd is not None else []
    parts += [f"and up to {cost.unanswered_usd:,.4f} for calls whose answers never came"] if cost.unanswered_usd else []
    return ", ".join(parts)


def report_summary(page: WeekPage) -> str:
    """Returns the report's summary, such as `12 reels: 3 viral, 9 not viral`."""
    total = len(page.reels) + page.left_out
    parts = ", ".join(
        f"{page.counts[name]:,} {name}" for name in ("viral", "not viral", "without a label") if name in page.counts
    )
    shown = f" Of {total:,} the first {len(page.reels):,} are shown." if page.left_out else ""
    return f"{count_text(len(page.reels), 'reel')}{': ' + parts if parts else ''}.{shown}"


def count_text(number: int, noun: str) -> str:
    """Returns a number with its noun in the singular or plural, such as `1 reel` or `2 reels`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
