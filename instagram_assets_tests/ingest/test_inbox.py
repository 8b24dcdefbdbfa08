"""Every file of the inbox ends as landed, rejected or left with a reason; none stops the others, none is lost."""

import json
import multiprocessing
import os
import resource
import signal
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from upath import UPath

from instagram_assets.errors import FileError, StorageError
from instagram_assets.ingest import manifests
from instagram_assets.ingest.folder_scan import ERROR_SUFFIX
from instagram_assets.ingest.inbox import land_files
from instagram_assets.ingest.landing_run import LandingReport
from instagram_assets.ingest.manifests import pending_files
from instagram_assets.ingest.observations import landed_files
from instagram_assets.ingest.reader import byte_streams
from instagram_assets.settings import Settings, load_settings
from instagram_assets.status.system_errors import explain_error
from instagram_assets_tests.ingest.records import post, write

FIRST, LAST = date(2010, 1, 1), date(2100, 1, 1)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "inbox").mkdir()
    return load_settings(data_dir=tmp_path, start_day=date(2015, 1, 1))


def put(settings: Settings, name: str, content: object = None) -> Path:
    return write(settings.folder("inbox"), [post()] if content is None else content, name)


def land(settings: Settings, *names: str) -> LandingReport:
    return land_files(names, UPath(settings.folder("lake")), settings)


def lying(settings: Settings, folder: str = "") -> list[str]:
    return sorted(os.listdir(settings.folder("inbox") / folder)) if (settings.folder("inbox") / folder).exists() else []


def numbered(number: int) -> list[dict[str, Any]]:
    return [post(id=str(number), shortCode=f"C{number}")]


def test_a_pipe_in_the_inbox_is_rejected_and_not_waited_for(settings: Settings) -> None:
    put(settings, "a.json")
    os.mkfifo(settings.folder("inbox") / "b.json")
    result = land(settings)
    assert (len(result.landed), [error.problem for error in result.rejected]) == (
        1,
        ["this is a pipe or a device, not a file"],
    )
    assert lying(settings, "rejected") == ["b.json", "b.json.error.txt"]


NAMES = {
    "not-utf-8": os.fsdecode(b"caf\xe9_\xff.json"),
    "80-syllables": "가" * 80 + ".json",
    "250-bytes": "x" * 245 + ".json",
    "255-bytes": "x" * 250 + ".json",
    "a-long-ending": "a." + "b" * 253,
    "signs": "a'\"$(b);\n[c]*.json",
}


@pytest.mark.parametrize("kind", NAMES)
def test_a_file_of_any_name_lands(kind: str, settings: Settings) -> None:
    put(settings, NAMES[kind])
    result = land(settings)
    assert (len(result.landed), result.failures) == (1, [])
    assert len(lying(settings, "done")) == 1
    assert landed_files(UPath(settings.folder("lake")), FIRST, LAST).num_rows == 1


@pytest.mark.parametrize("kind", NAMES)
def test_a_bad_file_of_any_name_is_put_aside_with_its_error(kind: str, settings: Settings) -> None:
    for _ in range(2):
        put(settings, NAMES[kind], "[1,")
        put(settings, "good.json")
        result = land(settings)
        assert (len(result.landed + result.known), len(result.rejected), result.left) == (1, 1, [])
        str(result.rejected[0]).encode()
    files = lying(settings, "rejected")
    errors = [name for name in files if name.endswith(ERROR_SUFFIX)]
    assert (len(files), len(errors)) == (4, 2)
    assert {f"{name}{ERROR_SUFFIX}" for name in files if name not in errors} == set(errors)
    assert lying(settings) == ["done", "rejected"]


def test_files_of_one_name_are_numbered_and_never_overwritten(settings: Settings) -> None:
    for number in (1, 2, 3, 3):
        put(settings, "posts.json", numbered(number))
        land(settings)
    assert lying(settings, "done") == ["posts-2.json", "posts-3.json", "posts-4.json", "posts.json"]
    kept = [json.loads((settings.folder("inbox") / "done" / name).read_text()) for name in lying(settings, "done")]
    assert [records[0]["id"] for records in kept] == ["2", "3", "3", "1"]


def at_reading(monkeypatch: pytest.MonkeyPatch, name: str, what: Callable[[Path], object], reading: int = 2) -> None:
    """Do something to a file of this name just when it is opened for the n-th time: to be hashed, to be parsed."""
    seen = [0]

    def opened(path: Path, mode: str) -> Any:
        seen[0] += path.name == name
        stream = path.open(mode)
        if path.name == name and seen[0] == reading:
            with ExitStack() as stack:
                stack.push(stream)
                what(path)
                stack.pop_all()
        return stream

    monkeypatch.setattr(byte_streams, "open", opened, raising=False)


def replace(path: Path) -> None:
    other = path.with_suffix(".new")
    other.write_text(json.dumps(numbered(9)))
    os.replace(other, path)


