"""A list of many images is sent while it is read, and a ZIP that breaks off can be told from a whole one."""

import hashlib
import http.client
import io
import json
import zipfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest

from instagram_assets.datasets.list_export import zip_stream
from instagram_assets.datasets.lists import decide
from instagram_assets.schemas import IMAGES
from instagram_assets.settings import Settings, load_settings
from instagram_assets.storage.lake import lake_root
from instagram_assets.storage.lake_writer import write_cells
from instagram_assets_tests.datasets.tables import image
from instagram_assets_tests.web.clients import served

MANY, BYTES = 2_000, 16 << 10
MOST_HELD = 4 << 20
ACCOUNTS = ("mina.draws", "sun_diary")
"""By account, in the order of an export; of the last one the rows are read last."""
DAY = date(2026, 5, 1)
AT = datetime(2026, 11, 27, 9, 30, tzinfo=UTC)


class Many:
    """A list `mine` of so many images that are no pictures, which an export need not know; `ids` in its order."""

    def __init__(self, data: Path) -> None:
        self.settings: Settings = load_settings(data_dir=data)
        self.media, self.ids = self.settings.folder("media"), list[str]()
        for part, account in enumerate(ACCOUNTS):
            rows: list[dict[str, object]] = []
            for number in range(MANY // len(ACCOUNTS)):
                body = f"{part} {number}".encode().ljust(BYTES, b".")
                image_id = hashlib.sha256(body).hexdigest()
                path = f"{image_id[:2]}/{image_id}.jpg"
                (self.media / path).parent.mkdir(parents=True, exist_ok=True)
                (self.media / path).write_bytes(body)
                rows.append(image(f"{number:04}", 0, account, image_id=image_id, path=path, day=DAY))
                self.ids.append(image_id)
            write_cells(lake_root(self.settings), "images", [account], (DAY, DAY), IMAGES.table(rows))
        decide(lake_root(self.settings), "mine", self.ids, "keep", "", AT)

    def file_of(self, image_id: str) -> Path:
        return self.media / image_id[:2] / f"{image_id}.jpg"


@pytest.fixture
def many(tmp_path: Path) -> Many:
    return Many(tmp_path / "data")


@contextmanager
def asked(url: str) -> Generator[http.client.HTTPResponse]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    try:
        connection.request("GET", f"/api/lists/{quote('mine')}/export?form=zip")
        yield connection.getresponse()
    finally:
        connection.close()


def test_a_zip_of_many_images_is_sent_before_the_last_of_them_is_read(many: Many) -> None:
    with served(many.settings.data_dir) as url, asked(url) as answer:
        assert answer.status == 200
        first = answer.read(1 << 16)
        # Whoever had read it by now would send it all the same.
        many.file_of(many.ids[-1]).unlink()
        whole = first + answer.read()
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        assert archive.testzip() is None
        assert len(archive.namelist()) == MANY  # with the manifest in the place of the one that went
        lines = [json.loads(line) for line in archive.read("manifest.jsonl").splitlines()]
    assert [line["sha256"] for line in lines] == many.ids
    assert [line["sha256"] for line in lines if line["file"] is None] == [many.ids[-1]]
    assert "not in the media store" in lines[-1]["reason"]


def test_what_is_held_at_once_is_a_few_images_however_many_the_list_has(many: Many) -> None:
    read = 0

    def rows() -> Iterator[dict[str, object]]:
        nonlocal read
        for image_id in many.ids:
            read += 1
            yield {"image_id": image_id, "file": f"{image_id[:2]}/{image_id}.jpg", "reason": None}

    sent = 0
    for piece in zip_stream(rows(), many.media):
        sent += len(piece)
        assert len(piece) < MOST_HELD
        assert read * BYTES - sent < MOST_HELD
    assert sent > MANY * BYTES
    assert read == MANY


def test_a_zip_of_a_lake_that_is_damaged_on_the_way_has_no_end_and_the_connection_says_so(many: Many) -> None:
    root = Path(str(lake_root(many.settings)))
    [file] = (root / "images" / ACCOUNTS[-1]).glob("*.parquet")
    file.write_bytes(file.read_bytes()[:-40])
    with served(many.settings.data_dir) as url, asked(url) as answer:
        assert answer.status == 200  # its first images are there
        with pytest.raises(http.client.IncompleteRead) as broken:
            answer.read()
    got = broken.value.partial
    assert len(got) > BYTES
    assert not zipfile.is_zipfile(io.BytesIO(got))
