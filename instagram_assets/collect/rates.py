"""Limits of requests: several at once, all of which hold."""

from instagram_assets.rates import Rate, parse_rate, parse_rates, redundant

__all__ = ["Rate", "parse_rate", "parse_rates", "redundant"]
