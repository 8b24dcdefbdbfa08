"""Parsing rules for single fields: each turns a JSON value into the stored value, or raises an error that says why not.

Every function takes the value, the field's name and the record's list of warnings. It raises RecordError when the
record cannot be trusted, and adds a warning when the value was readable but unusual.
"""

import json
import math
import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from itertools import islice

from instagram_assets.errors import RecordError
from instagram_assets.ingest.hashtags import HASHTAG_SIGNS, hashtags_in, mentions_in, merge_listed
from instagram_assets.ingest.reader.json_values import MAX_DIGITS, json_type_name
from instagram_assets.schemas.posts import HIDDEN_LIKES

MISSING = "is missing"
SOURCE_ERROR = "source_error"
CAPTION_LIMIT = 2200
LIST_LIMIT = 100
URL_LIMIT = 8192
IDENTIFIER_LIMIT = 64

_LARGEST = 2**63 - 1
_DIGITS = re.compile(r"[0-9]{1,19}(?:\.0+)?")
# Some spreadsheets write ids with thousands separators.
_IDENTIFIER = re.compile(rf"(?!.{{{IDENTIFIER_LIMIT + 1}}})[A-Za-z0-9_.:+-]+(?:,[A-Za-z0-9+]+)?")
_GUARDED = re.compile(rf"""\s*(?:=\s*"({_IDENTIFIER.pattern})"|'?({_IDENTIFIER.pattern}))\s*""")
# The same wording for every value: rejected values are counted by their reason.
FORMULA = " but a formula without a saved result: save the file in a spreadsheet program"
_DIGITS_ALONE = "; write digits alone, as 1234"
_NAME_LIMIT = 30
_NAME = re.compile(r"[A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*", re.ASCII)
_BLANKS = " \t\xa0\u200b\u3000\ufeff"
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_SURROGATES = re.compile("[\ud800-\udfff]")
_QUICKLY_SORTED = 1_000
_encode = json.JSONEncoder(ensure_ascii=False, sort_keys=True, allow_nan=False).encode


def is_missing(value: object) -> bool:
    """True for null and for NaN, which pandas writes instead of null."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def parse_count(value: object, field: str, warnings: list[str]) -> int | None:
    """Parse a count, 0 to 2^63 - 1; null when it is missing.

    3.0 and the string "1234" are valid; 3.7, true, -1, "1,234" and "1.2k" raise RecordError. NaN, infinity and numbers
    above the maximum become null with a warning.
    """
    if value is None or (type(value) is int and 0 <= value <= _LARGEST):
        return value
    if isinstance(value, float) and not math.isfinite(value):
        warnings.append(f"{field}: {shown_value(value)} is not a number that we can keep, taken as unknown")
        return None
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        value = int(value.partition(".")[0])
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise RecordError(field, f"{shown_value(value)} is not a whole number{_hint(value)}")
    if value < 0:
        raise RecordError(field, f"{shown_value(value)} is negative")
    if value > _LARGEST:
        warnings.append(f"{field}: {shown_value(value)} is too large, taken as unknown")
        return None
    return value


def _hint(value: object) -> str:
    """Return advice for a string that only people read as a number ("1,234", "1.2k"), and for a spreadsheet formula."""
    if isinstance(value, str) and value.startswith("="):
        return FORMULA
    return _DIGITS_ALONE if isinstance(value, str) and any(map(str.isdecimal, value)) else ""


def parse_likes(value: object, field: str, warnings: list[str]) -> int | None:
    """Parse the number of likes; HIDDEN_LIKES when the owner hides it, which collectors write as -1."""
    if not isinstance(value, bool) and value in (HIDDEN_LIKES, str(HIDDEN_LIKES)):
        return HIDDEN_LIKES
    return parse_count(value, field, warnings)


def parse_choice(value: object, field: str, options: Mapping[object, str]) -> str:
    """Map one of a few allowed words or numbers to our name for it in `options`. Raises RecordError for any other."""
    if is_missing(value):
        raise RecordError(field, MISSING)
    if not isinstance(value, str | int) or isinstance(value, bool) or value not in options:
        raise RecordError(field, f"{shown_value(value)} is none of {', '.join(map(str, options))}")
    return options[value]


def parse_size(value: object, field: str, warnings: list[str]) -> int | None:
    """Parse a width or height in pixels; anything else is null with a warning."""
    if type(value) is int and 0 <= value < 2**31:
        return value
    try:
        pixels = parse_count(value, field, warnings)
    except RecordError as error:
        warnings.append(str(error))
        return None
    return pixels if pixels is None or pixels < 2**31 else None


def parse_seconds(value: object, field: str, warnings: list[str]) -> float | None:
    """Parse a duration in seconds; anything else is null with a warning."""
    if is_missing(value):
        return None
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e9:
        return float(value)
    warnings.append(f"{field}: {shown_value(value)} is no length in seconds, taken as unknown")
    return None


def parse_flag(value: object, field: str, warnings: list[str]) -> bool | None:
    """Parse a boolean; null and NaN become null, anything else becomes null with a warning."""
    if value is None or isinstance(value, bool):
        return value
    if is_missing(value):
        return None
    warnings.append(f"{field}: {shown_value(value)} is neither true nor false, taken as unknown")
    return None


def parse_text(value: object, field: str, warnings: list[str]) -> str | None:
    """Clean a string for storage: NFC, line ends as `\\n`, no control characters, lone surrogates replaced.

    Null, NaN and other missing values become None. Raises RecordError for other types.
    """
    if is_missing(value):
        return None
    if not isinstance(value, str):
        raise RecordError(field, f"{json_type_name(value)} instead of text")
    if value.isascii():
        return _without_controls(value)
    if _SURROGATES.search(value):
        warnings.append(f"{field}: broken characters replaced")
        value = _SURROGATES.sub("\ufffd", value)
    return _without_controls(unicodedata.normalize("NFC", _stream_safe(value)))


def parse_label(value: object, field: str, warnings: list[str]) -> str | None:
    """Parse a purely descriptive string, such as a location's name; other types become null with a warning."""
    try:
        return parse_text(value, field, warnings)
    except RecordError as error:
        warnings.append(f"{error}, taken as unknown")
        return None


