"""A site whose answers say what they mean, as a test writes them down; it keeps when it was asked."""

import json
from collections.abc import Sequence
from typing import Any

from instagram_assets.collect.asking import Answer, Ask, Outcome, Verdict
from instagram_assets.collect.clock import Clock
from instagram_assets.collect.site import Page

SECRET = "canary-5b1e"


class TellingSite:
    """Its answers carry their own meaning: `answers` are used up, then each is ok."""

    name = "small"
    identity = "small:one"

    def __init__(self, clock: Clock, *answers: Verdict) -> None:
        self.answers = list(answers)
        self.asked: list[float] = []
        self._clock = clock

    def send(self, ask: Ask) -> Answer:
        self.asked.append(self._clock.now())
        verdict = self.answers.pop(0) if self.answers else Verdict(Outcome.OK)
        body = {"outcome": verdict.outcome, "reason": verdict.reason, "pause": verdict.pause}
        return Answer(200, {}, json.dumps(body).encode())

    def refusal(self, subject: str) -> str:
        return ""

    def next_ask(self, subject: str, pages: Sequence[Page]) -> Ask | None:
        if len(pages) > 2:
            return None
        return Ask(f"http://127.0.0.1/{subject}", f"page {len(pages) + 1}", headers={"authorization": SECRET})

    def judge(self, ask: Ask, answer: Answer) -> Verdict:
        told = json.loads(answer.body)
        return Verdict(Outcome(told["outcome"]), told["reason"], {"page": ask.what}, told["pause"])

    def read(self, ask: Ask, content: Any) -> Page:
        return Page([content])
