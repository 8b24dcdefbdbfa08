"""Labels: who is of the cut-off age or older, read from a CSV of ages or years of birth."""

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from instagram_assets.age.delimited import read_rows
from instagram_assets.errors import FileError, RecordError
from instagram_assets.settings import IngestSettings

LABELS = pa.schema([("username", pa.string()), ("label", pa.int8()), ("age", pa.int16())])
REFUSED = pa.schema([("line", pa.int64()), ("username", pa.string()), ("field", pa.string()), ("reason", pa.string())])

YOUNGEST, OLDEST = 1, 120
COLUMNS = {
    "username": ("username", "user_name", "account"),
    "age": ("age", "labeled_age", "labelled_age"),
    "birth_year": ("birth_year", "year_of_birth"),
}
"""The names that a column may have; upper case, spaces, dots and dashes make no difference: `user.name`."""

# Instagram's names, and the pseudonyms that stand for them.
_USERNAME = re.compile(r"[a-z0-9_.][a-z0-9_.-]{0,63}")
_WHOLE = re.compile(r"([+-]?)([0-9]+)(?:\.0*)?")
_MOST_DIGITS = 4


class Labels(NamedTuple):
    """The usable labels, one row a user in the order of the file, and each row that was refused with its reason.

    `table` has the columns of `LABELS`: label 1 for age ≥ cut-off, else 0. `refused` has those of `REFUSED`; its
    username is empty where what stands there cannot be one.
    """

    table: pa.Table
    refused: pa.Table


class _Said(NamedTuple):
    line: int
    username: str
    age: int


def read_labels(path: Path, cutoff: int, this_year: int, limits: IngestSettings | None = None) -> Labels:
    """The labels in a CSV file with `username` (with or without @) and `age` or `birth_year`, in whole years.

    An age from a year of birth is the one reached in `this_year`, so it may be a year too high. A user may be named
    several times with the same age; whoever is given two ages is refused with all rows.
    Raises FileError when the file as a whole cannot be used, also when no row of it can.
    """
    said: list[_Said] = []
    refused: list[tuple[int, str, str, str]] = []
    for row in read_rows(path, COLUMNS, (("username",), ("age", "birth_year")), limits or IngestSettings()):
        username = row.cells.get("username", "").strip().removeprefix("@").lower()
        try:
            if row.problem:
                raise RecordError("", row.problem)
            said.append(_Said(row.line, _username(username), _age(row.cells, this_year)))
        except RecordError as error:
            # What cannot be a name is only shown in the reason, where nothing in it can harm a terminal.
            shown = username if _USERNAME.fullmatch(username) else ""
            refused.append((row.line, shown, error.field, error.reason))
    ages: dict[str, list[_Said]] = defaultdict(list)
    for one in said:
        ages[one.username].append(one)
    agreed = [rows[0] for rows in ages.values() if len({one.age for one in rows}) == 1]
    refused += [_contradiction(one, rows) for rows in ages.values() if len({r.age for r in rows}) > 1 for one in rows]
    refused.sort()
    if not agreed:
        raise _nothing_usable(path, refused)
    labels = [int(one.age >= cutoff) for one in agreed]
    columns = [[one.username for one in agreed], labels, [one.age for one in agreed]]
    return Labels(_table(columns, LABELS), _table(list(zip(*refused, strict=True)) or [[]] * 4, REFUSED))


def _username(name: str) -> str:
    if not name:
        raise RecordError("username", "is empty; give the account's name")
    if not _USERNAME.fullmatch(name):
        raise RecordError("username", f"{_shown(name)} is no account name; use letters, digits, `_`, `.` and `-`")
    return name


def _age(cells: dict[str, str], this_year: int) -> int:
    """The age in a row. Raises RecordError when there is none, or two that contradict each other."""
    age, year = cells.get("age", "").strip(), cells.get("birth_year", "").strip()
    if not age and not year:
        raise RecordError("age" if "age" in cells else "birth_year", "is empty; fill it in or take the row out")
    if not year:
        return _whole(age, "age", YOUNGEST, OLDEST)
    reached = this_year - _whole(year, "birth_year", this_year - OLDEST, this_year - YOUNGEST)
    if not age:
        return reached
    years = _whole(age, "age", YOUNGEST, OLDEST)
    # Before the birthday one is a year younger than the year of birth says.
    if years not in (reached, reached - 1):
        raise RecordError("age", f"{years} contradicts `birth_year` {year} in {this_year}; correct one of them")
    return years


def _whole(text: str, field: str, least: int, most: int) -> int:
    number = _WHOLE.fullmatch(text)
    if not number:
        raise RecordError(field, f"{_shown(text)} is no whole number; write digits only")
    sign, digits = number.groups()
    if sign == "-" or len(digits) > _MOST_DIGITS or not least <= int(digits) <= most:
        raise RecordError(field, f"{_shown(text)} is not possible; allowed: {least} to {most}")
    if sign:
        raise RecordError(field, f"{_shown(text)} has a sign; write digits only")
    return int(digits)


def _contradiction(one: _Said, rows: list[_Said]) -> tuple[int, str, str, str]:
    told = ", ".join(f"line {other.line} says {other.age}" for other in rows[:5])
    return one.line, one.username, "age", f"two ages for one user ({told}); leave the right one"


def _nothing_usable(path: Path, refused: list[tuple[int, str, str, str]]) -> FileError:
    if not refused:
        return FileError(str(path), "there is no row below the header", "Add one line per user")
    line, _, field, reason = refused[0]
    problem = f"none of its {len(refused)} rows can be used; {field or 'row'}: {reason}"
    return FileError(str(path), problem, "Mend the rows and try again", f"line {line}")


def _shown(text: str) -> str:
    return ascii(text[:60]) + ("…" if len(text) > 60 else "")


def _table(columns: Sequence[Sequence[object]], schema: pa.Schema) -> pa.Table:
    arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)
