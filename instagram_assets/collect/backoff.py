"""Exponential backoff with full jitter: how long to wait after a failed request.

The source of these options, bumc_instascraping, documents `--backoff-mult 2 --backoff-exp 3` in its README: "initially
wait 2 seconds, … 2^3 = 8 seconds, and then 8^3 = 192 seconds". 8^3 is 512: the 192 is a typo. Its code computed
2 * 3^n instead: 2, 6, 18, 54. Both are available here: `geometric` is what the code did, `tower` what the README says.
"""

import math
from dataclasses import dataclass
from random import Random
from typing import Literal

BackoffMode = Literal["geometric", "tower"]


@dataclass(frozen=True)
class Backoff:
    """Exponential backoff with random waits, whose maximum grows with each failure up to `cap` seconds.

    The maximum wait after failure n (from 0) is mult * exp^n seconds (`geometric`), or mult, then each time the
    previous one to the power of `exp` (`tower`). Raises ValueError, which says what to change, if the waits would not
    grow or a parameter is not a number.

    >>> [Backoff(2, 3).longest(failure) for failure in range(4)]
    [2.0, 6.0, 18.0, 54.0]
    >>> [Backoff(2, 3, "tower").longest(failure) for failure in range(4)]
    [2.0, 8.0, 512.0, 3600.0]
    """

    mult: float = 2.0
    exp: float = 3.0
    mode: BackoffMode = "geometric"
    cap: float = 3_600.0

    def __post_init__(self) -> None:
        if self.mode not in ("geometric", "tower"):
            raise ValueError(f"the mode of backoff is {self.mode!r}; it may be geometric or tower")
        _check("backoff-mult", self.mult, 0, "the first wait in seconds")
        _check("backoff-exp", self.exp, 1, "else waits do not grow")
        _check("the cap of backoff", self.cap, 0, "the longest wait in seconds")
        if self.mode == "tower" and self.mult <= 1:
            raise ValueError(
                f"backoff-mult is {self.mult:g}; with the mode tower it has to be above 1, "
                "since a power of less does not grow"
            )

    def longest(self, failure: int) -> float:
        """The maximum wait in seconds after failure number `failure`, counted from 0."""
        try:
            # With integers, the power would be computed exactly, which takes forever for large exponents.
            power = float(self.exp) ** failure
            wait = float(self.mult) ** power if self.mode == "tower" else self.mult * power
        except OverflowError:
            return float(self.cap)
        return float(min(wait, self.cap))

    def waits(self, failure: int, random: Random) -> float:
        """Random wait in seconds after failure number `failure` (from 0), uniform up to `longest` ("full jitter").

        https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
        """
        return random.uniform(0, self.longest(failure))


def _check(name: str, value: float, above: float, why: str) -> None:
    if not above < value < math.inf:
        raise ValueError(f"{name} is {value:g}; it has to be above {above:g} ({why})")
