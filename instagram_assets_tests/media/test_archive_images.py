"""Pictures that lie at hand come into the store as if they had been fetched: whole ones, once, and durably."""

import io
from functools import partial
from pathlib import Path
from typing import BinaryIO

import pytest

from instagram_assets.errors import StorageError
from instagram_assets.media.archive_images import STORED, store_archive_images
from instagram_assets.media.download_options import DownloadOptions
from instagram_assets.media.store import MediaStore
from instagram_assets_tests.ingest.test_inbox import small_files
from instagram_assets_tests.media.pictures import picture
from instagram_assets_tests.media.test_store import files

OPTIONS = DownloadOptions()


def address(number: int) -> str:
    return f"archive://sun_diary/media/posts/202009/{number}.jpg"


def given(*contents: bytes) -> list[tuple[str, partial[BinaryIO]]]:
    return [(address(number), partial(io.BytesIO, content)) for number, content in enumerate(contents)]


def test_pictures_are_kept_under_their_addresses_each_once(store: MediaStore) -> None:
    contents = [picture(seed=number) for number in range(70)]  # more than one batch
    assert store_archive_images([*given(*contents), *given(*contents[:3])], store, OPTIONS) == {STORED: 73}
    assert len(files(store)) == 70
    found = store.find(address(number) for number in range(70))
    assert [(store.root / found[address(n)].path).read_bytes() for n in range(70)] == contents


def test_what_is_there_already_is_not_opened(store: MediaStore) -> None:
    store_archive_images(given(picture()), store, OPTIONS)

    def fail() -> BinaryIO:
        raise AssertionError("was opened")

    assert store_archive_images([(address(0), fail)], store, OPTIONS) == {STORED: 1}


def test_what_is_no_whole_picture_is_counted_with_the_reason_and_leaves_nothing(
    store: MediaStore, tmp_path: Path
) -> None:
    large = picture(size=(900, 900), kind="PNG")
    contents = given(picture(), b"<html>", picture()[:-9], b"", large[:-9])
    gone = (address(9), partial((tmp_path / "gone.jpg").open, "rb"))
    counts = store_archive_images([*contents, gone], store, OPTIONS)
    assert (counts[STORED], counts["image ends early"], counts["empty body"], counts.total()) == (1, 2, 1, 6)
    assert counts["cannot be read (FileNotFoundError)"] == 1
    assert len(files(store)) == 1


def test_a_full_disk_is_an_error_and_leaves_nothing_half_done(store: MediaStore) -> None:
    store_archive_images([], store, OPTIONS)
    with small_files(), pytest.raises(StorageError, match="cannot be written"):
        store_archive_images(given(picture(), picture(size=(400, 400), kind="PNG")), store, OPTIONS)
    assert files(store) == []
