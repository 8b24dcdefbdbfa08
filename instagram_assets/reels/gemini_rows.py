"""Builds the rows of `reel_analyses` from Gemini's responses and failures, with the local analyser as fallback."""

import logging
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from instagram_assets.errors import FileError, InstagramAssetsError
from instagram_assets.reels.analysis_schema import FAILED, OK, OVER_BUDGET, Analyser, Analysis, Hypotheses, Row, Video
from instagram_assets.reels.answer_cache import CachedAnswers
from instagram_assets.reels.call_ledger import UNANSWERED, UNREADABLE_CALL, Spent
from instagram_assets.reels.prompts import PROMPTS, WATCH, suppose

logger = logging.getLogger(__name__)


class AnalysisProblem(NamedTuple):
    """Why a response is missing: `status` as in `reel_analyses`, and `reason`, a message."""

    status: str
    reason: str


def row_of(
    video: Video, model: str, known: CachedAnswers, spent: Spent, problem: AnalysisProblem | None, failures: int
) -> Row:
    """Returns the row of one video: its cached responses, the cost of its calls, and the reason for missing columns.

    If the hypotheses failed `failures` times, the analysis counts as complete without them.
    """
    watched = known.get((video.video_id, WATCH.version))
    supposed = known.get((video.video_id, suppose(video.viral).version))
    row: Row = {
        "video_id": video.video_id,
        "analyser": "gemini",
        "model": model,
        "prompt": PROMPTS,
        "label_hidden": video.viral is None,
        "prompt_tokens": spent.prompt_tokens,
        "answer_tokens": spent.answer_tokens,
        "cost_usd": spent.cost_usd,
        "status": OK,
    }
    reasons: list[str] = []
    if watched:
        row |= Analysis.model_validate_json(watched.answer).model_dump()
        reasons += [watched.reason] if watched.reason else []
    if supposed:
        row |= Hypotheses.model_validate_json(supposed.answer).model_dump()
        reasons += [f"hypotheses: {supposed.reason}"] if supposed.reason else []
    if answers := [answer for answer in (watched, supposed) if answer]:
        row["seconds"] = sum(answer.seconds for answer in answers)
    if not (watched and supposed):
        why = problem or _last(spent)
        given_up = watched is not None and spent.unsupposed >= failures
        row["status"] = OK if given_up else why.status
        reasons.append(f"no hypotheses: {why.reason}" if watched else why.reason)
    if spent.unanswered:
        reasons.append(_unanswered(spent))
    row["reason"] = "; ".join(reasons) or None
    return row


def with_backup(
    videos: Sequence[Video], rows: list[Row], spent: Mapping[str, Spent], failures: int, backup: Analyser | None
) -> list[Row]:
    """Returns the rows; where Gemini failed `failures` times, the result of the analyser `backup` replaces its row.

    A replaced row keeps Gemini's costs, and whether the label was hidden. If `backup` fails too, Gemini's row is kept,
    with both reasons.
    """
    places = [
        place
        for place, (video, row) in enumerate(zip(videos, rows, strict=True))
        if row["status"] not in (OK, OVER_BUDGET) and "action" not in row and spent[video.video_id].failures >= failures
    ]
    if not places or backup is None:
        return rows
    # The analyser gets each video once, and without a label.
    wanted = {videos[place].video_id: videos[place]._replace(viral=None) for place in places}
    try:
        found = dict(zip(wanted, backup.analyse(list(wanted.values())), strict=True))
    except InstagramAssetsError as error:
        # Messages of other errors may contain local paths, which tables of the lake must not have.
        why = error.problem if isinstance(error, FileError) else type(error).__name__
        logger.warning("%s", error)
        found = dict.fromkeys(wanted, Row(status=FAILED, reason=why))
    for place in places:
        rows[place] = _replaced(rows[place], found[videos[place].video_id], spent[videos[place].video_id].failures)
    return rows


def _replaced(row: Row, found: Row, failures: int) -> Row:
    why = f"Gemini failed {failures} times ({row['status']}: {row['reason']})"
    odd = f"; {found['reason']}" if found.get("reason") else ""
    if found["status"] != OK:
        return {**row, "reason": f"{why}; on this machine: {found['status']}{odd}"}
    paid = {name: row[name] for name in ("prompt_tokens", "answer_tokens", "cost_usd", "label_hidden")}
    return {**found, **paid, "reason": f"{why}{odd}"}


def _unanswered(spent: Spent) -> str:
    calls = "a call whose answer" if spent.unanswered == 1 else f"{spent.unanswered} calls whose answers"
    return f"up to {spent.unanswered_usd:.4f} USD of the cost are of {calls} never came"


def _last(spent: Spent) -> AnalysisProblem:
    """Returns the last failure of a video's calls that the ledger has, as status and reason."""
    known = spent.last_status or FAILED
    return AnalysisProblem(
        FAILED if known in (UNANSWERED, UNREADABLE_CALL) else known, spent.last_reason or "not asked"
    )
