"""Format of ads in a team's spreadsheet with the columns Post URL, Captions, Views, Likes, Comments, Date.

Column names are matched without regard to case, blanks and underscores. A row is recognised as an ad by its columns,
even if some cells are empty, so that a row of totals, or one with merged cells, is reported as such.
"""

import re
from collections.abc import Iterable, Sequence

from instagram_assets.errors import RecordError
from instagram_assets.ingest.formats.field_mapping import AdMapping, Part
from instagram_assets.ingest.reader.json_values import Record
from instagram_assets.ingest.record_source import RecordSource

FORMAT = "ads"
ROW_NUMBER = "(place in the table)"
"""Key under which the reader of a table of ads stores a row's position."""
MERGED = "where cells are merged, split them and fill each one"
NO_AD = "a row of totals, or one below merged cells: split them and fill each one"
NEEDED = "a table of ads needs Post URL, Date, and one of Views, Likes and Comments"

_COLUMNS = {
    "posturl": "url",
    "adurl": "url",
    "captions": "caption",
    "caption": "caption",
    "views": "views",
    "likes": "likes",
    "comments": "comments",
    "date": "taken_at",
    "account": "account",
}
_COUNTS = ("views", "likes", "comments")
_NOT_LETTERS = re.compile(r"[\W_]+")
_FEWEST = 2

AD = AdMapping(
    fields={
        "url": ("Post URL", "Ad URL"),
        "taken_at": ("Date",),
        "account": ("Account",),
        "caption": ("Captions", "Caption"),
        "views": ("Views",),
        "likes": ("Likes",),
        "comments": ("Comments",),
    },
    known=frozenset((*_COLUMNS.values(), ROW_NUMBER)),
)
"""Field mapping for an ad, from spreadsheet columns to this program's; `with_our_names` has renamed them already."""


def column_of(name: str) -> str | None:
    """Return our column for a column name of an ad spreadsheet; None for any other name."""
    return _COLUMNS.get(_NOT_LETTERS.sub("", name).casefold())


def is_number(name: str) -> bool:
    """True for a column whose cells can be numbers: counts and dates (in spreadsheets, days since 1899-12-30)."""
    return column_of(name) in (*_COUNTS, "taken_at")


def is_table(names: Iterable[str]) -> bool:
    """True if these column names include a URL, a date and a count, as in a table of ads."""
    found = {column_of(name) for name in names}
    return {"url", "taken_at"} <= found and not found.isdisjoint(_COUNTS)


def is_record(record: Record) -> bool:
    """True for a row of a table of ads, even if some of its cells are empty."""
    if ROW_NUMBER in record:
        return True
    found = [column_of(name) for name in record]
    return "url" in found and len(set(found) - {None}) > _FEWEST


def parse(record: Record, source: RecordSource) -> tuple[Part, ...]:
    """Return the ad in a record. Raises RecordError, which names the row, for a row of totals or without a URL."""
    ad = with_our_names(record)
    if problem := _problem(ad):
        raise RecordError(problem.field, with_location(ad, problem.reason))
    return (Part(AD, ad),)


def with_location(ad: Record, problem: str) -> str:
    """Return the message `problem` about a row, preceded by the row number if that is known."""
    return f"{ad[ROW_NUMBER]}: {problem}" if ROW_NUMBER in ad else problem


def with_our_names(record: Record) -> Record:
    """Return a row of an ad spreadsheet under our column names.

    Of two columns with the same meaning, the first non-empty one is used.
    """
    found: Record = {}
    for name, value in record.items():
        ours = column_of(name) or name
        if found.get(ours) is None:
            found[ours] = value
    return found


def fields_of(ad: Record) -> Record:
    """Return an ad with our column names mapped back to the spreadsheet's (in their usual spelling), for messages."""
    return {AD.fields.get(name, (name,))[0]: value for name, value in ad.items() if name != ROW_NUMBER}


def _problem(ad: Record) -> RecordError | None:
    """Return why a row is not a valid ad, judging by its URL and date; None if it may be one."""
    lacks = [name for name in ("url", "taken_at") if ad.get(name) in (None, "")]
    if len(lacks) > 1 or (lacks == ["taken_at"] and not _is_address(ad["url"])):
        return RecordError("", f"has no address and no date: {NO_AD}")
    if lacks == ["url"]:
        return RecordError("Post URL", f"is empty: {MERGED}")
    if lacks:
        return RecordError("Date", f"is empty: {MERGED}")
    if not _is_address(ad["url"]):
        shown = repr(str(ad["url"])[:60])
        return RecordError("Post URL", f"{shown} is no address: write it out, as https://www.instagram.com/p/…/")
    return None


def _is_address(value: object) -> bool:
    return isinstance(value, str) and re.match(r"(https?://)?[\w-]+(\.[\w-]+)+/\S*\Z", value.strip()) is not None


def with_row_number(names: Sequence[str], record: Record, row_number: str) -> Record:
    """Return a row of a table of ads with its row number and with null for empty cells; other records unchanged."""
    if not is_table(names):
        return record
    return {**{name: None for name in names if column_of(name)}, **record, ROW_NUMBER: row_number}
