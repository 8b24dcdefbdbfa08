"""What forgetting did, step by step, and the proof that is written of it: counts and hashes, without any name."""

import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from itertools import chain, count
from pathlib import Path
from typing import Any

from instagram_assets.forget.bare_words import BareWord
from instagram_assets.forget.left_alone import NotTouched
from instagram_assets.forget.proving import file_of
from instagram_assets.forget.steps import Applied, Step
from instagram_assets.forget.subject import Subject
from instagram_assets.privacy.byte_search import Searched
from instagram_assets.settings import Settings
from instagram_assets.storage.atomic import make_folder, write_atomic

_BEGUN = "begun"
"""Notes the place of a step before it is done."""


@dataclass(frozen=True)
class Outcome:
    """What a step did in a place: files that went and that were rewritten, rows, bytes, and the files' SHA-256."""

    place: str
    removed: int
    rewritten: int
    rows: int
    bytes_written: int
    hashes: list[str]


@dataclass
class Report:
    """What was done: rows, files and bytes by place, what a search over everything found, and what was left alone.

    `words` are names that are ordinary words, of which only mentions of the account were taken out and looked for.
    `at_least` are places of which a try that was stopped may have done more than it could note.
    """

    removed: Counter[str] = field(default_factory=Counter[str])
    rewritten: Counter[str] = field(default_factory=Counter[str])
    rows: Counter[str] = field(default_factory=Counter[str])
    bytes_written: Counter[str] = field(default_factory=Counter[str])
    hashes: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    searched: Searched = field(default_factory=Searched)
    left: list[NotTouched] = field(default_factory=list[NotTouched])
    words: list[BareWord] = field(default_factory=list[BareWord])
    at_least: set[str] = field(default_factory=set[str])
    tombstones: int = 0
    seconds: float = 0.0
    search_seconds: float = 0.0
    proof: Path | None = None

    def add(self, done: Outcome) -> None:
        """Count what a step did."""
        for counter, number in (
            (self.removed, done.removed),
            (self.rewritten, done.rewritten),
            (self.rows, done.rows),
            (self.bytes_written, done.bytes_written),
        ):
            if number:
                counter[done.place] += number
        self.hashes += [{"place": done.place, "sha256": found} for found in done.hashes]

    def add_noted(self, lines: Iterable[dict[str, Any]]) -> None:
        """Count what tries that were stopped noted; a step that they began and did not end counts as `at_least`."""
        under_way: str | None = None
        for line in lines:
            if under_way and _BEGUN in line:
                self.at_least.add(under_way)
            under_way = line.get(_BEGUN)
            if under_way is None:
                self.add(Outcome(**line))
        if under_way:
            self.at_least.add(under_way)


def apply_steps(
    settings: Settings,
    steps: Iterable[Step],
    report: Report,
    on_step: Callable[[Step], None],
    note: Callable[[dict[str, Any]], None] = lambda outcome: None,
) -> None:
    """Do each step, count it, and note that it begins and what it did."""
    for step in steps:
        on_step(step)
        note({_BEGUN: step.place})
        outcome = _outcome(settings, step, step.apply())
        note(asdict(outcome))
        report.add(outcome)


def _outcome(settings: Settings, step: Step, done: int | Applied) -> Outcome:
    if isinstance(done, Applied):
        hashes = list(done.rewritten)
        return Outcome(step.place, done.removed, len(hashes), done.rows, done.bytes_written, hashes)
    if step.verb == "remove":
        return Outcome(step.place, 1, 0, step.rows, done, [])
    found = file_of(settings, step)
    return Outcome(step.place, 0, 1, step.rows, done, [found] if found else [])


def write_proof(privacy: Path, name: str, subject: Subject, report: Report, began: datetime) -> Path:
    """Write what was done, without a word that tells of whom: who has the key can compute the hash of a name."""
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
        "not_looked_for_as_bare_words": [{"rows_of_others": word.rows} for word in report.words],
        "not_touched": [left.what for left in report.left],
    }
    file = _free(privacy / "proofs", f"{began:%Y-%m-%dT%H-%M-%SZ}-{name[:12]}")
    text = json.dumps(content, indent=1).encode()
    make_folder(file.parent)
    file.parent.chmod(0o700)
    write_atomic(file, lambda stream: stream.write(text), private=True)
    return file


def _free(folder: Path, name: str) -> Path:
    """A file that is not there yet: a proof is never overwritten, also of the same subject within one second."""
    names = chain([f"{name}.json"], (f"{name}-{number}.json" for number in count(2)))
    return next(path for each in names if not (path := folder / each).exists())
