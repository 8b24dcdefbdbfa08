"""A site whose answers say what they mean, as a test writes them down; it keeps when it was asked."""

import json
from collections.abc import Sequence
from typing import Any

from instagram_assets.collect.clock import Clock
from instagram_assets.collect.site_adapter import Classification, CrawlPage, Request, Response, ResponseOutcome

SECRET = "canary-5b1e"


class TellingSite:
    """Its answers carry their own meaning: `answers` are used up, then each is ok."""

    name = "small"
    identity = "small:one"

    def __init__(self, clock: Clock, *responses: Classification) -> None:
        self.responses = list(responses)
        self.asked: list[float] = []
        self._clock = clock

    def send(self, request: Request) -> Response:
        self.asked.append(self._clock.now())
        classification = self.responses.pop(0) if self.responses else Classification(ResponseOutcome.OK)
        body = {"outcome": classification.outcome, "reason": classification.reason, "pause": classification.pause}
        return Response(200, {}, json.dumps(body).encode())

    def refusal(self, subject: str) -> str:
        return ""

    def next_request(self, subject: str, pages: Sequence[CrawlPage]) -> Request | None:
        if len(pages) > 2:
            return None
        return Request(f"http://127.0.0.1/{subject}", f"page {len(pages) + 1}", headers={"authorization": SECRET})

    def classify(self, request: Request, response: Response) -> Classification:
        logged = json.loads(response.body)
        return Classification(
            ResponseOutcome(logged["outcome"]), logged["reason"], {"page": request.what}, logged["pause"]
        )

    def parse(self, request: Request, content: Any) -> CrawlPage:
        return CrawlPage([content])
