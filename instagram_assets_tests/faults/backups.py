"""Backups under faults: making one into a folder that has an older one, making a file, and bringing one back."""

import hashlib
import shutil
import sqlite3
import tempfile
from collections.abc import Sequence
from contextlib import closing
from functools import cache
from pathlib import Path

from instagram_assets.backups.backup_contents import BackupContents
from instagram_assets.backups.create_backup import create_backup
from instagram_assets.backups.location import open_location
from instagram_assets.backups.maintenance import prune_backups
from instagram_assets.backups.repository import Repository
from instagram_assets.backups.restore import RESTORING_FILE, restore_backup
from instagram_assets.settings import Settings
from instagram_assets.storage.atomic import is_temporary
from instagram_assets_tests.faults.campaign import Scenario

IMPORTS = ("pyarrow.parquet", "tarfile", "zipfile")
_OLD = {"lake/posts/sun/2026-10.parquet": b"old", "lake/posts/sea/2026-10.parquet": b"stays", "media/ab/cd.jpg": b"j"}
_NEW = {**_OLD, "lake/posts/sun/2026-10.parquet": b"new", "inbox/large.json": bytes(5 << 20)}
_LEDGER = "ledger/calls.sqlite"


def back_up(root: str) -> None:
    """Called in the worker: the second backup into a folder, and what is older than it taken away."""
    create_backup(_contents(Path(root)), f"{root}/backups", Path(root) / "keys")
    prune_backups(f"{root}/backups", 1, Path(root) / "keys")


def pack(root: str) -> None:
    """Called in the worker: a backup in one file, unless it is there."""
    if not (Path(root) / "one.tar").exists():
        create_backup(_contents(Path(root)), f"{root}/one.tar", Path(root) / "keys")


def bring_back(root: str) -> None:
    """Called in the worker: the newest backup."""
    restore_backup(f"{root}/backups", Path(root) / "back", Path(root) / "keys")


def prepare(root: Path) -> None:
    """The state before: a data folder that has changed since it was backed up."""
    shutil.copytree(_prepared(), root, dirs_exist_ok=True)


def prepare_whole(root: Path) -> None:
    """The state before a restore: a data folder as it was backed up."""
    prepare(root)
    back_up(str(root))


@cache
def _prepared() -> Path:
    root = Path(tempfile.mkdtemp(prefix="faults-backups-"))
    _write(root, _OLD)
    with closing(sqlite3.connect(_made(root / "data" / _LEDGER))) as ledger, ledger:
        ledger.execute("CREATE TABLE calls (number INTEGER)")
    create_backup(_contents(root), str(root / "backups"), root / "keys")
    _write(root, _NEW)
    return root


def _write(root: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        _made(root / "data" / name).write_bytes(content)


def _made(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _contents(root: Path) -> BackupContents:
    return BackupContents(Settings(data_dir=root / "data"), root / "data" / "dagster", {})


def _each_is_whole(root: Path) -> str:
    """What is wrong with the data, or with a backup that is listed."""
    if any((root / "data" / name).read_bytes() != content for name, content in _NEW.items()):
        return "the data folder was changed"
    for where in ("backups", "one.tar"):
        if not (root / where).exists():
            continue
        with open_location(str(root / where)) as place:
            for name in place.ids():
                for entry in place.manifest(name).entries:
                    with place.open(entry) as stream:
                        if hashlib.sha256(stream.read()).hexdigest() != entry.sha256:
                            return f"{entry.path} is torn in {name}"
    return ""


def _newest_alone(root: Path) -> str:
    if problem := _each_is_whole(root):
        return problem
    with open_location(str(root / "backups")) as place:
        assert isinstance(place, Repository)
        (name,) = place.ids()
        needed = {entry.sha256 for entry in place.manifest(name).entries}
        if needed != {sha256 for sha256, _ in place.blobs()}:
            return "bytes are there that no backup has"
    return _left(root) or _holds(root, "backups")


def _holds_all(root: Path) -> str:
    return _each_is_whole(root) or _left(root) or _holds(root, "one.tar")


def _holds(root: Path, where: str) -> str:
    """What is not as it should be in the newest backup."""
    with open_location(str(root / where)) as place:
        entries = {entry.path: entry.sha256 for entry in place.manifest(place.ids()[-1]).entries}
    wanted = {name: hashlib.sha256(content).hexdigest() for name, content in _NEW.items()}
    if {name: entries.get(name) for name in wanted} != wanted or _LEDGER not in entries:
        return f"the newest backup has other files: {sorted(entries)}"
    return ""


def _left(root: Path) -> str:
    left = [path.name for path in root.rglob("*") if is_temporary(path.name)]
    return f"these were left: {left}" if left else ""


def _nothing_torn(root: Path) -> str:
    """What is wrong with a folder that is filled: half a file, or one that looks filled and is not."""
    back = root / "back"
    files = [path for path in back.rglob("*") if path.is_file() and not is_temporary(path.name)]
    for path in files:
        name = path.relative_to(back).as_posix()
        if name in _NEW and path.read_bytes() != _NEW[name]:
            return f"{name} is torn"
    if files and not (back / RESTORING_FILE).exists():
        return _all_back(root)
    return ""


def _all_back(root: Path) -> str:
    back = root / "back"
    for name, content in _NEW.items():
        if not (back / name).exists() or (back / name).read_bytes() != content:
            return f"{name} is not back"
    again = restore_backup(str(root / "backups"), back, root / "keys")
    if again.before is None:
        return "a folder that is filled was filled again"
    return f"{again.changed} files are not as they were stored" if again.changed else _left(root)


def _arguments(folder: Path) -> Sequence[object]:
    return [str(folder)]


BACKUPS = (
    Scenario(
        "a backup into a folder",
        "instagram_assets_tests.faults.backups:back_up",
        prepare=prepare,
        arguments=_arguments,
        after_fault=_each_is_whole,
        after_rerun=_newest_alone,
        imports=IMPORTS,
    ),
    Scenario(
        "a backup in one file",
        "instagram_assets_tests.faults.backups:pack",
        prepare=prepare,
        arguments=_arguments,
        after_fault=_each_is_whole,
        after_rerun=_holds_all,
        imports=IMPORTS,
    ),
    Scenario(
        "a backup brought back",
        "instagram_assets_tests.faults.backups:bring_back",
        prepare=prepare_whole,
        arguments=_arguments,
        after_fault=_nothing_torn,
        after_rerun=_all_back,
        imports=IMPORTS,
    ),
)