def parse_identifier(value: object, field: str) -> str:
    """Parse an id, verbatim: leading zeros and underscores are kept. 44.0 becomes 44: pandas turns ids into floats.

    Surrounding blanks and the prefixes by which spreadsheets keep an id as text (`'44`, `="44"`) are removed. Raises
    RecordError for an invalid or missing id.
    """
    if value == "" or is_missing(value):
        raise RecordError(field, MISSING)
    if isinstance(value, float) and 0 <= value <= _LARGEST and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**40:
        return str(value)
    if isinstance(value, str) and (found := _IDENTIFIER.fullmatch(value) or _GUARDED.fullmatch(value)):
        return found[found.lastindex or 0]
    raise RecordError(field, f"{shown_value(value)} is no id")


def parse_optional_identifier(value: object, field: str) -> str | None:
    """Parse an id; None when it is missing. Raises RecordError when it is invalid."""
    return None if value == "" or is_missing(value) else parse_identifier(value, field)


def parse_account_name(value: object, field: str) -> str:
    """Parse an account's name: lower case, without @ and blanks.

    Raises RecordError for a name that Instagram does not allow.
    """
    if is_missing(value):
        raise RecordError(field, MISSING)
    if not isinstance(value, str) or not is_account_name(name := strip_at_sign(value)):
        raise RecordError(field, f"{shown_value(value)} is no account name")
    return name.casefold()


def strip_at_sign(value: str) -> str:
    """Return an account name without a leading @ and surrounding blanks."""
    return value.strip(_BLANKS).removeprefix("@").removeprefix("\uff20")


def is_account_name(name: str) -> bool:
    """True for 1 to 30 ASCII letters, digits, `_` and single inner dots."""
    return len(name) <= _NAME_LIMIT and _is_account_name(name)  # keeps the cache's entries small


@lru_cache(maxsize=4096)
def _is_account_name(name: str) -> bool:
    return _NAME.fullmatch(name) is not None


def parse_url(value: object, field: str, warnings: list[str]) -> str | None:
    """Return a URL verbatim and unchecked; null with a warning when it cannot be stored."""
    if value == "" or is_missing(value):
        return None
    if isinstance(value, str) and len(value) <= URL_LIMIT and (value.isascii() or not _SURROGATES.search(value)):
        return value
    warnings.append(f"{field}: {shown_value(value)} is no address that can be kept")
    return None


def parse_hashtags(caption: str | None, listed: object, field: str, warnings: list[str]) -> list[str]:
    """Return the caption's distinct hashtags without #, plus those of the record's own list if that is longer."""
    if caption is None:
        return limit_list((tag.lstrip(HASHTAG_SIGNS) for tag in _texts(listed, field)), field, warnings)
    found = hashtags_in(caption)
    if isinstance(listed, list) and len(listed) > len(found):  # pyright: ignore[reportUnknownArgumentType]
        found = merge_listed(
            found, (tag.lstrip(HASHTAG_SIGNS) for tag in _texts(listed, field)), caption, hashtags_in, "#"
        )
    return limit_list(found, field, warnings) if found else found


