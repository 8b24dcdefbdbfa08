"""The inventory of the data folder: which personal data each file contains, and how `forget` erases it."""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import NamedTuple


class InventoryEntry(NamedTuple):
    """A group of files in the data folder (by path pattern): their personal data, and how `forget` erases it."""

    pattern: str
    holds: str
    forget: str


_ROWS = "the data subject's rows are deleted; its name in other rows is pseudonymized"
_WHOLE = "the account's folder is deleted; " + _ROWS

INVENTORY: tuple[InventoryEntry, ...] = (
    InventoryEntry(
        "inbox/*",
        "exports as they came: posts, profiles and texts of whoever is in them",
        "rewritten without the data subject",
    ),
    InventoryEntry("lake/_layout.json", "the lake's layout and first year; nobody", "kept"),
    InventoryEntry("lake/_retention.json", "date up to which observations were deleted by retention; nobody", "kept"),
    InventoryEntry("lake/landing/*", "records by file, and which files landed", _ROWS),
    InventoryEntry(
        "lake/features/*", "what models said of pictures, videos and texts", "rows of its media and texts are deleted"
    ),
    InventoryEntry("lake/*/part.parquet", "tables of the whole lake", _ROWS),
    InventoryEntry("lake/*", "the lake's tables, a folder for each account or search", _WHOLE),
    InventoryEntry(
        "media/index.sqlite*",
        "address (URL) of each stored image or video",
        "its rows are deleted, then the file is compacted",
    ),
    InventoryEntry("media/*", "pictures and videos", "deleted, unless posts of others have them as well"),
    InventoryEntry("index/*", "made from the lake, for the web app; nothing of its own", "deleted and rebuilt"),
    InventoryEntry(
        "thumbnails/*", "small copies of pictures in `media/`; nothing of their own", "deleted with their originals"
    ),
    InventoryEntry(
        "datasets/search/*",
        "pictures of image searches, and where they came from",
        "images, manifest lines and contact sheets are deleted",
    ),
    InventoryEntry("datasets/delta/*", "Delta tables", "rows are deleted, then all older versions"),
    InventoryEntry(
        "datasets/pseudonymous/*", "exports without names", "rows with the data subject's pseudonym are deleted"
    ),
    InventoryEntry("datasets/*", "CSV, JSON and Parquet that go out", _ROWS),
    InventoryEntry("reports/age_model-*", "pictures of the age model's counts; nobody", "kept"),
    InventoryEntry(
        "reports/failures.jsonl", "failed runs with their errors, which may quote names", "names are pseudonymized"
    ),
    InventoryEntry(
        "reports/search/*", "candidates of searches of which nothing was kept", "images and manifest lines are deleted"
    ),
    InventoryEntry(
        "reports/*", "contact sheets, charts and pages", "images, and pages that name it, are deleted; regenerated"
    ),
    InventoryEntry(
        "ledger/calls.sqlite*",
        "calls to Gemini: video, cost, answer",
        "video and response are deleted; the cost is kept",
    ),
    InventoryEntry("ledger/under_way/*", "videos that are being asked about", "go"),
    InventoryEntry(
        "scrapes/*", "which names were asked of Apify, and when", "finished ones go; open ones lose the name"
    ),
    InventoryEntry(
        "collection/books.sqlite*",
        "whom we asked about, and pages of it",
        "deleted; requests, which rate limits count, are kept without the name",
    ),
    InventoryEntry("collection/answers/*", "answers in an unknown form", "deleted if they name it"),
    InventoryEntry("alerts/*", "what was told by webhook or mail", "names are pseudonymized"),
    InventoryEntry("accounts.toml", "whom to collect", "its entry is deleted; the rest is kept byte for byte"),
    InventoryEntry(".restor*.json", "which backup was brought back into the folder; nobody", "kept"),
    InventoryEntry(
        "age/*/training_people.json", "salted hashes of the usernames of an age model's training", "its hash is deleted"
    ),
    InventoryEntry("age/*", "the age model; its test users have no names", "stays: train it again without the subject"),
    InventoryEntry("demo/*", "invented people of the demo", "the data subject's files are deleted; " + _ROWS),
    InventoryEntry(
        "dagster/*",
        "runs, events and logs, named by account and day",
        "its partitions are deleted; its name elsewhere is pseudonymized",
    ),
    InventoryEntry("models/*", "models of others; nobody", "kept"),
    InventoryEntry("privacy/*.key", "keys of pseudonyms and tombstones; nobody without a name to try", "kept"),
    InventoryEntry("privacy/tombstones.jsonl", "keyed hashes of erased identifiers", "gets a line for each identifier"),
    InventoryEntry("privacy/forgetting/*", "what is being forgotten, in clear, until it is done", "goes at the end"),
    InventoryEntry("privacy/proofs/*", "what was forgotten when, without names", "gets a report"),
    InventoryEntry("privacy/*", "which backups there are, and aliases of comments' authors", "stays, without names"),
)
"""The inventory's entries; the first one whose pattern matches a path applies. `*` also matches `/`."""

OWN_FOLDERS = frozenset(place.pattern.partition("/")[0] for place in INVENTORY if "/" in place.pattern)
"""Subfolders of the data folder that belong to the program. They can be symbolic links, such as to another disk; other
links are not followed, since their targets do not belong to the program."""


def inventory_entry_of(path: str) -> InventoryEntry | None:
    """Returns the entry of a file, by its path below the data folder; None if no entry matches."""
    return next((place for place in INVENTORY if fnmatchcase(path, place.pattern)), None)


def inventory_markdown(places: Iterable[InventoryEntry] = INVENTORY) -> str:
    """Returns the inventory as a Markdown table for the documentation."""
    lines = [f"| `{place.pattern}` | {place.holds} | {place.forget} |" for place in places]
    return "\n".join(["| in the data folder | what of whom | `forget` |", "|---|---|---|", *lines, ""])
