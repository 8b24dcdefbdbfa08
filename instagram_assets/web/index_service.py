"""The index of the lake as pages have it: the newest version, brought up to date behind their back."""

from functools import lru_cache
from pathlib import Path

from instagram_assets.lake_index.place import FOLDER, index_file
from instagram_assets.lake_index.reading import LakeIndex, Opened
from instagram_assets.lake_index.update import update_index
from instagram_assets.web.services import Services


def index_of(services: Services) -> LakeIndex:
    """The index as it is now. Raises NotReadyError while the first one is made."""
    folder = services.settings.folder(FOLDER)
    if not index_file(folder).exists():
        update_index(services.lake, folder, services.settings.time_zone)
    return _opened(folder).newest()


@lru_cache(maxsize=8)
def _opened(folder: Path) -> Opened:
    return Opened(folder)
