"""What is made from the lake for looking at it forgets: thumbnails of forgotten images go, the index goes whole.

It comes last: whoever makes them again meanwhile, such as the web app, finds nothing of the subject from then on.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from instagram_assets.forget.replaced import remove
from instagram_assets.forget.steps import Applied, Step
from instagram_assets.lake_index.derived import THUMBNAILS, holds_index, remove_index, thumbnails
from instagram_assets.lake_index.place import FOLDER as INDEX
from instagram_assets.privacy.forgotten import Forgotten
from instagram_assets.settings import Settings

PLACES = (INDEX, THUMBNAILS)


def steps(settings: Settings, forgotten: Forgotten) -> Iterator[Step]:
    """What is to be done to the thumbnails and the index, by what lies there now."""
    if not forgotten:
        return
    for image_id, path in thumbnails(settings.folder(THUMBNAILS)):
        if forgotten.has("image", image_id):
            yield Step(THUMBNAILS, f"{THUMBNAILS}/{path.parent.name}/{path.name}", "remove", 1, partial(remove, path))
    if holds_index(settings.folder(INDEX)):
        yield Step(INDEX, INDEX, "remove", 0, partial(_without_index, settings.folder(INDEX)))


def _without_index(folder: Path) -> Applied:
    return Applied(remove_index(folder), [], 0, 0)
