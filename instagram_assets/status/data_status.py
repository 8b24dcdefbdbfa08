"""The status of a data folder: input and output rows of each table, rows left out and why, files, and the age model.

Row counts come from Parquet footers; only files with rows that are not `ok` have their `status` and `reason` read.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
from upath import UPath

from instagram_assets.age.model_files import find_age_model
from instagram_assets.age.pipeline import model_folder
from instagram_assets.alerts.deliver import ALERTS_FOLDER, Trouble, troubles
from instagram_assets.errors import ModelError, StorageError
from instagram_assets.ingest.folder_scan import ERROR_SUFFIX, REJECTED
from instagram_assets.ingest.inbox import waiting_entries
from instagram_assets.ingest.landing import has_all_tables
from instagram_assets.ingest.manifests import LandedFile, manifest_path, newest_manifests, pending_files, read_manifest
from instagram_assets.partitions import first_day, window
from instagram_assets.schemas import CONTRACTS
from instagram_assets.settings import Settings
from instagram_assets.status.preflight import how_to_have, missing_models
from instagram_assets.status.remedies import Cause, cause_of, for_videos
from instagram_assets.storage.lake import files, read_rows
from instagram_assets.storage.parquet_files import footer_counts

_T = TypeVar("_T")
MOST_REASONS = 3
OLDER = "older ones: unset INSTAGRAM_ASSETS_START_DAY, or split the accounts over several data folders"
# The input stages of each table; other tables have no input, and their rows in equal their rows out.
_INPUTS = {
    "posts": ("raw_posts", "raw_reels"),
    "image_quality": ("images",),
    "captions": ("images",),
    "embeddings": ("images",),
    "clusters": ("embeddings",),
    "impressions": ("posts",),
    "viral_labels": ("posts", "raw_ads"),
    "tokens": ("posts",),
}
# Why a table legitimately has fewer rows than its input.
_LESS = {
    "posts": ("merged", "older or doubled observations of a post"),
    "clusters": ("merged", "pictures that several posts have"),
    "tokens": ("passed over", "posts without a caption"),
}

OnDamage = Callable[[str, StorageError], None]
"""A callback with the name of a damaged table and the error that describes the damage."""


@dataclass(frozen=True)
class Reason:
    """Why rows were left out of a table (`words`), how many, and what to do (`remedy`, empty if there is nothing)."""

    words: str
    count: int
    remedy: str = ""


@dataclass(frozen=True)
class LeftOut:
    """Rows missing from a table because of one outcome (`how`): `failed`, `refused`, `quarantined`, `waiting`, …"""

    how: str
    count: int
    reasons: list[Reason]
    where: str = ""
    """The folder of the table that lists these rows, if it is another table."""


@dataclass(frozen=True)
class TableStatus:
    """Status of a table: number of input and output rows, which rows were left out, and its folder (`where`)."""

    name: str
    rows_in: int
    rows_out: int
    left_out: list[LeftOut]
    where: str


@dataclass(frozen=True)
class Skipped:
    """A table that is not computed because its models are missing: the reason, and how to get them."""

    stage: str
    reason: str
    remedy: str


@dataclass(frozen=True)
class ExportFiles:
    """Export files by state: ingested, ingested but not yet processed, still in the inbox, rejected, damaged."""

    landed: int
    pending: list[str]
    waiting: list[str]
    rejected: list[Reason]
    damaged: list[Reason]


@dataclass(frozen=True)
class Output:
    """A dataset file or folder and its size in bytes."""

    path: str
    bytes: int


@dataclass
class DataStatus:
    """The status of one data folder: files, tables, datasets and alerts."""

    files: ExportFiles
    stages: list[TableStatus]
    skipped: list[Skipped] = field(default_factory=list[Skipped])
    datasets: list[Output] = field(default_factory=list[Output])
    alerts: list[Trouble] = field(default_factory=list[Trouble])
    """Alert channels that cannot deliver."""

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"alerts": [trouble.as_json() for trouble in self.alerts]}


def read_data_status(root: UPath, settings: Settings, on_damage: OnDamage | None = None) -> DataStatus:
    """Read the status of a lake and its data folder.

    A damaged table is passed to `on_damage` and the other tables are read; without it, StorageError is raised.
    """
    landed, broken = _landed(root)
    told = on_damage or _raise
    counts = {name: _careful(told, name, lambda name=name: _count(root, name), _NONE) for name in CONTRACTS}
    stages = [_careful(told, "quarantine", lambda: _records(landed, root), _no_stage("records", root))]
    stages += [
        _careful(told, name, lambda name=name: _stage(name, counts, root), _no_stage(name, root))
        for name in CONTRACTS
        if name != "quarantine"
    ]
    missing = missing_models(settings)
    return DataStatus(
        _files(landed, broken, root, settings.folder("inbox")),
        [stage for stage in stages if stage.rows_in or stage.rows_out],
        [Skipped(stage, why.partition(". ")[0], how_to_have(missing)) for stage, why in missing.items()],
        [Output(str(path), bytes_below(path)) for path in sorted(settings.folder("datasets").glob("*"))],
        troubles(settings.alerts, settings.folder(ALERTS_FOLDER)),
    )


def bytes_below(path: Path) -> int:
    """Size in bytes of a file, or of all files below a folder."""
    found = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in found)


@dataclass(frozen=True)
class _Counted:
    """Row counts of a table, read from Parquet footers; `odd` are the files with rows whose status is not `ok`."""

    rows: int
    statuses: Counter[str]
    odd: list[UPath]

    @property
    def out(self) -> int:
        return self.statuses["ok"] if self.statuses else self.rows


_NONE = _Counted(0, Counter(), [])


def _careful(told: OnDamage, name: str, read: Callable[[], _T], otherwise: _T) -> _T:
    try:
        return read()
    except StorageError as error:
        told(name, error)
        return otherwise


def _raise(_: str, error: StorageError) -> None:
    raise error


def _no_stage(name: str, root: UPath) -> TableStatus:
    return TableStatus(name, 0, 0, [], str(root / name))


def _count(root: UPath, name: str) -> _Counted:
    found = [(path, *footer_counts(path, name)) for path in files(root, name)]
    statuses = sum((statuses for _, _, statuses in found), Counter[str]())
    return _Counted(
        sum(rows for _, rows, _ in found), statuses, [path for path, _, own in found if own.keys() - {"ok"}]
    )


def _stage(name: str, counts: dict[str, _Counted], root: UPath) -> TableStatus:
    counted = counts[name]
    # After retention, only tables derived from the deleted rows still exist.
    rows_in = max(sum(counts[source].out for source in _INPUTS.get(name, ())), counted.rows)
    left_out = _left_out(name, counted)
    less = rows_in - counted.rows
    if name in _LESS and counted.rows and less > 0:
        how, words = _LESS[name]
        left_out.append(LeftOut(how, less, [Reason(words, less)]))
    return TableStatus(name, rows_in, counted.out, left_out, str(root / name))


def _left_out(name: str, counted: _Counted) -> list[LeftOut]:
    reasons: dict[str, Counter[str | None]] = {how: Counter() for how in sorted(counted.statuses.keys() - {"ok"})}
    for path in counted.odd:
        for how, reason, count in _grouped(read_rows(path, name, columns=["status", "reason"]), ["status", "reason"]):
            if how in reasons:
                reasons[how][reason] += count
    reword = for_videos if name in ("reel_videos", "reel_analyses") else None
    return [LeftOut(how, counted.statuses[how], _in_words(reasons[how].items(), reword)) for how in reasons]


def _records(landed: Sequence[LandedFile], root: UPath) -> TableStatus:
    """Status of the records in all ingested files: the first row of the overview, before the raw tables."""
    first, last = first_day(), window()[1]
    outside, quarantined = sum(file.outside(first, last) for file in landed), sum(file.quarantined for file in landed)
    taken = sum(file.taken for file in landed)
    left_out: list[LeftOut] = []
    if quarantined:
        counts: list[tuple[str | None, int]] = []
        for path in files(root, "quarantine"):
            rows = _grouped(read_rows(path, "quarantine", columns=["field", "reason"]), ["field", "reason"])
            counts += [(f"{at}\0{reason}", count) for at, reason, count in rows]
        left_out.append(LeftOut("quarantined", quarantined, _in_words(counts), str(root / "quarantine")))
    if outside:
        told = Reason(f"posts of days before {first} or after {last}, in the landing zone", outside, OLDER)
        left_out.append(LeftOut("waiting", outside, [told]))
    return TableStatus(
        "records", sum(file.records for file in landed), taken - outside, left_out, str(root / "landing")
    )


def _in_words(counts: Iterable[tuple[str | None, int]], reword: Callable[[Cause], Cause] | None = None) -> list[Reason]:
    """Summarise (reason of a row, count) pairs by cause: the most frequent causes, and one entry for all other causes.

    `reword` can change the wording of a cause.
    """
    causes: Counter[Cause] = Counter()
    for reason, count in counts:
        place, _, said = (reason or "").rpartition("\0")
        cause = cause_of(said, place)
        causes[reword(cause) if reword else cause] += count
    told = [Reason(cause.words, count, cause.remedy) for cause, count in causes.most_common(MOST_REASONS)]
    rest = causes.total() - sum(reason.count for reason in told)
    return [*told, Reason("other reasons", rest)] if rest else told


def _grouped(table: pa.Table, columns: list[str]) -> Iterator[tuple[str, str | None, int]]:
    grouped = table.group_by(columns).aggregate([([], "count_all")])
    yield from zip(*(grouped[name].to_pylist() for name in (*columns, "count_all")), strict=True)


def _landed(root: UPath) -> tuple[list[LandedFile], list[Reason]]:
    """The manifests of ingested files, and a reason with a remedy for each damaged manifest or landing table."""
    remedy = "run instagram-assets ingest: it is read again from inbox/done"
    landed: list[LandedFile] = []
    broken: list[Reason] = []
    for name in sorted(newest_manifests(root)):
        try:
            file = read_manifest(root, name)
        except StorageError:
            broken.append(Reason(f"{manifest_path(root, name)} is damaged", 1, remedy))
            continue
        if file is None or file.is_past:
            continue
        landed.append(file)
        if not has_all_tables(root, file):
            broken.append(Reason(f"rows of {file.file} (sha256 {file.sha256[:12]}…) are damaged or gone", 1, remedy))
    return landed, broken


def _files(landed: Sequence[LandedFile], broken: list[Reason], root: UPath, inbox: Path) -> ExportFiles:
    rejected = [
        Reason(next(iter(note.read_text("utf-8", "replace").splitlines()), note.name), 1, "")
        for note in sorted((inbox / REJECTED).glob(f"*{ERROR_SUFFIX}"))
    ]
    return ExportFiles(
        len(landed),
        [file.file for file in pending_files(root)],
        [path.name for path in waiting_entries(inbox)],
        rejected,
        broken,
    )


@dataclass(frozen=True)
class AgeModelQuality:
    """Test accuracy of the age model with confidence interval, and the accuracy of the baseline `without_model`.

    The numbers are None if the model was never evaluated. `problem` says why it cannot be used (else empty).
    """

    accuracy: float | None = None
    low: float | None = None
    high: float | None = None
    without_model: float | None = None
    problem: str = ""


def read_age_model_quality(settings: Settings) -> AgeModelQuality | None:
    """Read the test quality of the configured age model; None if it is disabled or not trained."""
    folder = model_folder(settings)
    if not settings.age.enabled or not folder.is_dir():
        return None
    try:
        known = find_age_model(folder, settings.folder("models")).config.metrics
    except ModelError as error:
        return AgeModelQuality(problem=str(error))
    if "accuracy" not in known:
        return AgeModelQuality()
    names = ("accuracy", "accuracy, low", "accuracy, high", "accuracy of the larger class")
    return AgeModelQuality(*(known[name] for name in names))
