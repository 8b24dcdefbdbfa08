"""Files changed in one place: `python -m instagram_assets_tests.faults.mutations [--trials 2000] [--seed 1] [--json]`.

Each is landed beside a good file. Nothing may end in a traceback, take more than 60 seconds or 500 MB; the good file
lands; every post and profile that the change left alone is a row, or a named row of quarantine.
"""

import argparse
import json
import os
import random
import resource
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from instagram_assets.ingest.post_ids import post_id_from_url
from instagram_assets_tests.faults.harness import Worker
from instagram_assets_tests.faults.mutate import KINDS, Mutation, Place, Seed, mutate, record_of, seeds, values, written
from instagram_assets_tests.faults.report import note, print_figures

TARGET = "instagram_assets_tests.faults.mutations:land"
LOADED = ("instagram_assets_tests.faults.warm",)
MOST_SECONDS, MOST_MB = 60, 500

GOOD = {
    "id": "1",
    "type": "Image",
    "shortCode": "GOOD",
    "caption": "",
    "timestamp": "2025-07-29T11:15:43.000Z",
    "displayUrl": "https://cdn.example/g.jpg",
    "ownerUsername": "good.neighbour",
    "ownerId": "5",
}
_HANDLES = {"shortCode", "shortcode", "code", "post_shortcode", "permalink", "url"}
_PROFILE_SIGNS = {"followersCount", "edge_followed_by", "follower_count", "followers_count"}


@dataclass(frozen=True)
class Unit:
    """A post or profile of a file that becomes a row when nothing is changed."""

    place: Place
    index: int
    inside: str
    keys: frozenset[str]


@dataclass
class Campaign:
    """How many trials there were, what they were, and those where a promise was broken."""

    trials: int = 0
    kinds: Counter[str] = field(default_factory=Counter[str])
    ends: Counter[str] = field(default_factory=Counter[str])
    units: int = 0
    most_mb: float = 0
    failures: list[str] = field(default_factory=list[str])


