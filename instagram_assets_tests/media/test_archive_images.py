"""Pictures that lie at hand come into the store as if they had been fetched: whole ones, once, and durably."""

import io
from functools import partial
from pathlib import Path
from typing import BinaryIO

import pytest

from instagram_assets.errors import StorageError
from instagram_assets.media.archive_images import KEPT, keep_pictures
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
    assert keep_pictures([*given(*contents), *given(*contents[:3])], store, OPTIONS) == {KEPT: 73}
    assert len(files(store)) == 70
    found = store.find(address(number) for number in range(70))
    assert [(store.root / found[address(n)].path).read_bytes() for n in range(70)] == contents


def test_what_is_there_already_is_not_opened(store: MediaStore) -> None:
    keep_pictures(given(picture()), store, OPTIONS)

    def fail() -> BinaryIO:
        raise AssertionError("was opened")

    assert keep_pictures([(address(0), fail)], store, OPTIONS) == {KEPT: 1}


def test_what_is_no_whole_picture_is_counted_with_the_reason_and_leaves_nothing(
    store: MediaStore, tmp_path: Path
) -> None:
    large = picture(size=(900, 900), kind="PNG")
    contents = given(picture(), b"<html>", picture()[:-9], b"", large[:-9])
    gone = (address(9), partial((tmp_path / "gone.jpg").open, "rb"))
    counts = keep_pictures([*contents, gone], store, OPTIONS)
    assert (counts[KEPT], counts["image ends early"], counts["empty body"], counts.total()) == (1, 2, 1, 6)
    assert counts["cannot be read (FileNotFoundError)"] == 1
    assert len(files(store)) == 1


def test_a_full_disk_is_an_error_and_leaves_nothing_half_done(store: MediaStore) -> None:
    keep_pictures([], store, OPTIONS)
    with small_files(), pytest.raises(StorageError, match="cannot be written"):
        keep_pictures(given(picture(), picture(size=(400, 400), kind="PNG")), store, OPTIONS)
    assert files(store) == []
