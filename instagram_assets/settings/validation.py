"""The base class of all sections of settings, and the validation of URLs, cron strings and request rates."""

import re
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict

from instagram_assets.settings.rate_limits import parse_rates

ENV_PREFIX = "INSTAGRAM_ASSETS_"
"""What the environment names of all settings begin with."""
ENV_NESTED = "__"
"""What separates a section from its setting in an environment name."""
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
"""Host names of this machine, to which secrets may go without https."""
_CRON_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_CRON_FIELD = r"(\*|\d+(-\d+)?)(/[1-9]\d*)?"


class SettingsSection(BaseModel):
    """A frozen group of settings that refuses unknown names.

    A field `max_images` of the section `download` is read from INSTAGRAM_ASSETS_DOWNLOAD__MAX_IMAGES.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)


def safe_address(url: str, secret: str) -> str:
    """The URL without a trailing slash. Raises ValueError unless it is https, or http on this machine."""
    parts = urlsplit(url)
    if not parts.hostname or not (
        parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK_NAMES)
    ):
        raise ValueError(f"allowed: an address that begins with https://, since {secret} goes there")
    return url.rstrip("/")


def _is_cron(text: str) -> bool:
    """Whether these are cron's five fields in numbers, each within its range, and there is such a day."""
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
    """The cron string as given. Raises ValueError when it is none."""
    if not _is_cron(text):
        raise ValueError("not a cron string; give minute, hour, day, month and weekday, as in `0 0 * * 1`")
    return text


def checked_rates(text: str) -> str:
    """The request rates as given, such as `1,30;60,3600`. Raises ValueError when they are none."""
    parse_rates(text)
    return text