def campaign(trials: int, seed: int, said: Callable[[str], None] = lambda _: None) -> Campaign:
    """Try so many changes, the same for the same seed; each file and each kind of change comes about equally often."""
    files, result = seeds(), Campaign()
    with Worker(TARGET, LOADED) as worker:
        known = {file.name: _units(worker, file) for file in files}
        for number in range(trials):
            chance = random.Random(f"{seed}:{number}")
            file, kind = files[number % len(files)], KINDS[number // len(files) % len(KINDS)]
            mutation = mutate(file, kind, chance)
            problem = _trial(worker, file, mutation, known[file.name], result, chance)
            result.trials += 1
            result.kinds[kind] += 1
            if problem:
                result.failures.append(f"{number}: {file.name}, {mutation.kind} {mutation.what}: {problem}")
                said(result.failures[-1])
    return result


def land(folder: str, disturbed: str = "", reading: int = 0) -> None:
    """Land what lies in a data folder's inbox and print what became of it; runs in a process of its own.

    The file named `disturbed` is taken away or renamed when it is opened for the n-th time.
    """
    from upath import UPath

    from instagram_assets.ingest import inbox
    from instagram_assets.ingest.reader import byte_streams
    from instagram_assets.settings import load_settings

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    settings = load_settings(data_dir=Path(folder), start_day=date(2010, 10, 6))
    if disturbed:
        _disturb(byte_streams, settings.folder("inbox") / disturbed, reading)
    lake = UPath(settings.folder("lake"))
    result = inbox.land_files([], lake, settings)
    if disturbed:
        delattr(byte_streams, "open")
        # Taken away, it is nowhere; renamed, it lands now.
        result.rejected += inbox.land_files([], lake, settings).rejected
    extra = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    lists = {name: list(map(str, getattr(result, name))) for name in ("rejected", "left", "gone")}
    print(json.dumps({**_tables(settings.folder("lake")), **lists, "mb": extra}))


def _disturb(streams: Any, path: Path, reading: int) -> None:
    opened = [0]

    def disturbing(name: Path, mode: str) -> Any:
        stream = name.open(mode)
        opened[0] += name == path
        if name == path and opened[0] == abs(reading):
            path.unlink() if reading < 0 else path.rename(path.with_name("renamed.json"))
        return stream

    streams.open = disturbing


def _tables(lake: Path) -> dict[str, Any]:
    """The keys of all rows that landed, and all rows of quarantine without their content."""
    import pyarrow.parquet as pq

    found: dict[str, Any] = {"rows": [], "quarantine": []}
    for kind, key in (("posts", "post_id"), ("reels", "post_id"), ("profiles", "account")):
        for path in sorted((lake / "landing" / kind).glob("*.parquet")):
            rows = pq.ParquetFile(path).read([key, "source_index", "source_file"], use_threads=False).to_pylist()
            found["rows"] += [[row["source_file"], row["source_index"], row[key]] for row in rows]
    for path in sorted((lake / "landing" / "quarantine").glob("*.parquet")):
        rows = pq.ParquetFile(path).read(["file", "index", "field", "reason"], use_threads=False).to_pylist()
        found["quarantine"] += [[row["file"], row["index"], row["field"], row["reason"]] for row in rows]
    return found


def _units(worker: Worker, seed: Seed) -> list[Unit]:
    """The posts and profiles of the unchanged file: what has a key of one of its rows, and looks like one."""
    outcome, _ = _landed(worker, seed.name, seed.content)
    keys = {key for name, _, key in outcome["rows"] if name == seed.name}
    document = None if seed.lines else json.loads(seed.text)
    units = list(_found(values(seed.text, lines=seed.lines), keys, document, lines=seed.lines))
    if missed := keys - {key for unit in units for key in unit.keys}:
        raise AssertionError(f"{seed.name}: plain json does not find {sorted(missed)}")
    return units


def _found(places: dict[Place, Any], keys: set[str], document: Any, *, lines: bool) -> Iterator[Unit]:
    for place, value in places.items():
        if not isinstance(value, dict):
            continue
        names: set[str] = set(value)
        written_ids = [str(value[name]).partition("_")[0] for name in ("id", "pk", "post_id") if name in value]
        written_ids += [post_id_from_url(value.get(name)) or "" for name in ("url", "permalink")]
        ids = keys.intersection(written_ids) if names & _HANDLES else set[str]()
        if names & _PROFILE_SIGNS:
            ids |= keys.intersection(str(value.get(name)).casefold() for name in ("username", "ownerUsername"))
        if ids:
            index, inside = record_of(place, document, lines=lines)
            yield Unit(place, index, written(inside), frozenset(ids))


def _landed(
    worker: Worker, name: str, content: bytes, disturbed: str = "", reading: int = 0
) -> tuple[dict[str, Any], Path | None]:
    """What became of one file beside a good one."""
    with tempfile.TemporaryDirectory(dir=_memory()) as folder:
        inbox = Path(folder) / "inbox"
        inbox.mkdir()
        (inbox / name).write_bytes(content)
        (inbox / "zz_good.json").write_text(json.dumps([GOOD]))
        outcome = worker.run(Path(folder), [folder, disturbed, reading], seconds=MOST_SECONDS)
        if outcome.exit:
            raise AssertionError(f"ended with {outcome.exit}: {outcome.output[-800:]}")
        *_, last = outcome.output.splitlines()
        lost = {path.name for path in inbox.rglob("*") if path.is_file()}
        kept = (disturbed and reading < 0) or any(not other.startswith("zz_good") for other in lost)
        return json.loads(last), None if kept else inbox / name


def _trial(
    worker: Worker, seed: Seed, mutation: Mutation, units: Sequence[Unit], result: Campaign, chance: random.Random
) -> str:
    """What is wrong with how one changed file ended; empty for nothing."""
    disturbed, reading = "", 0
    if mutation.kind in ("delete", "rename"):
        disturbed, reading = seed.name, chance.choice([1, 2]) * (-1 if mutation.kind == "delete" else 1)
    try:
        outcome, lost = _landed(worker, seed.name, mutation.content, disturbed, reading)
    except (AssertionError, TimeoutError) as error:
        return str(error)
    result.most_mb = max(result.most_mb, outcome["mb"])
    said = [*outcome["rejected"], *outcome["left"], *(row[3] for row in outcome["quarantine"])]
    result.ends["rejected" if outcome["rejected"] else "gone" if outcome["gone"] else "landed"] += 1
    if outcome["mb"] > MOST_MB:
        return f"{outcome['mb']:.0f} MB"
    if lost:
        return "the file is nowhere"
    if not any(name == "zz_good.json" for name, *_ in outcome["rows"]):
        return f"the good file did not land: {said}"
    if unforeseen := [text for text in said if "did not foresee" in text or "our program failed" in text]:
        return unforeseen[0]
    if outcome["left"]:
        return f"left: {outcome['left']}"
    if mutation.kind == "delete":
        return ""
    alone = [unit for unit in units if mutation.alone is None or unit.place in mutation.alone]
    result.units += len(alone)
    missing = [unit for unit in alone if not _is_told(unit, units, seed, outcome)]
    if missing:
        return f"{len(missing)} of {len(alone)} are missing, such as {missing[0]}; said: {said[:5]}"
    return ""


def _is_told(unit: Unit, units: Sequence[Unit], seed: Seed, outcome: dict[str, Any]) -> bool:
    """True when a post or profile is a row, or a row of quarantine that is about it or about all of its record."""
    if any(key in unit.keys for name, _, key in outcome["rows"] if name != "zz_good.json"):
        return True
    moved = 1 if seed.lines else 0  # a line that became two moves the others
    others = {_element(other.inside) for other in units if other.index == unit.index} - {_element(unit.inside)}
    for name, index, place, reason in outcome["quarantine"]:
        if name == "zz_good.json" or abs(index - unit.index) > moved or not reason:
            continue
        own = _element(unit.inside)
        if place.startswith(own) or not any(other and place.startswith(other) for other in others):
            return True
    return False


def _element(inside: str) -> str:
    """The place of the list's element that something is in: data.edges[3] for data.edges[3].node."""
    return inside[: inside.rfind("]") + 1]


def _memory() -> str | None:
    """A folder in memory where there is one: a trial is a landing, not a disk."""
    return "/dev/shm" if os.path.isdir("/dev/shm") else None


def main() -> int:
    """Run the campaign; exit code 1 when a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    chosen = parser.parse_args()
    done = campaign(chosen.trials, chosen.seed, note)
    note(", ".join(f"{name} {number}" for name, number in sorted({**done.kinds, **done.ends}.items())))
    figures = {
        "trials": done.trials,
        "records_left_alone": done.units,
        "most_extra_mb": done.most_mb,
        "failures": len(done.failures),
    }
    print_figures("mutations", ["pyarrow"], figures, as_json=chosen.json)
    return 1 if done.failures else 0


if __name__ == "__main__":
    sys.exit(main())
