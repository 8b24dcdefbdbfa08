"""The index of the lake as pages have it: the newest version, brought up to date behind their back."""

from dataclasses import dataclass
from datetime import datetime

from instagram_assets.errors import DamagedError, InstagramAssetsError, NotReadyError
from instagram_assets.lake_index.changes import fingerprint
from instagram_assets.lake_index.place import FOLDER, lake_seen
from instagram_assets.lake_index.reading import LakeIndex, opened
from instagram_assets.web.index_keeper import keeper_of
from instagram_assets.web.services import Services

_DAMAGED = "The index of the lake is damaged, and is made anew. Ask again."


@dataclass(frozen=True)
class IndexState:
    """How the index is. `problem` says why it cannot be made or read; `made_at` is null where there is none.

    `behind` is true when the lake on a disk was written since; `is_kept` when somebody brings it up to date by itself.
    """

    is_there: bool
    is_updating: bool
    problem: str
    made_at: datetime | None
    behind: bool
    is_kept: bool


def index_of(services: Services) -> LakeIndex:
    """The index as it is now, which is never made here.

    Raises NotReadyError while the first one is made, and while one that is damaged is made anew; DamagedError where
    nobody does so by itself.
    """
    folder = services.settings.folder(FOLDER)
    place = opened(folder)
    keeper = keeper_of(folder)
    try:
        index = place.newest()
    except DamagedError as error:
        if keeper is None:
            raise
        raise NotReadyError(_DAMAGED) from error
    if index.is_damaged and keeper:
        raise NotReadyError(_DAMAGED)
    return index


def index_state(services: Services) -> IndexState:
    """How the index is, found out quickly; for pages and for the status."""
    folder = services.settings.folder(FOLDER)
    keeper = keeper_of(folder)
    made_at, trouble = None, ""
    try:
        made_at = datetime.fromisoformat(index_of(services).fact("made_at"))
    except InstagramAssetsError as error:
        trouble = str(error)
    problem = keeper.problem if keeper else trouble
    try:
        now = fingerprint(services.lake)
    except InstagramAssetsError as error:
        now, problem = "", problem or str(error)
    return IndexState(
        made_at is not None,
        keeper is not None and keeper.is_updating,
        problem,
        made_at,
        made_at is not None and now != lake_seen(folder),
        keeper is not None,
    )
