import hashlib
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from instagram_assets.errors import StorageError
from instagram_assets.media.download_options import SizeLimits
from instagram_assets.media.response_body import ReceivedMedia
from instagram_assets.media.store import MediaStore
from instagram_assets.media.url_index import StoredMedia, UrlIndex
from instagram_assets.storage.atomic import temporary_beside
from instagram_assets_tests.media.pictures import picture

LIMITS = SizeLimits("image", 10_000_000, 40)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[MediaStore]:
    with MediaStore(tmp_path / "media") as store:
        yield store


def arrive(store: MediaStore, data: bytes) -> ReceivedMedia:
    incoming = store.receiver(LIMITS)
    incoming.write(data[:100])
    incoming.write(data[100:])
    return incoming.finish()


def files(store: MediaStore) -> list[str]:
    return sorted(str(path.relative_to(store.root)) for path in store.root.rglob("*.*") if "index" not in path.name)


def test_an_image_is_kept_under_the_hash_of_its_bytes(store: MediaStore) -> None:
    data = picture("PNG")
    [entry] = store.add([("a", arrive(store, data))])
    sha = hashlib.sha256(data).hexdigest()
    assert (entry.image_id, entry.path) == (sha, f"{sha[:2]}/{sha}.png")
    assert (entry.width, entry.height, entry.bytes) == (64, 48, len(data))
    assert (store.root / entry.path).read_bytes() == data
    assert store.find(["a", "b"]) == {"a": entry}


def test_the_same_bytes_are_stored_once(store: MediaStore) -> None:
    store.add([(name, arrive(store, picture())) for name in "abc"])
    assert len(files(store)) == 1
    assert len(store.find("abc")) == 3


def test_an_abandoned_body_leaves_nothing(store: MediaStore) -> None:
    incoming = store.receiver(LIMITS)
    incoming.write(picture()[:50])
    incoming.abandon()
    arrive(store, picture()).discard()
    assert files(store) == []


@pytest.mark.parametrize("damage", [b"", b"short", None, "other"])
def test_a_stored_file_that_changed_is_forgotten(store: MediaStore, damage: bytes | str | None) -> None:
    [entry] = store.add([("a", arrive(store, picture()))])
    path = store.root / entry.path
    if damage is None:
        path.unlink()
    else:
        path.write_bytes(damage if isinstance(damage, bytes) else path.read_bytes()[::-1])
    assert store.find(["a"]) == {}
    [again] = store.add([("a", arrive(store, picture()))])
    assert path.read_bytes() == picture()
    assert store.find(["a"]) == {"a": again}


def test_a_copied_store_is_trusted_after_its_files_were_hashed(store: MediaStore) -> None:
    [entry] = store.add([("a", arrive(store, picture()))])
    os.utime(store.root / entry.path, ns=(1, 1))
    store.find(["a"])
    assert rows(store) == [(entry.image_id, 1)]


def rows(store: MediaStore) -> list[tuple[str, int]]:
    raw = sqlite3.connect(store.root / "index.sqlite")
    try:
        return raw.execute("SELECT image_id, modified_ns FROM images").fetchall()
    finally:
        raw.close()


def test_leftovers_of_dead_processes_are_swept_and_living_ones_kept(store: MediaStore) -> None:
    dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    mine = temporary_beside(store.root / "incoming" / "image")
    theirs = mine.with_name(mine.name.replace(f".{os.getpid()}.", f".{int(dead.stdout)}."))
    mine.touch()
    theirs.touch()
    assert store.sweep() == 1
    assert mine.exists()


def test_a_damaged_index_is_moved_aside_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with MediaStore(tmp_path) as store:
        store.add([("a", arrive(store, picture()))])
    (tmp_path / "index.sqlite").write_bytes(b"no database" * 1000)
    with MediaStore(tmp_path) as store:
        assert store.find(["a"]) == {}
        store.add([("a", arrive(store, picture()))])
        assert len(store.find(["a"])) == 1
    assert "is damaged" in caplog.text
    assert (tmp_path / "index.sqlite.damaged").read_bytes().startswith(b"no database")


def test_a_malformed_page_is_no_reason_to_stop(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    index = UrlIndex(tmp_path / "index.sqlite")
    entry = StoredMedia("", "0" * 64, "jpg", 1, 1, 1, 1, None)
    index.record([replace(entry, identity=f"{number:05}") for number in range(3000)])
    index.close()
    with open(tmp_path / "index.sqlite", "r+b") as file:
        file.seek(4096)
        file.write(os.urandom(4096 * 40))
    assert index.find([f"{number:05}" for number in range(3000)]) == {}
    index.close()
    assert "made again" in caplog.text


def test_a_locked_index_is_waited_for(store: MediaStore) -> None:
    other = sqlite3.connect(store.root / "index.sqlite", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    release = threading.Timer(0.3, other.execute, ["COMMIT"])
    release.start()
    store.add([("a", arrive(store, picture()))])
    release.join()
    other.close()
    assert len(store.find(["a"])) == 1


def test_many_open_a_new_index_at_once(tmp_path: Path) -> None:
    def opened(file: Path) -> None:
        start.wait()
        UrlIndex(file).close()

    with ThreadPoolExecutor(4) as pool:
        for number in range(40):
            start = threading.Barrier(4)
            list(pool.map(opened, [tmp_path / f"{number}.sqlite"] * 4))


def test_20000_known_addresses_are_all_found(store: MediaStore) -> None:
    [entry] = store.add([("a", arrive(store, picture()))])
    names = [f"https://example.com/pictures/{number}.jpg?size=large" for number in range(20_000)]
    index = UrlIndex(store.root / "index.sqlite")
    index.record([replace(entry, identity=name) for name in names])
    index.close()
    assert len(store.find(names)) == 20_000


def test_a_file_size_limit_is_a_clear_error_and_changes_nothing(store: MediaStore) -> None:
    store.add([("a", arrive(store, picture()))])
    before = (files(store), rows(store))
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, old[1]))
    try:
        with pytest.raises(StorageError, match="ulimit -f"):
            store.add([("b", arrive(store, picture("PNG", seed=5)))])
        large = store.receiver(LIMITS)
        with pytest.raises(StorageError, match="ulimit -f"):
            large.write(picture("PNG", size=(400, 400)))
        large.abandon()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, handler)
    assert (files(store), rows(store)) == before


def test_nothing_is_recorded_before_it_is_durable(store: MediaStore, monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[str] = []
    fsync, rename = os.fsync, os.replace

    def noted_fsync(descriptor: int) -> None:
        place = os.readlink(f"/proc/self/fd/{descriptor}")
        fsync(descriptor)
        assert rows(store) == []
        events.append("data" if place.endswith(".tmp") else "folder")

    def noted_replace(source: str, target: str) -> None:
        rename(source, target)
        events.append("name")

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(os, "replace", noted_replace)
    store.add([(str(seed), arrive(store, picture(seed=seed))) for seed in range(3)])
    assert events[:6] == ["data"] * 3 + ["name"] * 3
    assert set(events[6:]) == {"folder"}
    assert len(rows(store)) == 3


def test_the_disk_refusing_at_any_step_leaves_the_store_as_it_was(
    store: MediaStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.add([("a", arrive(store, picture()))])
    before = rows(store)
    for step in ("fsync", "replace"):
        arrival = arrive(store, picture(seed=9))

        def refuse(*_: object) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(os, step, refuse)
            with pytest.raises(StorageError, match="Free space"):
                store.add([("b", arrival)])
        assert rows(store) == before
        assert not Path(arrival.temporary).exists()
