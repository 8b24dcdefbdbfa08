"""The contents of a backup, and the order in which they are stored, so that runs can continue meanwhile.

Runs are not paused, so files that are stored later are newer than files that are stored first. Files may refer only to
files that are stored later, or that are stored again at the end. The order is:

1. Dagster's run history, the list of runs last. It may list a run as unfinished that has finished since, as after a
   power failure: the next command closes it. It never mentions partitions that are missing.
2. Collected files and paid model responses, then the inbox: first waiting files, then the folder `done`. A file that
   is moved meanwhile is stored twice; it is then removed from the waiting ones. Files in `done` had landed before they
   were moved there, so the landing zone is stored after them.
3. The landing zone: manifests, then the markers of files that are not materialized yet, then the rows. A manifest's
   rows existed before it. A marker that is missing was removed when its partitions were durable; they are stored later.
4. The tables, derived ones first: a caption refers to an image, an image to a post.
5. Files that landed while the tables were stored, possibly with some of their rows in them: manifest, rows and source
   again, with a marker that their partitions are to be materialized. One plain run after a restore completes them.
6. Model results, whose files can be compacted at any time: they are listed again until none has disappeared. Then the
   index of the media, and the media files, which exist before a row or the index refers to them.

SQLite databases are copied by SQLite's backup API, each as a consistent snapshot.
"""

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr
from upath import UPath

from instagram_assets.backups.database_copies import PostgresHome, postgres_of
from instagram_assets.backups.files_to_store import (
    FileReading,
    FileToStore,
    NeverStored,
    file_from_bytes,
    files_below,
    no_file,
    stored_file_at,
)
from instagram_assets.datasets.dataset_files import is_made_again
from instagram_assets.errors import StorageError
from instagram_assets.ingest.folder_scan import DONE, REJECTED
from instagram_assets.privacy.data_inventory import OWN_FOLDERS
from instagram_assets.privacy.secret_keys import KeyName, find_key
from instagram_assets.schemas import CONTRACTS
from instagram_assets.settings import ENV_NESTED, ENV_PREFIX, Settings, environment_names
from instagram_assets.storage.atomic import is_local
from instagram_assets.storage.lake import lake_root, names_in

LANDED, PENDING = "lake/landing/files/", "lake/landing/pending/"
# The lake's own metadata. The retention horizon comes after the tables that lost rows by it.
_OF_THE_LAKE = ("_layout.json", "_retention.json")
# In the data folder: stored as parts of their own, recomputed, downloaded again, or never stored.
_PARTS = ("lake", "media", "inbox", "dagster")
_DERIVED = ("datasets", "reports", "models", "demo", "index", "thumbnails")
_PRIVACY = "privacy"
_HISTORY = re.compile(r"(history|schedules|storage)(/.*)?|dagster\.yaml")
_SECRET = re.compile(r"(?im)^(\s*\w*(?:password|secret|token|api_key|postgres_url)\w*\s*:[ \t]*)(?!\{?\s*env:)\S.*$")


@dataclass(frozen=True)
class BackupPart:
    """A group of files that are stored together; the function `list` yields them, again if a file disappeared.

    If `only` is not empty, files whose SHA-256 is not in it are left out.
    """

    name: str
    list: Callable[[], Iterable[FileToStore]]
    only: frozenset[str] = frozenset()


