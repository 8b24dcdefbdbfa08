"""Known causes of failed rows, found from the rows' column `reason`, each with a fixed wording and a remedy."""

import re
from typing import NamedTuple

_SET = "set INSTAGRAM_ASSETS_"


class Cause(NamedTuple):
    """Why rows failed or are missing, as text, and what to do about it (empty if there is nothing)."""

    words: str
    remedy: str = ""


AGAIN = "make them again later: instagram-assets materialize images+"
COLLECT = "addresses are valid for some days only: collect the posts again, then ingest the new export"
ARCHIVE = "ingest its ZIP or its folder (again), then make them: instagram-assets materialize images+"
_KNOWN: tuple[tuple[str, Cause], ...] = (
    ("http address", Cause("http addresses", f"{_SET}DOWNLOAD__ALLOW_HTTP=true")),
    ("address is not public", Cause("addresses that are not public", "allowed is this machine alone: "
        f"{_SET}DOWNLOAD__ALLOW_LOOPBACK=true")),
    ("not asked anew: Instagram wants fewer", Cause("Instagram wants fewer requests", "make them again in a quarter of "
        "an hour: instagram-assets materialize reel_videos+")),
    ("not asked anew: Instagram asks for a checkpoint", Cause("Instagram asks for a checkpoint", "open it in a browser "
        "with the account of the session, confirm, and wait a day")),
    ("not asked anew: Instagram does not take", Cause("Instagram does not take the session", "log in again: "
        "instaloader --login NAME --sessionfile FILE")),
    ("asked anew: Instagram no longer shows it$", Cause("no longer on Instagram")),
    ("expired", Cause("addresses expired", COLLECT)),
    ("^in no archive that was read", Cause("pictures of a person's own archive, which was not read whole", ARCHIVE)),
    ("X-Robots-Tag", Cause("their server says noai", f"{_SET}DOWNLOAD__HONOUR_NOAI=false")),
    (r"^larger than .* MB", Cause("files too large", f"{_SET}DOWNLOAD__MAX_IMAGE_MB higher")),
    (r"megapixels|too many pixels", Cause("too many pixels", f"{_SET}DOWNLOAD__MAX_MEGAPIXELS higher")),
    ("^not complete within", Cause("not complete in time", f"{_SET}DOWNLOAD__DEADLINE higher")),
    ("^no answer in time", Cause("no answer in time", f"{_SET}DOWNLOAD__TIMEOUT higher, or {AGAIN}")),
    (r"^(host name not found|cannot connect)", Cause("host not reachable", f"check the network, then {AGAIN}")),
    (r"^connection lost|ends early|HTTP (5\d\d|429)", Cause("the server broke off or was busy", AGAIN)),
    (r"^HTTP 4\d\d$", Cause("no longer there", COLLECT)),
    (r"^smaller than \d+ px", Cause("too small", f"{_SET}QUALITY__MIN_SIDE lower")),
    (r"^blurred: native", Cause("blurred", f"{_SET}QUALITY__MIN_SHARPNESS_NATIVE lower")),
    (r"^blurred: sharpness", Cause("blurred", f"{_SET}QUALITY__MIN_SHARPNESS lower")),
    (r"^blurred", Cause("blurred", f"{_SET}QUALITY__MIN_FOCUS lower")),
    (r"^dark: ", Cause("nearly black", f"{_SET}QUALITY__MIN_BRIGHTNESS lower")),
    (r"^low contrast: ", Cause("of low contrast", f"{_SET}QUALITY__MIN_CONTRAST lower")),
    (r"^noisy: ", Cause("noisy", f"{_SET}QUALITY__MAX_NOISE higher")),
    ("source_error", Cause("the collector reported an error in the record's place", "collect these accounts again")),
    ("dropped on purpose", Cause("other people's comments, dropped on purpose", "to keep them under pseudonyms, "
        f"{_SET}INGEST__KEEP_COMMENTS=true and ingest the file again")),
)  # fmt: skip
# Row positions in a reason are irrelevant for its cause.
_PLACE = re.compile(r"^(?:line \d+|sheet '.*?', row \d+): ")
# What precedes these words is a value of that one record.
_OF_ONE_VALUE = re.compile(r"^.+? (?=is (?:not a |no |none of |negative|before |in the future))")
_LONGEST = 120


def for_videos(cause: Cause) -> Cause:
    """The cause with its remedy for videos, which mentions other settings than the remedy for images."""
    remedy = cause.remedy.replace("materialize images+", "materialize reel_videos+")
    return cause._replace(remedy=remedy.replace("DOWNLOAD__MAX_IMAGE_MB", "REELS__MAX_VIDEO_MB"))


def cause_of(reason: str | None, field: str = "") -> Cause:
    """The cause of a row's `reason`: a known cause, else the reason itself without values specific to the row.

    `field` is the name of the invalid field, for records in quarantine.
    """
    said = reason or "no reason given"
    for pattern, cause in _KNOWN:
        if re.search(pattern, said):
            return cause
    words = _OF_ONE_VALUE.sub("a value ", _PLACE.sub("", said))[:_LONGEST]
    return Cause(f"{field}: {words}" if field else words)
