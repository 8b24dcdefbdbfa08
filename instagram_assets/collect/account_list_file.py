"""A user's list of accounts to collect: a text file with one name per line, or a CSV table with a column of names."""

import codecs
import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from instagram_assets.errors import FileError
from instagram_assets.ingest.reader.byte_streams import file_chunks
from instagram_assets.ingest.reader.file_types import data_kind
from instagram_assets.media.format_detection import is_binary
from instagram_assets.report.safe_text import printable
from instagram_assets.sources.account_and_hashtag_names import is_hashtag, parse_account_name

CELL_SEPARATORS = ",;\t|"
NAME_COLUMNS = (
    *("username", "user", "handle", "account", "igusername", "instagramusername", "ownerusername", "accountname"),
    *("usernames", "users", "handles", "accounts", "instagram", "아이디", "사용자", "사용자이름", "사용자명", "계정"),
    *("계정명", "인스타그램", "name", "names", "profile", "profileurl", "url", "link"),
)
"""Accepted headers of the name column, by priority; case, blanks, `_`, `-` and `.` are ignored."""

_USERS = ("instagram",)  # is an account itself
_MOST_BYTES = 64 << 20
_MOST_TOLD = 10
_SHOWN = 60
_BLANKS = "\ufeff \t\r\n"
_REMEDY = "Give a text file with one name on each line, or a CSV file with a column `username`"
_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
# `#sun_diary` is not a comment: it can be meant as a hashtag.
_COMMENT = re.compile(r"\s*(#(\s|#|[^\w\s]|$)|//)")
_COMMENT_BEHIND = re.compile(r"\s+(#(\s.*)?|//.*)$", re.DOTALL)
_BETWEEN_WORDS = re.compile(r"[\s._-]+")


@dataclass(frozen=True)
class AccountList:
    """The account names read from a file, in order and without duplicates; `notes` are remarks to show to the user."""

    names: tuple[str, ...]
    notes: tuple[str, ...] = ()


def read_account_list(path: Path) -> AccountList:
    """Read the account names in a file.

    Accepted are one name per line, or a table with a header whose columns are separated by `,`, `;`, `|` or tabs. A
    name can be written as `@name` or as the URL of a profile. Quotes, blank lines, any line ending and comments that
    begin with `# ` are handled; encodings are UTF-8 with or without a byte order mark, UTF-16 with one, and CP949.
    Raises FileError that lists every line without a valid account name.
    """
    text = _text(path)
    problems = list[str]()
    first: dict[str, int] = {}
    notes = list[str]()
    for line, cell in _cells(text, path, notes):
        try:
            name = _name(cell)
        except ValueError as error:
            problems.append(f"line {line}, {_shown(cell)}: {error}")
            continue
        if (before := first.setdefault(name, line)) != line:
            notes.append(f"line {line}: {name} stands in line {before} already and counts once")
    if problems:
        lines = "a line names" if len(problems) == 1 else f"{len(problems):,} lines name"
        raise FileError(str(path), f"{lines} no account", f"Mend what is wrong:\n{_told(problems)}")
    if not first:
        raise FileError(str(path), "it names nobody", _REMEDY)
    return AccountList(tuple(first), tuple(notes))


