"""Usage of Meta's rate limits, read from the headers of each response, and the pause to make because of it.

X-App-Usage contains three percentages. X-Business-Use-Case-Usage contains the same for each account that the token can
use and, once a limit is reached, the minutes until requests are answered again.
https://developers.facebook.com/docs/graph-api/overview/rate-limiting
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

SLOW_DOWN_PERCENT = 75.0
STOP_PERCENT = 95.0

_APP = "x-app-usage"
_CASES = "x-business-use-case-usage"
_SHARES = ("call_count", "total_cputime", "total_time")
_WAIT = "estimated_time_to_regain_access"
_MINUTE = 60.0
_FIRST_PAUSE = 5.0
_DOUBLED_EACH = 4.0  # per cent
_STOPPED = 3_600.0  # the windows of both limits roll by the hour
_LONGEST = 86_400.0
_SHOWN = 80


@dataclass(frozen=True)
class Usage:
    """Usage of Meta's rate limits.

    `percent` is the highest usage of all limits, in percent; `regained` is the number of seconds until the API answers
    requests again, 0 if unknown.
    """

    percent: float = 0.0
    regained: float = 0.0

    @property
    def stops(self) -> bool:
        """Whether usage is so high (95 % or more, or a limit is reached) that no requests should be sent for now."""
        return self.percent >= STOP_PERCENT or self.regained > 0

    @property
    def pause(self) -> float:
        """Seconds to wait before the next request, by usage: 0 below 75 %, then doubled every 4 %.

        From 95 % on, the pause lasts until usage falls.
        """
        if self.stops:
            return min(self.regained or _STOPPED, _LONGEST)
        if self.percent < SLOW_DOWN_PERCENT:
            return 0.0
        return _FIRST_PAUSE * 2 ** ((self.percent - SLOW_DOWN_PERCENT) / _DOUBLED_EACH)

    @property
    def words(self) -> str:
        """A message about the usage; empty if no pause is needed."""
        return f"{self.percent:.0f} % of the API's limit are used" if self.pause else ""


def parse_usage(headers: Mapping[str, str], log: Callable[[str], object]) -> Usage:
    """Parse the usage headers of a response (names in lower case); unreadable ones are logged and count as no usage."""
    percent = regained = 0.0
    for header in (_APP, _CASES):
        if not (text := headers.get(header, "").strip()):
            continue
        try:
            for limit in _limits(header, json.loads(text)):
                percent = max(percent, *(_number(limit, name) for name in _SHARES))
                regained = max(regained, _number(limit, _WAIT) * _MINUTE)
        except (ValueError, TypeError, RecursionError):
            log(f"{header} cannot be read, so usage is not known from it: {text[:_SHOWN]!r}")
    return Usage(percent, regained)


def _limits(header: str, content: Any) -> Iterator[Mapping[str, Any]]:
    """The objects with usage percentages in the JSON content of a header."""
    if not isinstance(content, dict):
        raise ValueError("no object")
    if header == _APP:
        yield content
        return
    for limits in content.values():  # pyright: ignore[reportUnknownVariableType]  checked one by one
        for limit in limits:  # pyright: ignore[reportUnknownVariableType]
            if not isinstance(limit, dict):
                raise ValueError("no object")
            yield limit


def _number(limit: Mapping[str, Any], name: str) -> float:
    value = limit.get(name, 0)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not isfinite(value) or value < 0:
        raise ValueError(f"{name} is no number of at least 0")
    return float(value)