@pytest.mark.parametrize("reading", [1, 2], ids=["hashed", "parsed"])
def test_a_file_that_is_replaced_while_it_lands_stays_and_lands_the_next_time(
    reading: int, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(settings, "a.json")
    put(settings, "b.json", numbered(2))
    at_reading(monkeypatch, "a.json", replace, reading)
    result = land(settings)
    assert [file.file for file in result.landed] == ["b.json"]
    assert "changed while it was read" in str(result.left[0])
    assert (lying(settings), lying(settings, "done")) == (["a.json", "done"], ["b.json"])
    again = land(settings)
    assert ([file.file for file in again.landed], again.failures) == (["a.json"], [])
    assert landed_files(UPath(settings.folder("lake")), FIRST, LAST).num_rows == 2


@pytest.mark.parametrize("reading", [1, 2], ids=["hashed", "parsed"])
def test_a_file_that_is_deleted_while_it_lands_costs_the_others_nothing(
    reading: int, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(settings, "a.json")
    put(settings, "b.json", numbered(2))
    at_reading(monkeypatch, "a.json", os.remove, reading)
    result = land(settings)
    assert ([file.file for file in result.landed], result.gone, result.failures) == (["b.json"], [path], [])
    assert manifests.pending_files(UPath(settings.folder("lake"))) == result.landed


def test_a_bad_file_that_a_good_one_took_the_place_of_is_not_rejected(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(settings, "a.json", "[1,")
    at_reading(monkeypatch, "a.json", replace)
    assert len(land(settings).left) == 1
    assert lying(settings) == ["a.json"]
    assert len(land(settings).landed) == 1


def test_names_that_are_not_there_any_more_are_said_and_nothing_fails(settings: Settings) -> None:
    put(settings, "b.json")
    result = land(settings, "a.json", "b.json")
    assert (len(result.landed), [path.name for path in result.gone], result.failures) == (1, ["a.json"], [])


def test_a_named_file_elsewhere_that_is_not_there_is_an_error(settings: Settings, tmp_path: Path) -> None:
    (error,) = land(settings, str(tmp_path / "nope.json")).failures
    assert "No such file" in str(error)


def land_all(folder: str) -> None:
    settings = load_settings(data_dir=Path(folder), start_day=date(2015, 1, 1))
    result = land_files([], UPath(settings.folder("lake")), settings)
    os._exit(len(result.failures))


def test_two_at_once_land_each_file_once(settings: Settings) -> None:
    for number in range(12):
        put(settings, f"f{number}.json", numbered(number))
    fork = multiprocessing.get_context("fork")
    both = [fork.Process(target=land_all, args=(str(settings.folder("inbox").parent),)) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join()
    assert [process.exitcode for process in both] == [0, 0]
    lake = UPath(settings.folder("lake"))
    assert len(pending_files(lake)) == landed_files(lake, FIRST, LAST).num_rows == 12
    assert (len(lying(settings, "done")), lying(settings)) == (12, ["done"])


@contextmanager
def small_files() -> Generator[None]:
    """No file may grow beyond 20 kB, as on a disk that is nearly full; a context, since pytest's own log is a file."""
    before, action = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, action)


def test_a_full_disk_is_said_with_the_remedy_and_the_file_stays(settings: Settings) -> None:
    large = [post(id=str(n), shortCode=f"C{n}", caption=os.urandom(400).hex()) for n in range(300)]
    put(settings, "a.json", large)
    put(settings, "b.json")
    with small_files():
        result = land(settings)
    (error,) = result.left
    assert "cannot be written (File too large). Allow larger files" in str(error)
    assert len(result.landed) == 1
    assert (lying(settings), pending_files(UPath(settings.folder("lake")))) == (["a.json", "done"], result.landed)


@contextmanager
def few_descriptors(spare: int) -> Generator[None]:
    """No more files may be open than are now, and `spare`."""
    before, used = resource.getrlimit(resource.RLIMIT_NOFILE), max(map(int, os.listdir("/proc/self/fd")))
    resource.setrlimit(resource.RLIMIT_NOFILE, (used + spare, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize("spare", range(8))
def test_too_few_open_files_are_said_with_the_remedy_and_nothing_is_rejected(spare: int, settings: Settings) -> None:
    put(settings, "warm.json", numbered(1))
    land(settings)
    put(settings, "a.json")
    with few_descriptors(spare):
        try:
            result = land(settings, "a.json")
        except OSError as error:  # before any file was looked at
            result = LandingReport(left=[FileError("a.json", explain_error(error, load_settings()), "Then run again")])
        except StorageError as error:
            result = LandingReport(left=[FileError("a.json", str(error), "Then run again")])
    assert result.rejected == []
    assert all("Allow more open files" in str(error) for error in result.failures)
    if not result.landed:
        assert result.left
    assert [file.file for file in (land(settings).landed or result.landed)] == ["a.json"]


def test_what_nobody_foresaw_is_rejected_by_its_name_and_the_others_land(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(settings, "a.json")
    put(settings, "b.json", numbered(2))

    def broken(_: Path) -> None:
        raise KeyError("surprise")

    at_reading(monkeypatch, "a.json", broken)
    result = land(settings)
    assert [file.file for file in result.landed] == ["b.json"]
    (error,) = result.rejected
    assert isinstance(error, FileError)
    assert "a.json: our program failed (KeyError in test_inbox.py" in str(error)
    assert lying(settings, "rejected") == ["a.json", f"a.json{ERROR_SUFFIX}"]
