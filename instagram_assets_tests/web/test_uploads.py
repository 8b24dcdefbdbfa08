"""Files uploaded to the inbox: there whole under their name, or refused with the reason and nothing left."""

import asyncio
import hashlib
import os
import resource
import signal
import tracemalloc
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from instagram_assets.errors import DiskFullError, FileError, InstagramAssetsError
from instagram_assets.ingest.inbox import waiting_entries
from instagram_assets.settings import Settings, load_settings
from instagram_assets.storage.atomic import temporary_beside
from instagram_assets.web.uploads import NotTakenError, TooLargeError, Uploaded, take

POSTS = b'[{"shortCode": "Abc"}]'


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(data_dir=tmp_path / "data", web={"max_upload_mb": 64})


async def coming(chunks: Iterable[bytes]) -> AsyncIterator[bytes]:
    for chunk in chunks:
        await asyncio.sleep(0)
        yield chunk


def put(
    settings: Settings, name: str, *chunks: bytes, announced: int | None = None, modified: datetime | None = None
) -> Uploaded:
    return asyncio.run(take(name, coming(chunks or (POSTS,)), settings, announced, modified))


def in_inbox(settings: Settings) -> dict[str, bytes]:
    """All files there, hidden ones too."""
    folder = settings.folder("inbox")
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.is_dir() else {}


def test_a_file_is_in_the_inbox_under_its_name_when_it_is_whole(settings: Settings) -> None:
    during: list[Sequence[Path]] = []

    async def chunks() -> AsyncIterator[bytes]:
        yield b"[" + b" " * (2 << 20)
        during.append(waiting_entries(settings.folder("inbox")))
        yield b"]"

    uploaded = asyncio.run(take("posts.json", chunks(), settings))
    content = b"[" + b" " * (2 << 20) + b"]"
    assert uploaded == Uploaded("posts.json", len(content), hashlib.sha256(content).hexdigest(), is_new=True)
    assert during == [[]], "what is not whole is not to be landed"
    assert in_inbox(settings) == {"posts.json": content}


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        *(
            (name, "this is a path")
            for name in (
                "a/b.json",
                "a/../../b.json",
                "a\\b.json",
                "C:\\x.json",
                "/etc/x.json",
                "../posts.json",
                "..\\posts.json",
            )
        ),
        *((name, "this is a hidden name") for name in (".posts.json", "..json")),
        *(
            (name, "control signs")
            for name in ("a\n.json", "a\0.json", "a\x1b[2J.json", "a\u202enosj.json", "a\ud800.json")
        ),
        ("", "an empty name"),
        ("가" * 66 + ".json", "more than 200 bytes"),
    ],
)
def test_only_one_plain_name_is_taken(name: str, problem: str, settings: Settings) -> None:
    with pytest.raises(FileError, match=problem) as refused:
        put(settings, name)
    assert str(refused.value).isascii(), "what is refused for its signs is not shown with them"
    assert in_inbox(settings) == {}
    assert not any(settings.data_dir.parent.rglob("*.json"))


def test_a_name_of_a_mac_is_composed(settings: Settings) -> None:
    assert put(settings, "\u1112\u1161\u11ab.json").name == "한.json"


@pytest.mark.parametrize(
    "name", ["run.exe", "posts", "posts.json.exe", "posts.zip.gz", "notes.txt", "a.json.part", "a.py"]
)
def test_other_endings_are_refused_with_what_is_taken(name: str, settings: Settings) -> None:
    with pytest.raises(NotTakenError, match=r"not read\. Taken are JSON"):
        put(settings, name)


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\x7fELF\x02\x01\x01" + bytes(600), "a program"),
        (b"MZ\x90\x00" + bytes(600), "a program"),
        (b"MZ\x00\x01" + bytes(600), "data of a kind that we do not know"),
        (b"\xcf\xfa\xed\xfe" + bytes(600), "a program"),
        (b"\xca\xfe\xba\xbe" + bytes(600), "a program"),
        (b"#!/bin/sh\nrm -rf ~\n", "a program"),
        (b"\x89PNG\r\n\x1a\n" + bytes(600), "a picture"),
        (b"%PDF-1.7\n", "a PDF document"),
        (b"<!doctype html><p>", "a web page"),
        (b"Rar!\x1a\x07\x00", "packed with RAR"),
    ],
)
@pytest.mark.parametrize("is_cut", [False, True])
def test_what_begins_as_no_export_is_refused_whatever_its_name(
    head: bytes, kind: str, is_cut: bool, settings: Settings
) -> None:
    chunks = [head[:3], head[3:]] if is_cut else [head]
    with pytest.raises(NotTakenError, match=f"posts.json: this is {kind}"):
        put(settings, "posts.json", *chunks)
    assert in_inbox(settings) == {}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("posts.jsonl", b"\xef\xbb\xbf{}\n{}\n"),
        ("posts.csv", "id,caption\n1,바다\n".encode()),
        ("posts.xlsx", b"PK\x03\x04" + bytes(26) + b"[Content_Types].xml" + bytes(600)),
        ("archive.ZIP", b"PK\x03\x04" + bytes(600)),
        ("posts.json.gz", b"\x1f\x8b\x08" + bytes(600)),
        ("posts.json", "[]".encode("utf-16")),
    ],
)
def test_what_the_inbox_reads_is_taken(name: str, content: bytes, settings: Settings) -> None:
    assert put(settings, name, content, announced=len(content)).bytes == len(content)
    assert in_inbox(settings) == {name: content}


