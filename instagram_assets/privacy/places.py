"""Every place of the data folder: what it holds of whom, and what `forget` does there; the documents show it."""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import NamedTuple


class Place(NamedTuple):
    """Files of the data folder by a pattern of their paths; what they hold of whom; how `forget` treats them."""

    pattern: str
    holds: str
    forget: str


_ROWS = "rows of the subject go; in others' its name becomes a pseudonym"
_WHOLE = "the account's folder goes; " + _ROWS

PLACES: tuple[Place, ...] = (
    Place("inbox/*", "exports as they came: posts, profiles and texts of whoever is in them", "rewritten without it"),
    Place("lake/_layout.json", "the lake's layout and first year; nobody", "stays"),
    Place("lake/_retention.json", "up to when observations are gone; nobody", "stays"),
    Place("lake/landing/*", "records by file, and which files landed", _ROWS),
    Place("lake/features/*", "what models said of pictures, videos and texts", "rows of its media and texts go"),
    Place("lake/*/part.parquet", "tables of the whole lake", _ROWS),
    Place("lake/*", "the lake's tables, a folder for each account or search", _WHOLE),
    Place("media/index.sqlite*", "which address brought which picture", "its rows go, then the file is compacted"),
    Place("media/*", "pictures and videos", "go, unless posts of others have them as well"),
    Place("index/*", "made from the lake, for the web app; nothing of its own", "goes whole, and is made again"),
    Place("thumbnails/*", "small copies of pictures in `media/`; nothing of their own", "go with their pictures"),
    Place("datasets/search/*", "pictures of image searches, and where they came from", "pictures, lines and sheets go"),
    Place("datasets/delta/*", "Delta tables", "rows go, then all older versions"),
    Place("datasets/pseudonymous/*", "exports without names", "rows go by the subject's pseudonym"),
    Place("datasets/*", "CSV, JSON and Parquet that go out", _ROWS),
    Place("reports/age_model-*", "pictures of the age model's counts; nobody", "stay"),
    Place("reports/failures.jsonl", "failed runs with their errors, which may quote names", "names become pseudonyms"),
    Place("reports/search/*", "candidates of searches of which nothing was kept", "pictures and lines go"),
    Place("reports/*", "contact sheets, charts and pages", "pictures go, and pages that name it; made again"),
    Place("ledger/calls.sqlite*", "calls to Gemini: video, cost, answer", "video and answer go; the cost stays"),
    Place("ledger/under_way/*", "videos that are being asked about", "go"),
    Place("scrapes/*", "which names were asked of Apify, and when", "finished ones go; open ones lose the name"),
    Place("collection/books.sqlite*", "whom we asked about, and pages of it", "go; that a request was made stays"),
    Place("collection/answers/*", "answers in an unknown form", "go where they name it"),
    Place("alerts/*", "what was told by webhook or mail", "names become pseudonyms"),
    Place("accounts.toml", "whom to collect", "its entry goes; the rest stays byte for byte"),
    Place(".restor*.json", "which backup was brought back into the folder; nobody", "stays"),
    Place("age/*", "the age model; its test users have no names", "stays: train it again without the subject"),
    Place("demo/*", "invented people of the demo", "files of the subject go; " + _ROWS),
    Place("dagster/*", "runs, events and logs, named by account and day", "its cells go, elsewhere a pseudonym stands"),
    Place("models/*", "models of others; nobody", "stays"),
    Place("privacy/*.key", "keys of pseudonyms and tombstones; nobody without a name to try", "stay"),
    Place("privacy/tombstones.jsonl", "keyed hashes of what was forgotten", "gets a line for each identifier"),
    Place("privacy/forgetting/*", "what is being forgotten, in clear, until it is done", "goes at the end"),
    Place("privacy/proofs/*", "what was forgotten when, without names", "gets a report"),
    Place("privacy/*", "which backups there are, and aliases of comments' authors", "stays, without names"),
)
"""The first whose pattern fits a path counts; `*` stands for folders as well."""

OWN_FOLDERS = frozenset(place.pattern.partition("/")[0] for place in PLACES if "/" in place.pattern)
"""Folders of the data folder that are the program's: they may be links, to another disk perhaps. No other link is
followed, for what it leads to is somebody else's."""


def place_of(path: str) -> Place | None:
    """The place of a file, by its path below the data folder; null when nobody said it."""
    return next((place for place in PLACES if fnmatchcase(path, place.pattern)), None)


def places_page(places: Iterable[Place] = PLACES) -> str:
    """The table as Markdown, for the documents."""
    lines = [f"| `{place.pattern}` | {place.holds} | {place.forget} |" for place in places]
    return "\n".join(["| in the data folder | what of whom | `forget` |", "|---|---|---|", *lines, ""])
