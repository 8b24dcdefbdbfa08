"""Applies the steps of an erasure, counts their results, and writes the report: counts and hashes, but no names."""

import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from itertools import chain, count
from pathlib import Path
from typing import Any

from instagram_assets.forget.ambiguous_names import AmbiguousName
from instagram_assets.forget.erasure_steps import Step, StepResult
from instagram_assets.forget.erasure_subject import ErasureSubject
from instagram_assets.forget.not_erased import NotErased
from instagram_assets.privacy.byte_search import ByteSearchResult
from instagram_assets.settings import Settings
from instagram_assets.storage.atomic import make_folder, write_atomic
from instagram_assets.storage.fingerprints import file_sha256

_BEGUN = "begun"
"""The key of a journal line that is written before a step is applied; its value is the step's area."""


@dataclass(frozen=True)
class StepOutcome:
    """The result of one step in one area: files removed and rewritten, rows, bytes, and SHA-256 of written files."""

    area: str
    removed: int
    rewritten: int
    rows: int
    bytes_written: int
    hashes: list[str]

    def to_json(self) -> dict[str, Any]:
        """Returns the result as the JSON object of a journal line."""
        line = asdict(self)
        return {"place": line.pop("area"), **line}

    @classmethod
    def from_json(cls, line: dict[str, Any]) -> "StepOutcome":
        """Returns the result parsed from a journal line. Raises TypeError for a line with missing or unknown fields."""
        return cls(**{"area" if key == "place" else key: value for key, value in line.items()})


@dataclass
class ErasureReport:
    """What an erasure did: files, rows and bytes by area, matches of the final byte search, and what was not erased.

    `ambiguous_names` are names that are ordinary words: only their mentions as an account were erased and searched for.
    `at_least` are data areas whose counts are lower bounds, since an interrupted attempt did not journal its last step.
    """

    removed: Counter[str] = field(default_factory=Counter[str])
    rewritten: Counter[str] = field(default_factory=Counter[str])
    rows: Counter[str] = field(default_factory=Counter[str])
    bytes_written: Counter[str] = field(default_factory=Counter[str])
    hashes: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    searched: ByteSearchResult = field(default_factory=ByteSearchResult)
    not_erased: list[NotErased] = field(default_factory=list[NotErased])
    ambiguous_names: list[AmbiguousName] = field(default_factory=list[AmbiguousName])
    at_least: set[str] = field(default_factory=set[str])
    tombstones: int = 0
    seconds: float = 0.0
    search_seconds: float = 0.0
    proof: Path | None = None

    def add(self, done: StepOutcome) -> None:
        """Adds the result of a step to the counts."""
        for counter, number in (
            (self.removed, done.removed),
            (self.rewritten, done.rewritten),
            (self.rows, done.rows),
            (self.bytes_written, done.bytes_written),
        ):
            if number:
                counter[done.area] += number
        self.hashes += [{"place": done.area, "sha256": found} for found in done.hashes]

    def add_journaled(self, lines: Iterable[dict[str, Any]]) -> None:
        """Adds the journaled results of interrupted attempts; areas of steps without a result are put in `at_least`."""
        open_area: str | None = None
        for line in lines:
            if open_area and _BEGUN in line:
                self.at_least.add(open_area)
            open_area = line.get(_BEGUN)
            if open_area is None:
                self.add(StepOutcome.from_json(line))
        if open_area:
            self.at_least.add(open_area)


def apply_steps(
    settings: Settings,
    steps: Iterable[Step],
    report: ErasureReport,
    on_step: Callable[[Step], None],
    write_journal: Callable[[dict[str, Any]], None] = lambda line: None,
) -> None:
    """Applies each step, adds its result to the report, and writes its start and its result to the journal."""
    for step in steps:
        on_step(step)
        write_journal({_BEGUN: step.area})
        outcome = _outcome(settings, step, step.apply())
        write_journal(outcome.to_json())
        report.add(outcome)


def _outcome(settings: Settings, step: Step, done: int | StepResult) -> StepOutcome:
    if isinstance(done, StepResult):
        hashes = list(done.rewritten)
        return StepOutcome(step.area, done.removed, len(hashes), done.rows, done.bytes_written, hashes)
    if step.verb == "remove":
        return StepOutcome(step.area, 1, 0, step.rows, done, [])
    found = _rewritten_sha256(settings, step)
    return StepOutcome(step.area, 0, 1, step.rows, done, [found] if found else [])


def _rewritten_sha256(settings: Settings, step: Step) -> str | None:
    """Returns the SHA-256 of the file that a step rewrote; None if it is in an object store or is not a file."""
    first, _, rest = step.path.partition("/")
    roots = {"lake": Path(settings.lake_uri), "media": settings.folder("media")}
    path = roots[first] / rest if first in roots else settings.data_dir.absolute() / step.path
    return file_sha256(path) if path.is_file() else None


def write_proof(privacy: Path, name: str, subject: ErasureSubject, report: ErasureReport, began: datetime) -> Path:
    """Writes the report of an erasure as a JSON file and returns its path.

    The report contains no names. `name` is the keyed hash of the subject, which only a holder of the key can compute.
    """
    known = subject.identifiers
    content: dict[str, Any] = {
        "subject": name,
        "kind": subject.target.kind,
        "began": began.isoformat(timespec="seconds"),
        "seconds": round(report.seconds, 1),
        "identifiers": {kind: len(list(known.of(kind))) for kind in ("account", "profile_id", "post_id", "image")},
        "tombstones": report.tombstones,
        "places": {
            place: {
                "files_removed": report.removed[place],
                "files_rewritten": report.rewritten[place],
                "rows": report.rows[place],
                "bytes_written": report.bytes_written[place],
                **({"at_least": True} if place in report.at_least else {}),
            }
            for place in sorted({*report.removed, *report.rewritten, *report.at_least})
        },
        "rewritten": report.hashes,
        "searched": {
            "files": report.searched.files,
            "bytes": report.searched.bytes,
            "found": len({(place.path, place.part) for place in report.searched.found}),
        },
        "not_looked_for_as_bare_words": [{"rows_of_others": word.rows} for word in report.ambiguous_names],
        "not_touched": [left.what for left in report.not_erased],
    }
    file = _unused_path(privacy / "proofs", f"{began:%Y-%m-%dT%H-%M-%SZ}-{name[:12]}")
    text = json.dumps(content, indent=1).encode()
    make_folder(file.parent)
    file.parent.chmod(0o700)
    write_atomic(file, lambda stream: stream.write(text), private=True)
    return file


def _unused_path(folder: Path, name: str) -> Path:
    """Returns a path that does not exist yet, so that no report is overwritten, not even within the same second."""
    names = chain([f"{name}.json"], (f"{name}-{number}.json" for number in count(2)))
    return next(path for each in names if not (path := folder / each).exists())
