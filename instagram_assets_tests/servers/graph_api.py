"""The demo's stand-in of Meta's Graph API, with what goes wrong there: errors, cut answers, answers that are none.

with FaultyGraph([account(…)], [hashtag(…)], now=clock.now) as graph:
    graph.failures.append(Failure(RECENT, error(4, "Application request limit reached"), times=2))
"""

from dataclasses import dataclass
from typing import Any

from instagram_assets.demo.graph_api_server import GraphApiRequest, GraphApiServer
from instagram_assets.demo.json_server import JsonReply


@dataclass
class Failure:
    """What the next `times` requests of a kind are answered with, where named only those about one subject."""

    kind: str
    reply: JsonReply
    times: int = 1
    about: str = ""


class FaultyGraph(GraphApiServer):
    """As `GraphApiServer`, with failures. That a token stood in an address is told at the end."""

    def __init__(self, *about: Any, **options: Any) -> None:
        super().__init__(*about, **options)
        self.failures: list[Failure] = []

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        assert self.leaks == []

    def reply(self, asked: GraphApiRequest) -> JsonReply:
        for failure in self.failures:
            if failure.times and failure.kind == asked.kind and failure.about in ("", asked.about):
                failure.times -= 1
                return failure.reply
        return super().reply(asked)