def _text(path: Path) -> str:
    content = b""
    for chunk in file_chunks(path):
        content += chunk
        if len(content) > _MOST_BYTES:
            raise FileError(str(path), f"it is larger than {_MOST_BYTES >> 20} MB", "Leave the names in it alone")
    for mark, encoding in _MARKS.items():
        if content.startswith(mark):
            return content.decode(encoding, "replace")
    if (kind := data_kind(content[:512])) or is_binary(content):
        raise FileError(str(path), f"this is {kind.name if kind else 'no text'}", _REMEDY)
    for encoding in ("utf-8", "cp949"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    # Account names are ASCII in any encoding; other columns do not matter.
    return content.decode("utf-8", "replace")


class _Lines:
    """Iterates over the lines of an account list, skipping comments and blank lines between records.

    A record is one account: a line, or a table row, which spans several lines if a quoted cell contains line breaks.
    `number` is the line number at which the current record begins. In a plain list (not a table), comments after the
    names are removed as well.
    """

    def __init__(self, text: str) -> None:
        self.number = 0
        self.is_between = True
        self.is_list = False
        self._read = 0
        self._lines = io.StringIO(text, newline=None)

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        for line in self._lines:
            self._read += 1
            if not self.is_between:
                return line
            if line.strip(_BLANKS) and not _COMMENT.match(line):
                self.is_between, self.number = False, self._read
                return _COMMENT_BEHIND.sub("", line) if self.is_list else line
        raise StopIteration


def _cells(text: str, path: Path, notes: list[str]) -> Iterator[tuple[int, str]]:
    """Yield, for each row, the line number at which it begins and the content of its account-name column."""
    lines = _Lines(text)
    head = next(lines, "")
    alone = _COMMENT_BEHIND.sub("", head).strip(_BLANKS + CELL_SEPARATORS)
    lines.is_list = not any(separator in alone for separator in CELL_SEPARATORS)
    head = alone if lines.is_list else head
    separator = max(CELL_SEPARATORS, key=head.count)
    reader = csv.reader(_again(head, lines), delimiter=separator, strict=True, skipinitialspace=True)
    place, has_header = -1, False
    while True:
        try:
            row = [cell.strip(_BLANKS) for cell in next(reader)]
        except StopIteration:
            return
        except csv.Error as error:
            problem = 'a quote is opened and not closed, or stands inside a cell and should be ""'
            raise FileError(str(path), problem, "Mend it", f"line {lines.number}") from error
        lines.is_between = True
        if place < 0:
            place, has_header = _place(row, path, lines.number, notes)
            if has_header:
                continue
        named = row[place] if place < len(row) else ""
        beside = sum(bool(cell) for number, cell in enumerate(row) if number != place)
        if beside and not has_header:
            raise _without_header(row, path, lines.number)
        if named or beside:
            yield lines.number, named


def _again(head: str, lines: _Lines) -> Iterator[str]:
    """Yield the first line (`head`), which was already consumed to detect the format, then the remaining lines."""
    if head:
        yield head
    yield from lines


def _place(row: Sequence[str], path: Path, line: int, notes: list[str]) -> tuple[int, bool]:
    """Detect from the first row the index of the account-name column, and whether that row is a header."""
    keys = [_BETWEEN_WORDS.sub("", cell).casefold() for cell in row]
    is_alone = sum(map(bool, row)) == 1
    known = [column for column in NAME_COLUMNS if column in keys]
    if known and not (is_alone and known[0] in _USERS):
        place = keys.index(known[0])
        if is_alone:
            notes.append(f"line {line}: {row[place]} is taken for the column's name; @{row[place]} would be a user")
        return place, True
    if not is_alone:
        raise _without_header(row, path, line)
    return next((number for number, cell in enumerate(row) if cell), 0), False


def _without_header(row: Sequence[str], path: Path, line: int) -> FileError:
    found = ", ".join(_shown(cell) for cell in row)[:200]
    problem = f"it has {len(row)} columns, and no first line that calls one of them username, user or name ({found})"
    return FileError(str(path), problem, "Write `username` above the column of the names", f"line {line}")


def _name(cell: str) -> str:
    if not cell:
        raise ValueError("the column of the names is empty in this row")
    if is_hashtag(cell):
        raise ValueError("a hashtag, where users are named; a comment begins with `# `, with a blank")
    return parse_account_name(_COMMENT_BEHIND.sub("", cell))


def _told(problems: Sequence[str]) -> str:
    more = len(problems) - _MOST_TOLD
    return "\n".join([*problems[:_MOST_TOLD], *([f"and {more:,} more"] if more > 0 else [])])


def _shown(cell: str) -> str:
    return printable(cell, _SHOWN) or '""'
