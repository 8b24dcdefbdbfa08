"""The demo's stand-in of Apify, with what goes wrong there: refusals, lost answers, and clients that die.

with FaultyApify() as apify:
    apify.failures.append(Failure("POST", "/runs", refusal(503, "internal", "try later"), handled=True))
"""

from collections.abc import Callable
from dataclasses import dataclass

from instagram_assets.demo.apify_server import ApifyRequest, ApifyServer, apify_error
from instagram_assets.demo.json_server import JsonReply

__all__ = ["CUT", "Failure", "FaultyApify", "apify_error"]

CUT = JsonReply(0)
"""No answer: the connection ends."""


@dataclass
class Failure:
    """What is answered to the next `times` requests of a method whose path ends so.

    With `handled`, the request is done all the same, and only its answer is lost.
    """

    method: str
    path_ends: str
    reply: JsonReply
    times: int = 1
    handled: bool = False


class FaultyApify(ApifyServer):
    """As `ApifyServer`, with failures; `before` and `after` are called with the number of each request."""

    def __init__(self, token: str = "apify_api_test") -> None:
        super().__init__(token)
        self.failures: list[Failure] = []
        self.before: Callable[[int], object] = _nothing
        self.after: Callable[[int], object] = _nothing

    def answer(self, asked: ApifyRequest) -> JsonReply:
        number = len(self.requests)
        self.before(number)
        for failure in self.failures:
            if failure.times and failure.method == asked.method and asked.path.endswith(failure.path_ends):
                failure.times -= 1
                if failure.handled:
                    super().answer(asked)
                return failure.reply
        reply = super().answer(asked)
        self.after(number)
        return reply

    def count(self, method: str, path_ends: str) -> int:
        """How often such a request came."""
        return sum(asked.method == method and asked.path.endswith(path_ends) for asked in self.requests)


def _nothing(number: int) -> None:
    pass
