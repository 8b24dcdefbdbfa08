"""Rate limits such as 60 requests in 3,600 seconds: parsing, validation, and detection of redundant limits."""

import re
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass

MOST_CALLS = 100_000
LONGEST_SECONDS = 7 * 86_400
"""The longest window of a rate limit: the request log goes back eight days."""
_FORM = re.compile(r"\s*([0-9]+)\s*,\s*([0-9]+(?:\.[0-9]+)?)\s*")
_MOST_TRIED = 20_000


@dataclass(frozen=True)
class Rate:
    """A rate limit: at most `calls` in any window of `seconds`. Raises ValueError for a number out of range."""

    calls: int
    seconds: float

    def __post_init__(self) -> None:
        if not 1 <= self.calls <= MOST_CALLS:
            raise ValueError(f"{self}: the number of calls is {self.calls}; it may be from 1 to {MOST_CALLS:,}")
        if not 0 < self.seconds <= LONGEST_SECONDS:
            raise ValueError(
                f"{self}: the number of seconds is {self.seconds:g}; it may be above 0 and at most "
                f"{LONGEST_SECONDS:,}, seven days"
            )

    def __str__(self) -> str:
        return f"{self.calls},{self.seconds:.15g}"


def parse_rate(text: str) -> Rate:
    """Parses a rate limit written as CALLS,SECONDS. Raises ValueError with the text and the problem."""
    found = _FORM.fullmatch(text)
    if not found:
        raise ValueError(
            f"{_shown(text)} is no rate. Write CALLS,SECONDS, such as 1,30 for one request in any 30 seconds: "
            "a whole number, a comma, and a number"
        )
    # Such a number may have more digits than Python turns into an int.
    calls = int(found[1]) if len(found[1]) < 20 else MOST_CALLS + 1
    try:
        return Rate(calls, float(found[2]))
    except ValueError as error:
        raise ValueError(f"{_shown(text)} is no rate that can be kept ({str(error).split(': ', 1)[1]})") from None


def parse_rates(text: str) -> tuple[Rate, ...]:
    """Parses rate limits separated by semicolons, such as `1,30;60,3600`.

    Raises ValueError for an invalid limit, or if there is none.
    """
    parts = [part for part in text.split(";") if part.strip()]
    if not parts:
        raise ValueError(
            f"{_shown(text)} has no rate. Write CALLS,SECONDS, separated by semicolons, such as 1,30;60,3600"
        )
    return tuple(parse_rate(part) for part in parts)


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:59]}…")


def redundant(rates: Sequence[Rate]) -> list[str]:
    """Returns a warning for each rate limit that is repeated or implied by the others; empty if all have an effect."""
    counts = Counter(rates)
    warnings = [
        f"The limit {rate} is given {count} times; once is enough." for rate, count in counts.items() if count > 1
    ]
    for rate in counts:
        others = [other for other in counts if other != rate]
        if by := _tighter(rate, others):
            warnings.append(
                f"The limit {rate} can never bind: {' and '.join(map(str, by))} already "
                f"{'allows' if len(by) == 1 else 'allow'} at most {_most(by, rate.seconds, rate.calls):,} "
                f"requests in {rate.seconds:,.15g} seconds."
            )
    return warnings


def _tighter(rate: Rate, others: Sequence[Rate]) -> Sequence[Rate]:
    """Returns the other limits that make `rate` redundant: one of them if possible, else all; empty if none do."""
    for other in others:
        if _most((other,), rate.seconds, rate.calls) <= rate.calls:
            return (other,)
    if len(others) > 1 and rate.calls <= _MOST_TRIED and _most(others, rate.seconds, rate.calls) <= rate.calls:
        return others
    return ()


def _most(rates: Sequence[Rate], seconds: float, enough: int) -> int:
    """Returns how many calls all `rates` together allow in a window of `seconds`; counting stops above `enough`.

    Simulates calls as early as possible, which gives the maximum: in no other order is the k-th call earlier.
    """
    if len(rates) == 1:
        return rates[0].calls * -int(-seconds // rates[0].seconds)
    windows = [(rate, deque[float](maxlen=rate.calls)) for rate in rates]
    at, count = 0.0, 0
    while count <= enough:
        at = max([at, *(past[0] + rate.seconds for rate, past in windows if len(past) == rate.calls)])
        if at >= seconds:
            break
        count += 1
        for _, past in windows:
            past.append(at)
    return count