def parse_mentions(caption: str | None, listed: object, field: str, warnings: list[str]) -> list[str]:
    """Return the distinct accounts that the caption mentions, plus those of the record's own list if that is longer."""
    found = mentions_in(caption) if caption is not None else []
    if isinstance(listed, list) and len(listed) > len(found):  # pyright: ignore[reportUnknownArgumentType]
        names = (name.removeprefix("@") for name in _texts(listed, field))
        found = merge_listed(found, names, caption or "", mentions_in, "@")
    if not found:
        return found
    return limit_list([name.casefold() for name in found if is_account_name(name)], field, warnings)


def parse_usernames(value: object, field: str, warnings: list[str]) -> list[str]:
    """Return the usernames from a list of accounts (objects or names); images and full names must not be stored."""
    if not value:
        return []
    people: list[object] = list(value) if isinstance(value, list) else []  # pyright: ignore[reportUnknownArgumentType]
    names: list[object] = [person.get("username") if isinstance(person, dict) else person for person in people]  # pyright: ignore
    bare = [strip_at_sign(name) for name in names if isinstance(name, str)]
    return limit_list((name.casefold() for name in bare if is_account_name(name)), field, warnings)


def limit_list(found: Iterable[str], field: str, warnings: list[str]) -> list[str]:
    """Return the values in `found` without duplicates, in order; beyond LIST_LIMIT it is truncated with a warning."""
    if isinstance(found, list) and len(found) <= LIST_LIMIT:
        return list(dict.fromkeys(found))
    kept = list(islice(dict.fromkeys(islice(found, 100 * LIST_LIMIT)), LIST_LIMIT + 1))
    if len(kept) > LIST_LIMIT:
        warnings.append(f"{field}: more than {LIST_LIMIT}, the rest left out")
    return kept[:LIST_LIMIT]


def extra_as_json(unknown: Mapping[str, object], warnings: list[str]) -> str | None:
    """Return a record's fields that have no column (`unknown`) as JSON text; None if there are none.

    Numbers that JSON cannot represent (NaN, infinity) become null with a warning.
    """
    if not unknown:
        return None
    try:
        written = _encode(unknown)
    except ValueError:
        plain = json.dumps(unknown)
        finite = json.loads(plain, parse_constant=lambda _: None)
        odd = (key for key, value in unknown.items() if value != finite[key])
        warnings += [f"{key}: holds a number that we cannot keep, taken as unknown" for key in islice(odd, LIST_LIMIT)]
        written = json.dumps(finite, ensure_ascii=False, sort_keys=True)
    return replace_surrogates(written)


def replace_surrogates(value: str) -> str:
    """Replace lone surrogates with U+FFFD, so that the text can be encoded."""
    return value if value.isascii() else _SURROGATES.sub("\ufffd", value)


def _texts(value: object, field: str) -> list[str]:
    items: list[object] = [value] if isinstance(value, str) else list(value) if isinstance(value, list) else []  # pyright: ignore[reportUnknownArgumentType]
    return [clean for item in items if isinstance(item, str) and (clean := (parse_text(item, field, []) or "").strip())]


def _stream_safe(value: str) -> str:
    """Insert a joiner after every 30 combining marks in a row: normalizing a longer run takes quadratic time.

    This is the Stream-Safe Text Format of Unicode Standard Annex #15; no language needs longer runs.
    """
    return value if len(value) <= _QUICKLY_SORTED else _marks().sub("\\g<0>\u034f", value)


@cache
def _marks() -> re.Pattern[str]:
    marks = "".join(filter(unicodedata.combining, map(chr, range(0x110000))))
    return re.compile(f"[{re.escape(marks)}]{{30}}")


def _without_controls(value: str) -> str:
    if "\r" in value:
        value = value.replace("\r\n", "\n").replace("\r", "\n")
    return _CONTROLS.sub("", value)


def shown_value(value: object) -> str:
    """Return a short display form of a value, whatever its size; the contents of a list or object are not shown."""
    if isinstance(value, list | dict):
        return "an object" if isinstance(value, dict) else "a list"
    if isinstance(value, float) and math.isinf(value):
        return f"an infinite number or one of over {MAX_DIGITS} digits"
    if isinstance(value, int) and abs(value) >= 10**40:
        return "a number of over 40 digits"
    shown_value = repr(value[:80] if isinstance(value, str) else value)
    return shown_value if len(shown_value) <= 80 else shown_value[:80] + "…"
