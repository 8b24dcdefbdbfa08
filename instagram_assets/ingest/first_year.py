"""The lake begins with the year of its oldest post."""

from datetime import date

from upath import UPath

from instagram_assets.ingest.manifests import manifests, mark_pending
from instagram_assets.storage.layout import lower_first_year, read_layout

MOST_CELLS = 500_000
"""Accounts × days of one asset that Dagster still handles well."""


def follow_oldest_post(lake: UPath, last_day: date) -> str:
    """Let the lake begin on 1 January of the oldest landed post's year; why it does not, or an empty text.

    Files with posts of the days that are new to the lake wait for their tables again. It never begins later than it
    did. `last_day` is the lake's last day.
    """
    landed = manifests(lake)
    oldest = min((min(file.days) for file in landed if file.days), default=None)
    if oldest is None:
        return ""
    layout = read_layout(lake)
    before = (layout and layout.first_year) or last_day.year
    year = min(int(oldest[:4]), before)
    accounts = len({account for file in landed for account in file.accounts})
    cells = accounts * ((last_day - date(year, 1, 1)).days + 1)
    if year < before and cells > MOST_CELLS:
        lower_first_year(lake, before)
        return (
            f"Posts since {oldest} have landed, but from {year} on {accounts:,} accounts are {cells:,} cells, and "
            f"{MOST_CELLS:,} is the most of one lake: posts before {before} wait in the landing zone. Split the "
            "accounts over several data folders (INSTAGRAM_ASSETS_DATA_DIR)."
        )
    first, end = date(year, 1, 1).isoformat(), date(before, 1, 1).isoformat()
    for file in landed:
        if any(first <= day < end for day in file.days):
            mark_pending(lake, file.name, file.first_seen)
    lower_first_year(lake, year)
    return ""
