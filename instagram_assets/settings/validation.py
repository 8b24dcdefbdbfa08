"""The base class of all sections of settings, and the validation of URLs, cron strings and request rates."""

import re
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict

from instagram_assets.settings.rate_limits import parse_rates

ENV_PREFIX = "INSTAGRAM_ASSETS_"
"""Prefix of the environment variables of all settings."""
ENV_NESTED = "__"
"""Separator between a section and its setting in the name of an environment variable."""
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
"""Host names of this machine; only to these are secrets sent over plain http."""
_CRON_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_CRON_FIELD = r"(\*|\d+(-\d+)?)(/[1-9]\d*)?"


class SettingsSection(BaseModel):
    """A frozen group of settings that refuses unknown names.

    A field `max_images` of the section `download` is read from INSTAGRAM_ASSETS_DOWNLOAD__MAX_IMAGES.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)


def safe_address(url: str, secret: str) -> str:
    """Returns the URL without a trailing slash. Raises ValueError unless it is an https URL, or http on this machine.

    `secret` is what is sent there, such as "the token", for the error message.
    """
    parts = urlsplit(url)
    if not parts.hostname or not (
        parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK_NAMES)
    ):
        raise ValueError(f"allowed: an address that begins with https://, since {secret} goes there")
    return url.rstrip("/")


def _is_cron(text: str) -> bool:
    """Whether a text is a cron expression of five numeric fields, all in range, whose date exists (not 30 February)."""
    fields = text.split()
    if re.fullmatch(r"\S+ \S+ (3[01] 0?2|31 (0?[469]|11)) \*", " ".join(fields)):
        return False
    return len(fields) == len(_CRON_RANGES) and all(
        re.fullmatch(_CRON_FIELD, part) is not None
        and all(low <= int(number) <= high for number in re.findall(r"\d+", part.partition("/")[0]))
        for field, (low, high) in zip(fields, _CRON_RANGES, strict=True)
        for part in field.split(",")
    )


def checked_cron(text: str) -> str:
    """Returns a cron expression unchanged. Raises ValueError if it is invalid."""
    if not _is_cron(text):
        raise ValueError("not a cron string; give minute, hour, day, month and weekday, as in `0 0 * * 1`")
    return text


def checked_rates(text: str) -> str:
    """Returns rate limits such as `1,30;60,3600` unchanged. Raises ValueError if they are invalid."""
    parse_rates(text)
    return text
