"""How collectors call the pictures of a post after the post's own file."""

import re

PICTURES = (".jpg", ".jpeg", ".webp", ".png")
_ENDINGS = (".xz", ".gz", ".json")
_PLACE = re.compile(r"_[0-9]{1,3}\Z")


def stem_of(name: str) -> str:
    """What the names of a post's pictures begin with, from the name or path of its file."""
    for ending in _ENDINGS:
        name = name[: -len(ending)] if name.lower().endswith(ending) else name
    return name


def is_of(picture: str, stems: set[str]) -> bool:
    """True for the path of a picture of one of the posts whose files have these stems."""
    if not picture.lower().endswith(PICTURES):
        return False
    stem = picture.rpartition(".")[0]
    return not stems.isdisjoint((picture, stem, _PLACE.sub("", stem)))
