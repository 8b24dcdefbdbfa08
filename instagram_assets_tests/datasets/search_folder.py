"""A search of pictures of one colour each, and what is in its folder."""

import hashlib
import io
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from PIL import Image

from instagram_assets.datasets.image_folder import WrittenFolder, write_folder
from instagram_assets.schemas import SEARCH_DATASET
from instagram_assets.schemas.search import Decision, Override
from instagram_assets.storage.image_folder_state import (
    MANIFEST,
)

ASKED = {"query": "고양이", "limit": 50}
AT = datetime(2026, 11, 27, 9, tzinfo=UTC)


class Search:
    """A search whose candidates are pictures of one colour each, in the order of their numbers."""

    def __init__(self, folder: Path) -> None:
        self.media = folder / "media"
        self.media.mkdir()
        self.folder = folder / "search" / "내 고양이"
        self.files: dict[str, Path] = {}
        self.by_hand: dict[str, Override] = {}

    def write(
        self, kept: Sequence[int], others: Sequence[int] = (), *, reencoded: bool = False, refresh: bool = False
    ) -> WrittenFolder:
        rows = [self.row(rank, number, kept=rank < len(kept)) for rank, number in enumerate([*kept, *others])]
        return write_folder(
            self.folder, rows, self.files, ASKED, reencoded=reencoded, refresh=refresh, by_hand=self.by_hand
        )

    def decide(self, number: int, decision: Decision, minutes: int = 0) -> None:
        """Somebody keeps or drops a picture, so many minutes after 9 o'clock."""
        self.by_hand[self.image_id(number)] = Override(decision, "", AT + timedelta(minutes=minutes))

    def row(self, rank: int, number: int, *, kept: bool) -> dict[str, Any]:
        row: dict[str, Any] = dict.fromkeys(SEARCH_DATASET.schema.names)
        image_id = self.image_id(number)
        said = {"search": "s", "query": "q", "rank": rank + 1, "kept": kept, "reason": None if kept else "blurred: 3"}
        return row | said | {"image_id": image_id, "width": 400, "height": 300, "sharpness": 90.0}

    def image_id(self, number: int) -> str:
        out = io.BytesIO()
        Image.new("RGB", (40, 30), (number * 7 % 256, number, 9)).save(out, "PNG")
        image_id = hashlib.sha256(out.getvalue()).hexdigest()
        self.files[image_id] = self.media / f"{image_id}.png"
        if not self.files[image_id].exists():
            self.files[image_id].write_bytes(out.getvalue())
        return image_id

    def manifest(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / MANIFEST).read_text("utf-8").splitlines()]

    def line(self, number: int) -> dict[str, Any]:
        (line,) = [line for line in self.manifest() if line["sha256"] == self.image_id(number)]
        return line

    def files_of(self) -> dict[str, bytes]:
        """Everything in the folder but what is hidden."""
        there = [path for path in self.folder.rglob("*") if path.is_file()]
        names = {path.relative_to(self.folder).as_posix(): path for path in there}
        return {name: path.read_bytes() for name, path in names.items() if not name.startswith(".")}


def image(number: int) -> str:
    return f"img_{number:04}.png"