def test_an_announced_size_above_the_limit_is_refused_before_anything_is_read(settings: Settings) -> None:
    def chunks() -> Iterable[bytes]:
        raise AssertionError("it was read")
        yield b""

    with pytest.raises(TooLargeError, match=r"larger than 64 MB\. Put it into .*inbox yourself"):
        asyncio.run(take("posts.json", coming(chunks()), settings, 3_000_000_000))


@pytest.mark.parametrize("announced", [None, 10])
def test_a_size_above_the_limit_that_was_not_told_is_refused_while_reading(
    announced: int | None, settings: Settings
) -> None:
    read: list[int] = []

    def chunks() -> Iterable[bytes]:
        for number in range(3_000):
            read.append(number)
            yield b"[" + b" " * ((1 << 20) - 1)

    with pytest.raises(TooLargeError):
        asyncio.run(take("posts.json", coming(chunks()), settings, announced))
    assert len(read) == 65
    assert in_inbox(settings) == {}


@pytest.mark.parametrize("chunks", [[], [b""], [b"", b""]])
def test_an_empty_file_is_refused(chunks: list[bytes], settings: Settings) -> None:
    with pytest.raises(FileError, match="the file is empty"):
        asyncio.run(take("posts.json", coming(chunks), settings, 0))
    assert in_inbox(settings) == {}


def test_fewer_bytes_than_announced_leave_nothing(settings: Settings) -> None:
    with pytest.raises(FileError, match="22 of 100 bytes came"):
        put(settings, "posts.json", announced=100)
    assert in_inbox(settings) == {}


def test_what_a_killed_upload_left_is_swept_by_the_next(settings: Settings) -> None:
    folder = settings.folder("inbox")
    folder.mkdir(parents=True)
    left, others = temporary_beside(folder / "a.json"), temporary_beside(folder / "b.json")
    dead = left.with_name(left.name.replace(f".{os.getpid()}.", ".4999999."))
    for path in (dead, others):
        path.write_bytes(b"[")
    put(settings, "posts.json")
    assert in_inbox(settings).keys() == {"posts.json", others.name}, "another upload goes on"


def test_a_taken_name_gets_a_number_and_nothing_is_overwritten(settings: Settings) -> None:
    assert put(settings, "posts.json.gz", b"\x1f\x8b1").name == "posts.json.gz"
    assert put(settings, "posts.json.gz", b"\x1f\x8b2").name == "posts-2.json.gz"
    assert put(settings, "posts.json.gz", b"\x1f\x8b3").name == "posts-3.json.gz"
    assert put(settings, "dataset_2025-08-31_13-58-44.819_Apify instagram.json", b"[1]").is_new
    assert (
        put(settings, "dataset_2025-08-31_13-58-44.819_Apify instagram.json", b"[2]").name
        == "dataset_2025-08-31_13-58-44.819_Apify instagram-2.json"
    )
    again = put(settings, "posts.json.gz", b"\x1f\x8b2")
    assert (again.name, again.is_new) == ("posts-2.json.gz", False)
    assert len(in_inbox(settings)) == 5


def test_two_at_once_of_one_name_both_arrive(settings: Settings) -> None:
    async def both() -> list[Uploaded]:
        return await asyncio.gather(*(take("posts.json", coming([b"[", b"%d]" % n]), settings) for n in range(8)))

    uploaded = asyncio.run(both())
    assert {file.name for file in uploaded} == {"posts.json", *(f"posts-{n}.json" for n in range(2, 9))}
    assert sorted(in_inbox(settings).values()) == [b"[%d]" % n for n in range(8)]


def test_of_the_same_bytes_at_once_one_file_stays(settings: Settings) -> None:
    async def both() -> list[Uploaded]:
        return await asyncio.gather(*(take("posts.json", coming([POSTS]), settings) for _ in range(4)))

    assert sorted(file.is_new for file in asyncio.run(both())) == [False, False, False, True]
    assert in_inbox(settings) == {"posts.json": POSTS}


def test_the_time_of_the_file_where_it_comes_from_stays_its_own(settings: Settings) -> None:
    written, inbox = datetime(2025, 3, 1, 9, tzinfo=UTC), settings.folder("inbox")
    put(settings, "a.json", modified=written)
    assert (inbox / "a.json").stat().st_mtime == written.timestamp()
    now = datetime.now(UTC)
    put(settings, "b.json", modified=now + timedelta(days=400))
    assert abs((inbox / "b.json").stat().st_mtime - now.timestamp()) < 60, "a clock that is wrong is not believed"


def test_a_full_disk_is_said_and_leaves_nothing(settings: Settings) -> None:
    before, action = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3 << 20, before[1]))
    try:
        with pytest.raises(DiskFullError, match="cannot be written") as refused:
            put(settings, "posts.json", *[b"[" * (1 << 20)] * 5)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, action)
    assert "Allow larger files" in str(refused.value)
    assert in_inbox(settings) == {}


def test_more_than_the_disk_has_room_for_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    settings = load_settings(data_dir=tmp_path)
    # More than the settings let anybody say, so that it is more than any disk has.
    settings = settings.model_copy(update={"web": settings.web.model_copy(update={"max_upload_mb": 1 << 40})})
    with pytest.raises(DiskFullError, match="do not fit"):
        put(settings, "posts.json", announced=1 << 59)


def test_an_inbox_that_cannot_be_made_is_said_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "inbox").write_text("in its place")
    with pytest.raises(InstagramAssetsError, match="inbox: cannot be written"):
        put(load_settings(data_dir=tmp_path), "posts.json")


def test_memory_stays_flat_however_large_the_file_is(settings: Settings) -> None:
    tracemalloc.start()
    try:
        put(settings, "posts.json", *[b"[" * 65_536] * 900)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 << 20
