"""A search as its steps leave it, made without a browser and without models: pictures, tables and the folder."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from instagram_assets.datasets.image_folder import write_folder
from instagram_assets.datasets.manual_overrides import read_overrides
from instagram_assets.media.download_options import SizeLimits
from instagram_assets.media.store import MediaStore
from instagram_assets.schemas import SEARCH_CLUSTERS, SEARCH_DATASET, SEARCH_IMAGES, SEARCH_RESULTS
from instagram_assets.search.image_selection import select_images
from instagram_assets.settings import Settings
from instagram_assets.storage.fingerprints import url_identity
from instagram_assets.storage.image_folder_state import preferences
from instagram_assets.storage.lake import lake_root
from instagram_assets.storage.lake_writer import write_cells

LIMITS = SizeLimits("image", 1 << 20, 40)


class Search:
    """A search for cats: pictures 1 to 6 show the subject, 7 is blurred, 8 another subject, 9 was not fetched."""

    def __init__(self, settings: Settings, name: str = "고양이") -> None:
        self.settings, self.name = settings, name
        self.lake = lake_root(settings)
        self.folder = settings.folder("datasets") / "search" / name
        self.ids: dict[int, str] = {}
        self.files: dict[str, Path] = {}

    def found(self, numbers: Sequence[int] = range(1, 10)) -> None:
        """The page has shown its results."""
        self.results = SEARCH_RESULTS.table([self._result(number) for number in numbers])
        write_cells(self.lake, "search_results", [self.name], None, self.results)

    def fetch(self, numbers: Sequence[int] = range(1, 9)) -> None:
        """Put pictures into the media store, as a run does that is still fetching others."""
        media = self.settings.folder("media")
        with MediaStore(media) as store:
            for number in numbers:
                entry = store.add_local(url_identity(url(number)), picture(number), LIMITS)
                self.ids[number] = entry.image_id
                self.files[entry.image_id] = media / entry.path

    def measured(self) -> None:
        """All are fetched, and judged by their looks."""
        rows = [self._image(rank, row["url"]) for rank, row in enumerate(self.results.to_pylist(), 1)]
        self.images = SEARCH_IMAGES.table(rows)
        write_cells(self.lake, "search_images", [self.name], None, self.images)

    def write(self, limit: int = 50, *, refresh: bool = False, **query: object) -> None:
        """The folder is written; `query` has columns of `search_clusters` that are about the query."""
        places = [
            self._place(number, cluster) | query
            for number, cluster in {**dict.fromkeys(range(1, 7), 0), 8: 1}.items()
            if number in self.ids
        ]
        clusters = SEARCH_CLUSTERS.table(places)
        write_cells(self.lake, "search_clusters", [self.name], None, clusters)
        by_hand = read_overrides(self.lake, self.name)
        rows = select_images(self.results, self.images, clusters, limit, preferences(self.folder), by_hand)
        written = write_folder(self.folder, rows, self.files, {"query": "cat"}, refresh=refresh, by_hand=by_hand)
        write_cells(self.lake, "search_dataset", [self.name], None, SEARCH_DATASET.table(written.rows))

    def whole(self) -> "Search":
        """All of it."""
        self.found()
        self.fetch()
        self.measured()
        self.write()
        return self

    def _result(self, number: int) -> dict[str, object]:
        said = {"search": self.name, "query": "cat", "rank": number, "source": "naver", "page_url": "https://n.example"}
        return {**said, "url": url(number), "fallback_url": "", "selector": "img"}

    def _image(self, rank: int, address: str) -> dict[str, object]:
        number = int(address.rpartition("/")[2].removesuffix(".jpg"))
        row: dict[str, Any] = {"search": self.name, "rank": rank, "url": address, "passed": False}
        if number not in self.ids:
            return {**row, "status": "failed", "reason": "HTTP 404"}
        image_id = self.ids[number]
        path = str(self.files[image_id].relative_to(self.settings.folder("media")))
        size = {"width": 400, "height": 300, "bytes": self.files[image_id].stat().st_size, "path": path}
        blurred = number == 7
        said = {"passed": not blurred, "reason": "blurred: sharpness 1 below 50" if blurred else None}
        return {**row, **size, **said, "image_id": image_id, "status": "ok", "sharpness": 1.0 if blurred else 90.5}

    def _place(self, number: int, cluster: int) -> dict[str, object]:
        image_id = self.ids[number]
        said = {"search": self.name, "image_id": image_id, "near_group": image_id}
        return {**said, "cluster": cluster, "distance": number / 100, "is_subject": cluster == 0}


def url(number: int) -> str:
    return f"https://pictures.example/{number}.jpg"


def picture(number: int) -> bytes:
    """Noise of its own, as JPEG."""
    out = io.BytesIO()
    pixels = np.random.default_rng(number).integers(0, 256, (300, 400, 3), np.uint8)
    Image.fromarray(pixels).save(out, "JPEG", quality=60)
    return out.getvalue()
