"""Shares of counted things with the uncertainty that their number leaves."""


def wilson_interval(count: int, n: int) -> tuple[float, float]:
    """The 95 % interval of the share `count` of `n` by Wilson (1927, doi:10.1080/01621459.1927.10502953).

    It holds for few as well; of none everything is possible.

    >>> wilson_interval(0, 0)
    (0.0, 1.0)
    """
    from scipy.stats import binomtest

    if n == 0:
        return 0.0, 1.0
    found = binomtest(count, n).proportion_ci(0.95, method="wilson")
    return float(found.low), float(found.high)
