"""From files to arrays that models and measures take: decoded in threads, a bad file never stopping its neighbours."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """Stands in the place of a result that could not be had."""

    reason: str