@dataclass(frozen=True)
class BackupContents:
    """All files of a backup: the folders that the settings name and the Dagster home.

    `home` is None if the run history is left out. Raises SettingsError if the configured PostgreSQL cannot be found.
    """

    settings: Settings
    home: Path | None
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    with_datasets: bool = False

    @cached_property
    def never(self) -> NeverStored:
        """The exclusion rules that apply to all parts of the backup, with the paths excluded so far."""
        folder = self.settings.folder("privacy")
        keys: set[bytes] = set()
        names: tuple[KeyName, ...] = ("pseudonyms", "tombstones")
        for name in names:
            with suppress(StorageError):  # a backup is made even if a key is damaged
                keys |= {key.hex().encode()} if (key := find_key(folder, name)) else set()
        return NeverStored(os.path.realpath(folder), frozenset(keys))

    @cached_property
    def made_again(self) -> set[str]:
        """Paths of the datasets that were left out of the backup so far because a run recreates them."""
        return set()

    @property
    def lake(self) -> UPath:
        return lake_root(self.settings)

    def parts(self) -> Iterator[BackupPart]:
        """Yields all parts of the backup except those of `late` and `last`."""
        if self.home:
            yield BackupPart("history", self._history)
        yield BackupPart("data folder", self._rest)
        inbox = UPath(self.settings.folder("inbox"))
        yield BackupPart("inbox", lambda: self._below(inbox, "inbox/", lambda path: _first(path) in (DONE, REJECTED)))
        for name in (DONE, REJECTED):
            yield BackupPart(f"inbox/{name}", lambda name=name: self._below(inbox / name, f"inbox/{name}/"))
        landing = self.lake / "landing"
        yield BackupPart("landed", lambda: self._below(landing / "files", LANDED))
        yield BackupPart("pending", lambda: self._below(landing / "pending", PENDING))
        # Spooled files are not published yet.
        for name in self._folders(landing, "lake/landing/", {"files", "pending"}):
            yield BackupPart(f"landing/{name}", lambda name=name: self._below(landing / name, f"lake/landing/{name}/"))
        known = [name for name in reversed(CONTRACTS) if name != "landing"]
        for name in self._folders(self.lake, "lake/", {*known, "landing", "features"}):
            yield BackupPart(name, lambda name=name: self._below(self.lake / name, f"lake/{name}/"))
        for name in known:
            yield BackupPart(name, lambda name=name: self._below(self.lake / name, f"lake/{name}/", own=_any_name))
        yield BackupPart("layout", self._layout)

    def late(self, stored: Mapping[str, str]) -> Iterator[BackupPart]:
        """Yields the files that landed during the backup, and markers that their partitions are to be materialized.

        `stored` maps the paths of the manifests stored so far to their stamps.
        """
        landing = self.lake / "landing"
        names = {
            found.path.removeprefix(LANDED).removesuffix(".json")
            for found in self._below(landing / "files", LANDED)
            if stored.get(found.path) != found.stamp
        }
        if not names:
            return
        yield BackupPart("landed late", lambda: _of(names, self._below(landing / "files", LANDED)))
        seen = datetime.now(UTC).isoformat().encode()
        yield BackupPart("pending late", lambda: (file_from_bytes(PENDING + name, seen) for name in sorted(names)))
        for table in self._folders(landing, "lake/landing/", {"files", "pending"}):
            prefix = f"lake/landing/{table}/"
            below_it = partial(self._below, landing / table, prefix)
            yield BackupPart(f"late {table}", lambda below_it=below_it: _of(names, below_it()))
        done, sources = UPath(self.settings.folder("inbox")) / DONE, frozenset(map(_sha256, names))
        yield BackupPart("late sources", lambda: self._below(done, f"inbox/{DONE}/"), only=sources)

    def last(self) -> Iterator[BackupPart]:
        """Yields the parts that tables refer to (model results and media), which are stored last."""
        yield BackupPart("features", lambda: self._below(self.lake / "features", "lake/features/", own=_any_name))
        media = self.settings.folder("media")
        yield BackupPart("media index", lambda: stored_file_at(media / "index.sqlite", "media/index.sqlite"))
        stored = partial(self._below, UPath(media), "media/", lambda path: _first(path) in _NOT_MEDIA, _any_name)
        yield BackupPart("media", stored)

    def roots(self) -> list[Path]:
        """Returns the local folders that are backed up; a backup inside of one of them would contain itself."""
        lake = [Path(self.lake.path)] if is_local(self.lake) else []
        return [self.settings.data_dir.absolute(), self.settings.folder("media"), *lake]

    def _history(self) -> Iterator[FileToStore]:
        assert self.home
        home = self.home.absolute()
        if postgres := postgres_of(home, self.environment):
            yield FileToStore("dagster/postgres.dump", 0, 0, "", lambda: _dumped(postgres))
        try:
            text = (home / "dagster.yaml").read_text("utf-8", "surrogateescape")
            yield file_from_bytes("dagster/dagster.yaml", _SECRET.sub(r"\1# left out of the backup", text).encode())
        except FileNotFoundError:
            pass
        kept = [
            found
            for found in self._below(UPath(home), "dagster/", lambda path: not _HISTORY.fullmatch(path), _any_name)
            if found.path != "dagster/dagster.yaml"
        ]
        yield from sorted(kept, key=lambda found: _late_in_history(found.path))

    def _rest(self) -> Iterator[FileToStore]:
        yield file_from_bytes(SETTINGS_FILE, settings_text(self.settings).encode())
        data = Path(os.path.realpath(self.settings.data_dir))
        others = [*_PARTS, *_DERIVED, _PRIVACY, SETTINGS_FILE, "accounts.toml"]
        others.remove("datasets")  # datasets that no run recreates are always stored
        session = self.settings.reels.session_file
        own = {os.path.realpath(path) for path in (*self.roots()[1:], self.settings.folder("privacy"))}
        own |= {os.path.realpath(Path(session).expanduser())} if session else set()
        own |= {os.path.realpath(self.home)} if self.home else set()

        def leaves(path: str) -> bool:
            is_left = "/" not in path and (path in others or path.startswith("."))
            return is_left or f"{data}/{path}" in own or (not self.with_datasets and self._is_made_again(path))

        yield from self._below(UPath(data), "", leaves, OWN_FOLDERS.__contains__)
        yield from stored_file_at(self.settings.accounts_file, "accounts.toml")

    def _is_made_again(self, path: str) -> bool:
        """Whether a path is a dataset that a run recreates; false for files of users beside the datasets."""
        first, _, rest = path.partition("/")
        is_it = first == "datasets" and bool(rest) and is_made_again(self.settings, rest)
        if is_it:
            self.made_again.add("/".join(path.split("/")[:2]))
        return is_it

    def _below(
        self, root: UPath, prefix: str, leaves: Callable[[str], bool] = no_file, own: Callable[[str], bool] = no_file
    ) -> Iterator[FileToStore]:
        return files_below(root, prefix, self.never, leaves, own)

    def _folders(self, root: UPath, prefix: str, known: set[str]) -> list[str]:
        """Returns the names of the folders in a lake folder that are not in `known`; links are left out."""
        found = sorted(names_in(root, hidden=False) - known)
        return [name for name in found if not (is_local(root) and self.never.has_link(root / name, prefix + name))]

    def _layout(self) -> Iterator[FileToStore]:
        for name in _OF_THE_LAKE:
            yield from stored_file_at(self.lake / name, f"lake/{name}")


