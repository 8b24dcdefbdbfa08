"""What a site would see: no block of time holds more requests than a rate allows."""

from collections.abc import Sequence

from instagram_assets.settings.rate_limits import Rate


def fullest(times: Sequence[float], seconds: float) -> int:
    """The most requests of any block of time, each block counted on its own; its end belongs to the next one."""
    return max((sum(begin <= time < begin + seconds for time in times) for begin in times), default=0)


def assert_kept(times: Sequence[float], rates: Sequence[Rate]) -> None:
    """Assert that all rates hold over these times of requests."""
    for rate in rates:
        assert fullest(times, rate.seconds) <= rate.calls, f"{rate}: {list(times)}"
