"""Checks of the command `doctor`: folders, lake, index, disk, packages, models, font, browser, Java, PostgreSQL."""

import importlib.metadata
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from upath import UPath

from instagram_assets.errors import InstagramAssetsError, ModelError
from instagram_assets.lake_index.index_files import INDEX_FOLDER
from instagram_assets.lake_index.index_reader import LakeIndex
from instagram_assets.lake_index.lake_changes import find_index
from instagram_assets.models.file_checks import model_size
from instagram_assets.models.local_models import NamedModel, locate_model, named_models
from instagram_assets.report.fonts import FONT_REMEDY, font_problem, picture_font
from instagram_assets.search.browser import BROWSERS, DRIVERS
from instagram_assets.settings import SearchSettings, Settings
from instagram_assets.storage.lake import lake_root

SMALLEST_FREE_GB = 2


class DoctorFinding(NamedTuple):
    """The result of a check. When a check with `needed` fails, nothing works, else only some stages are affected."""

    what: str
    found: str
    well: bool
    needed: bool = True
    remedy: str = ""


def examine(settings: Settings) -> Iterator[DoctorFinding]:
    """Yields the results of all checks, including those that write a test file."""
    version = ".".join(map(str, sys.version_info[:3]))
    yield DoctorFinding("Python", version, sys.version_info >= (3, 11), remedy="Install Python 3.11 or newer")
    for name in ("inbox", "media", "datasets", "dagster"):
        yield _folder(name, settings.folder(name))
    yield _lake(settings)
    yield _index(settings)
    yield from examine_read_only(settings)


def examine_read_only(settings: Settings) -> Iterator[DoctorFinding]:
    """Yields the results of the read-only checks."""
    free = shutil.disk_usage(_existing(settings.data_dir.absolute())).free / 1e9
    yield DoctorFinding("disk", f"{free:.0f} GB free", free >= SMALLEST_FREE_GB, remedy=f"Free {SMALLEST_FREE_GB} GB")
    yield _package("torch", "runs the models")
    yield _package("transformers", "loads the models")
    for use, model in named_models(settings).items():
        yield _model(use, model, settings)
    yield _font(settings.text.font)
    yield _program("Chromium", [settings.search.browser] if settings.search.browser else [*BROWSERS], "chromium")
    yield _driver(settings.search)
    yield _program("Java, for the tokenizer Okt", ["java"], "default-jre-headless")
    yield _program(
        "PostgreSQL server", ["initdb", *map(str, Path("/usr/lib/postgresql").glob("*/bin/initdb"))], "postgresql"
    )


def _folder(name: str, folder: Path) -> DoctorFinding:
    probe = folder / f".doctor-{id(folder)}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        own = " or INSTAGRAM_ASSETS_MEDIA_DIR" if name == "media" else ""
        remedy = f"Make it writable, or set INSTAGRAM_ASSETS_DATA_DIR{own} to a folder that is"
        return DoctorFinding(f"{name} folder", f"{folder}: {error.strerror}", False, remedy=remedy)
    return DoctorFinding(f"{name} folder", str(folder), True)


def _lake(settings: Settings) -> DoctorFinding:
    root: UPath | str = settings.lake_uri
    problem = ""
    try:
        root = UPath(settings.lake_uri, **settings.lake_options)
        probe = root / ".doctor"
        root.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"whole")
        problem = "" if probe.read_bytes() == b"whole" else "what is written is not what is read"
        probe.unlink()
    except Exception as error:  # every file system of fsspec raises its own kind
        problem = f"{type(error).__name__}: {error}"
    remedy = "Check INSTAGRAM_ASSETS_LAKE and INSTAGRAM_ASSETS_LAKE_OPTIONS"
    return DoctorFinding("lake", f"{root}: {problem}" if problem else str(root), not problem, remedy=remedy)


def _index(settings: Settings) -> DoctorFinding:
    """Checks whether the index of the lake can be opened; if not, the finding names the command that rebuilds it."""
    what, remedy = "index for the gallery and the insights", "Run `instagram-assets index`"
    try:
        found = find_index(lake_root(settings), settings.folder(INDEX_FOLDER))
        if found.how in ("none", "missing"):
            said = "nothing to make it of yet" if found.how == "none" else "not made yet"
            return DoctorFinding(what, said, found.how == "none", needed=False, remedy=remedy)
        LakeIndex(settings.folder(INDEX_FOLDER)).close()
    except InstagramAssetsError as error:
        problem, _, helps = str(error).partition(". ")
        return DoctorFinding(what, problem, False, needed=False, remedy=helps.removesuffix(".") or remedy)
    except Exception as error:  # every file system of fsspec raises its own kind
        return DoctorFinding(
            what, f"{type(error).__name__}: {error}", False, needed=False, remedy="Mend the lake first"
        )
    said = "behind the lake" if found.how == "behind" else str(settings.folder(INDEX_FOLDER))
    return DoctorFinding(what, said, found.how == "current", needed=False, remedy=remedy)


def _package(name: str, purpose: str) -> DoctorFinding:
    try:
        return DoctorFinding(name, importlib.metadata.version(name), True, needed=False)
    except importlib.metadata.PackageNotFoundError:
        return DoctorFinding(
            name, f"not installed ({purpose})", False, needed=False, remedy="Run `pip install instagram_assets` again"
        )


def _model(use: str, model: NamedModel, settings: Settings) -> DoctorFinding:
    what = f"model for {use}"
    try:
        folder = locate_model(model.name, model.revision, settings.folder("models"), pictures=model.pictures)
    except ModelError as error:
        problem, _, remedy = str(error).partition(". ")
        return DoctorFinding(what, problem, False, needed=False, remedy=remedy.removesuffix("."))
    return DoctorFinding(what, f"{model.name}, {model_size(folder) / 1e6:.1f} MB", True, needed=False)


def _font(asked: str) -> DoctorFinding:
    problem = font_problem(asked)
    return DoctorFinding(
        "font of the pictures", problem or picture_font(asked).name, not problem, needed=False, remedy=FONT_REMEDY
    )


def _program(
    what: str, names: list[str], package: str, which: Callable[[str], str | None] = shutil.which
) -> DoctorFinding:
    found = next((path for path in map(which, names) if path), None)
    remedy = f"On Debian or Ubuntu: sudo apt-get install {package}"
    return DoctorFinding(what, found or "not found", found is not None, needed=False, remedy=remedy)


def _driver(options: SearchSettings) -> DoctorFinding:
    found = _program("chromedriver", [options.driver] if options.driver else [*DRIVERS], "chromium-driver")
    if found.well or options.driver:
        return found
    if options.fetch_driver:
        return found._replace(found="Selenium Manager fetches it for the first search", well=True)
    return found._replace(remedy=f"{found.remedy}; or set INSTAGRAM_ASSETS_SEARCH__FETCH_DRIVER=true")


def _existing(folder: Path) -> Path:
    return next(path for path in [folder, *folder.parents] if path.is_dir())
