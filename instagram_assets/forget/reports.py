"""Reports forget: nobody can search in pixels, so that each picture that may show the subject goes, and is made again.

Pages that do not hold it stay; so do pictures of a model, which are of counts. Timelines and words of other accounts go
too: a post of the subject may stand among those collected under their name, or its name among their words.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from instagram_assets.forget.output_files import of_file, of_link, seen
from instagram_assets.forget.replaced import remove
from instagram_assets.forget.steps import Step
from instagram_assets.forget.suspicion import Suspicion
from instagram_assets.ingest.scrub.names import scrubbed_name
from instagram_assets.ingest.scrub.records import Scrubber
from instagram_assets.privacy.forgotten import Forgotten, Identifiers

PLACE = "reports"
_PICTURES = frozenset((".png", ".jpg", ".jpeg", ".webp", ".gif", ".svg"))
_PAGES = frozenset((".html", ".htm", ".md"))
_OF_COUNTS = "age_model-"


def steps(folder: Path, root: Path, forgotten: Forgotten, passed: Path) -> Iterator[Step]:
    """What is to be done to the reports; those of searches below `passed` are looked at as folders of pictures."""
    for path in sorted(folder.rglob("*")) if folder.is_dir() and forgotten else ():
        if path.is_relative_to(passed):
            continue
        if path.is_symlink():  # of a link only the name is ours
            yield from of_link(PLACE, path, root, forgotten)
            continue
        if not path.is_file():
            continue
        kind = path.suffix.lower()
        if kind in _PICTURES:
            if may_show(path.stem, forgotten):
                yield Step(PLACE, scrubbed_name(seen(path, root), forgotten), "remove", 1, partial(remove, path))
        elif kind in _PAGES and _holds(path, forgotten):
            yield Step(PLACE, scrubbed_name(seen(path, root), forgotten), "remove", 1, partial(remove, path))
        elif kind not in _PAGES:
            yield from of_file(PLACE, path, root, forgotten)


def may_show(name: str, forgotten: Forgotten) -> bool:
    """Whether a picture of this name, without the ending of its file, may show it: one rule for reports and history."""
    if name.startswith(_OF_COUNTS):
        return False
    if isinstance(forgotten, Identifiers) and not (forgotten.post_ids or forgotten.images):
        # Of whom there is no post nothing is drawn, but for a hashtag of which others' posts were collected.
        return any(name.endswith(f"-of-{account}") for account in forgotten.accounts)
    return True


def _holds(path: Path, forgotten: Forgotten) -> bool:
    text = path.read_text("utf-8", "replace")
    return Suspicion(forgotten)(text) and Scrubber(forgotten).text(text) != text
