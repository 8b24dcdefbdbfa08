"""Cache of paid model responses: first in the call ledger, then permanently in the feature store.

The ledger (of paid calls) is a local file of one data folder. The feature store is in the lake, which several data
folders can share.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple, TypeAlias

import pyarrow as pa
from upath import UPath

from instagram_assets.reels.analysis_schema import Analysis
from instagram_assets.reels.call_ledger import Ledger
from instagram_assets.reels.prompts import Question
from instagram_assets.storage.features import FeatureStore

ANSWERS = pa.schema(
    [("video_id", pa.string()), ("answer", pa.string()), ("seconds", pa.float64()), ("reason", pa.string())]
)
"""The schema of a cached response: JSON in the prompt's schema, seconds since the upload began, and any anomaly."""


class CachedAnswer(NamedTuple):
    """One cached model response: its JSON, the seconds since the upload began, and any imperfection (`reason`)."""

    answer: str
    seconds: float
    reason: str | None


CachedAnswers: TypeAlias = dict[tuple[str, str], CachedAnswer]
"""Cached responses by video id and prompt version."""


class AnswerCache:
    """The cached responses of one model: in the call ledger at first, then in the feature store below `root`."""

    def __init__(self, root: UPath | Path, ledger: Ledger, model: str) -> None:
        self._root, self._ledger, self._model = root, ledger, model

    def known(self, video_ids: Iterable[str], questions: Iterable[Question]) -> CachedAnswers:
        """Returns the responses to the prompts `questions` that the feature store has for these videos."""
        ids = list(video_ids)
        return {
            (row["video_id"], question.version): CachedAnswer(row["answer"], row["seconds"], row["reason"])
            for question in questions
            for row in self._store(question).find(ids).to_pylist()
        }

    def came_since(self, video_id: str, question: Question) -> str | None:
        """Returns the response to a prompt if a process has cached it since `known` was called; else None."""
        if not self._ledger.was_answered(video_id, self._model, question.version):
            return None
        if standing := self._ledger.answers(self._model, [question.version], [video_id]):
            return standing[-1].answer
        known = self.known([video_id], [question])
        return known[video_id, question.version].answer if known else None

    def keep(self, questions: Iterable[Question]) -> None:
        """Moves the responses to the prompts `questions` from the call ledger to the feature store."""
        for question in questions:
            if not (standing := self._ledger.answers(self._model, [question.version])):
                continue
            rows = [
                {"video_id": one.video_id, "answer": one.answer, "seconds": one.seconds, "reason": one.reason}
                for one in standing
            ]
            self._store(question).append(pa.Table.from_pylist(rows, schema=ANSWERS))
            self._ledger.forget_answers([one.id for one in standing])

    def _store(self, question: Question) -> FeatureStore:
        kind = "reel_analyses" if question.form is Analysis else "reel_hypotheses"
        return FeatureStore(self._root, kind, f"{self._model}@{question.version}", ANSWERS)
