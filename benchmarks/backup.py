"""Backups beside tar, rsync and restic: `python -m benchmarks.backup [--quick] [--json]`.

A lake with one post per account and day and its pictures is backed up whole, then once more unchanged, then after a day
in which each account wrote one post, and brought back. Each side is its own command, with its start, and has its bytes
on the disk when it ends (`sync`). tar stores everything each time; rsync makes a second tree whose unchanged files are
hard links; restic packs, encrypts and hashes, as a repository of its own. Peers that are not on PATH are left out. The
trees that come back have to be those that were stored, by their hashes.
"""

import hashlib
import os
import random
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from upath import UPath

from benchmarks.export_lake import FILES_OF_ACCOUNT, write_lake
from benchmarks.measure import Measured, Report, options, run_command

_ROWS_OF_FILE = 30  # one post a day
_PICTURE = 60_000
_PASSWORD = {"RESTIC_PASSWORD": "benchmark"}
_Step = Callable[[Path, str], list[str]]
"""The command that backs up below a folder, as the backup of a name."""


def main() -> int:
    """Run the benchmark."""
    chosen = options(__doc__ or "")
    accounts, rounds = (15, 1) if chosen.quick else (60, 3)
    report = Report("backup", ["pyarrow"])
    sides = {name: side for name, side in _SIDES.items() if name == "ours" or shutil.which(name)}
    for name in _SIDES.keys() - sides.keys():
        report.note(f"{name} is not on PATH: left out")
    seconds: dict[tuple[str, str], list[float]] = {}
    for _ in range(rounds):
        for name in sides:
            with tempfile.TemporaryDirectory(prefix="benchmark-backup-") as folder:
                for step, measured in _round(name, Path(folder), accounts, report).items():
                    seconds.setdefault((name, step), []).append(measured)
    for (name, step), all_rounds in sorted(seconds.items()):
        median = statistics.median(all_rounds)
        report.note(f"{name}: {step} {median:,.2f}")
        if name == "ours":
            report.figures[step] = median
        else:
            report.figures[f"{step.removesuffix('_seconds')}_ratio_vs_{name}"] = median / statistics.median(
                seconds["ours", step]
            )
    report.show(as_json=chosen.json)
    return 0


def _round(name: str, folder: Path, accounts: int, report: Report) -> dict[str, float]:
    """What each step of one side takes; the last one is how many MB are stored in the end."""
    data, target = folder / "data", folder / "backups"
    _fill(data, accounts)
    report.figures["files"] = sum(1 for each in data.rglob("*") if each.is_file())
    target.mkdir()
    back_up, bring_back = _SIDES[name]
    if name == "restic":
        _run(["restic", "init", "-q", "-r", str(target)], folder)
    told: dict[str, float] = {}
    for number, step in enumerate(("first_seconds", "unchanged_seconds", "next_day_seconds")):
        if step == "next_day_seconds":
            _next_day(data)
        _settle()
        told[step] = _run(back_up(folder, f"{number}"), folder).seconds
    told["stored_mb"] = _disk_bytes(target) / 1e6
    if bring_back:
        told["restore_seconds"] = _run(bring_back(folder, "2"), folder).seconds
        if (found := _hashes(next((folder / "back").rglob("lake")).parent)) != _hashes(data):
            raise AssertionError(f"{name}: {len(found)} files came back, other ones than were stored")
    return told


def _fill(data: Path, accounts: int) -> None:
    write_lake(UPath(data / "lake"), accounts, _ROWS_OF_FILE)
    chance = random.Random(7)
    for _ in range(accounts * FILES_OF_ACCOUNT * 2):
        _write(data / "media", chance.randbytes(_PICTURE))


def _next_day(data: Path) -> None:
    """Each account's newest month is written anew in every table, with one more picture."""
    chance = random.Random(8)
    newest = f"{2024 + (FILES_OF_ACCOUNT - 1) // 12}-{(FILES_OF_ACCOUNT - 1) % 12 + 1:02}.parquet"
    for path in sorted((data / "lake").glob(f"*/*/{newest}")):
        new = path.with_suffix(".new")
        new.write_bytes(path.read_bytes()[::-1])
        new.replace(path)
        if path.parent.parent.name == "posts":
            _write(data / "media", chance.randbytes(_PICTURE))


def _write(media: Path, body: bytes) -> None:
    name = hashlib.sha256(body).hexdigest()
    path = media / name[:2] / f"{name}.jpg"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)


def _ours(folder: Path, name: str) -> list[str]:
    return [sys.executable, "-m", "instagram_assets.cli", "backup", str(folder / "backups")]


def _ours_back(folder: Path, name: str) -> list[str]:
    words = ["restore", str(folder / "backups"), "--into", str(folder / "back")]
    return [sys.executable, "-m", "instagram_assets.cli", *words]


def _tar(folder: Path, name: str) -> list[str]:
    file = f"{folder}/backups/{name}.tar"
    return ["sh", "-c", f"tar cf {file} -C {folder} data && sync -f {file}"]


def _tar_back(folder: Path, name: str) -> list[str]:
    return [
        "sh",
        "-c",
        f"mkdir {folder}/back && tar xf {folder}/backups/{name}.tar -C {folder}/back && sync -f {folder}",
    ]


def _rsync(folder: Path, name: str) -> list[str]:
    before = f"--link-dest={folder}/backups/{int(name) - 1}" if int(name) else "--times"
    command = f"rsync -a {before} {folder}/data/ {folder}/backups/{name}/"
    return ["sh", "-c", f"{command} && sync -f {folder}"]


def _rsync_back(folder: Path, name: str) -> list[str]:
    return ["sh", "-c", f"rsync -a {folder}/backups/{name}/ {folder}/back/ && sync -f {folder}"]


def _restic(folder: Path, name: str) -> list[str]:
    return ["restic", "backup", "-q", "-r", str(folder / "backups"), str(folder / "data")]


def _restic_back(folder: Path, name: str) -> list[str]:
    words = ["latest", "-q", "-r", str(folder / "backups"), "--target", str(folder / "back")]
    return ["sh", "-c", f"restic restore {' '.join(words)} && sync -f {folder}"]


_SIDES: dict[str, tuple[_Step, _Step | None]] = {
    "ours": (_ours, _ours_back),
    "tar": (_tar, _tar_back),
    "rsync": (_rsync, _rsync_back),
    "restic": (_restic, _restic_back),
}


def _run(command: list[str], folder: Path) -> Measured:
    given = {"INSTAGRAM_ASSETS_DATA_DIR": str(folder / "data"), "RESTIC_CACHE_DIR": str(folder / "cache")}
    given["INSTAGRAM_ASSETS_PRIVACY__FOLDER"] = str(folder / "keys")
    return run_command(command, os.environ | _PASSWORD | given, folder)


def _settle() -> None:
    """What was written before is on the disk, and nobody waits for it in what is measured."""
    os.sync()


def _hashes(root: Path) -> dict[str, str]:
    """Of the lake and the media: what else comes back is ours alone."""
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for part in ("lake", "media")
        for path in (root / part).rglob("*")
        if path.is_file()
    }


def _disk_bytes(root: Path) -> int:
    """What a folder takes, files with several names once."""
    sizes = {told.st_ino: told.st_size for path in root.rglob("*") if path.is_file() for told in [path.stat()]}
    return sum(sizes.values())


if __name__ == "__main__":
    sys.exit(main())
