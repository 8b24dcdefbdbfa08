"""What tests need to know about browsers: settings that work for root and others, and which processes there are."""

import os
import select
from pathlib import Path
from time import monotonic

from instagram_assets.settings import SearchSettings

# The sandbox needs rights that containers often lack; the pages of the tests are our own.
OPTIONS = SearchSettings(flags="--no-sandbox", scroll_pause=0, page_timeout=20)


def processes(folder: Path) -> dict[int, str]:
    """The processes whose command line names the folder, by number; a browser's profile is in TMPDIR."""
    found: dict[int, str] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and int(entry.name) != os.getpid():
            try:
                words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:  # it has just ended
                continue
            if str(folder) in words:
                found[int(entry.name)] = words
    return found


def browser_process(folder: Path) -> int:
    """The browser's own process, of all that it consists of."""
    return next(
        number for number, words in processes(folder).items() if "--user-data-dir" in words and "--type=" not in words
    )


def wait_until_ended(numbers: list[int], seconds: float) -> None:
    """Return when all these processes have ended, or after the time."""
    until = monotonic() + seconds
    for number in numbers:
        try:
            handle = os.pidfd_open(number)
        except ProcessLookupError:
            continue
        try:
            select.select([handle], [], [], max(0, until - monotonic()))
        finally:
            os.close(handle)