def _any_name(name: str) -> bool:
    """Always true: a filter for a folder whose subfolders all belong to the program, so they may be symbolic links."""
    return True


_NOT_MEDIA = ("incoming", "index.sqlite")


def _of(names: set[str], found: Iterable[FileToStore]) -> Iterator[FileToStore]:
    return (each for each in found if each.path.rpartition("/")[2].partition(".")[0] in names)


def _sha256(name: str) -> str:
    return name.rpartition("-")[0]


def _first(path: str) -> str:
    return path.partition("/")[0]


def _late_in_history(path: str) -> tuple[bool, bool, str]:
    """Sort key of history files: logs of single runs first, then the shared event index, then the run list."""
    return path == "dagster/history/runs.db", path == "dagster/history/runs/index.db", path


def _dumped(postgres: PostgresHome) -> FileReading:
    stream = postgres.dump()
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    return FileReading(stream, size, 0)


SETTINGS_FILE = "settings.env"
"""The file of a backup with the settings, in the form of `.env`."""
_HERE = ("DATA_DIR", "LAKE", "MEDIA_DIR", "MODELS_DIR", f"PRIVACY{ENV_NESTED}FOLDER")
"""Settings with paths of this machine, which are left out since they are not valid where a backup is restored."""
_LOGIN = re.compile(r"(?<=://)[^/@\s]+@")


def settings_text(settings: Settings) -> str:
    """Returns the settings that differ from their defaults, in the format of `.env`; secrets without their values.

    Options of file systems can contain keys, and are treated as secrets; credentials are removed from URLs.
    """
    lines = ["# The settings in force when the backup was made: copy into .env what is to hold again."]
    for name, default, _ in environment_names():
        value = _setting_value(settings, name.removeprefix(ENV_PREFIX).lower().split(ENV_NESTED))
        if value == default or (isinstance(value, SecretStr) and not value.get_secret_value()):
            continue
        short = name.removeprefix(ENV_PREFIX)
        if isinstance(value, SecretStr | dict):
            lines.append(f"# {name} was set; a backup has no secrets: set it again")
        elif short in _HERE:
            lines.append(f"# {name} was {_dotenv_text(value)}")
        else:
            lines.append(f"{name}={_dotenv_text(value)}")
    return "\n".join(lines) + "\n"


def _setting_value(section: BaseModel, names: list[str]) -> Any:
    found: Any = section
    for name in names:
        found = getattr(found, name)
    return found


def _dotenv_text(value: Any) -> str:
    """Returns a value in dotenv syntax."""
    text = str(value).lower() if isinstance(value, bool) else _LOGIN.sub("", str(value))
    return text if re.fullmatch(r"[\w./:,@+%-]*", text) else json.dumps(text, ensure_ascii=False)
