"""Removal of images embedded in Dagster's history that may show erased names, since pixels cannot be searched.

The images are in the metadata of events, as Markdown or HTML with base64 data. Each is identified by the name of its
file in the reports folder, so that one predicate (`MayShow`) decides about the embedded image and the file.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any

IMAGE_URL_PREFIX = "data:image/"
"""The prefix of every embedded image."""
MayShow = Callable[[str], bool]
"""A predicate on an image's name: whether the image may show an erased name."""
_PICTURE = re.compile(
    r"!\[(?P<title>[^\]]*)\]\(data:image/[^)]*\)|data:image/[\w.+-]+(?:;[\w.=-]+)*,[0-9A-Za-z+/=%_-]*"
)
_TAKEN = "taken away, since it may have shown what was forgotten"
_FILE = ": file"
"""The suffix of an image's title in the label of its file path."""


def image_name(asset: str, title: str) -> str:
    """Returns the file name, without its extension, of an asset's image with this title."""
    return f"{asset}-{title.replace(' ', '-')}"


class ImageRemover:
    """Removes images from JSON values and texts.

    The predicate `may_show` decides by an image's name whether it is removed; a placeholder text replaces it. Images
    with one of the erased `names` in their title are removed with the label and file path beside them.
    """

    def __init__(self, may_show: MayShow, names: Iterable[str] = ()) -> None:
        self._may_show = may_show
        self._names = frozenset(name.casefold() for name in names if name)

    def may_be_in(self, text: str) -> bool:
        """False if a text certainly contains no image; a fast check before `taken_from`."""
        return IMAGE_URL_PREFIX in text

    def taken_from(self, value: Any, asset: str = "", title: str = "") -> Any:
        """Returns a JSON value or text without the images to remove.

        `asset` and `title` are the name of the asset and the label of the metadata entry that the value belongs to;
        inner objects override both.
        """
        if isinstance(value, str):
            return (
                _PICTURE.sub(lambda found: self._instead(found, asset, title), value)
                if IMAGE_URL_PREFIX in value
                else value
            )
        if isinstance(value, list):
            whole = {label for each in value if (label := self._label_of_own(each))}
            return [
                self.taken_from(each, asset, title)
                for each in value
                if not whole or _label_of(each).removesuffix(_FILE) not in whole
            ]
        if isinstance(value, dict):
            asset, title = _asset_of(value) or asset, _label_of(value) or title
            return {key: self.taken_from(each, asset, title) for key, each in value.items()}
        return value

    def _instead(self, found: re.Match[str], asset: str, label: str) -> str:
        title = found["title"] or label
        if not self._may_show(image_name(asset, title)) and not self._is_about_it(title):
            return found[0]
        return f"*{title or 'picture'}: {_TAKEN}*"

    def _label_of_own(self, entry: Any) -> str | None:
        """Returns the label of a metadata entry if it has an image with an erased name in its title; else None."""
        label = _label_of(entry)
        return label if label and self._is_about_it(label) and _shows_picture(entry) else None

    def _is_about_it(self, title: str) -> bool:
        """Whether an image's title ends in an erased name; an account's charts have titles like `top words of jane`."""
        return title.rpartition(" of ")[2].casefold() in self._names


def _shows_picture(value: Any) -> bool:
    if isinstance(value, str):
        return IMAGE_URL_PREFIX in value
    inner: Iterable[Any] = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(map(_shows_picture, inner))


def _label_of(entry: Any) -> str:
    label = entry.get("label") if isinstance(entry, dict) else None
    return label if isinstance(label, str) else ""


def _asset_of(value: dict[str, Any]) -> str:
    """Returns an event's asset name, from its asset key or its step key (steps are named after assets); else empty."""
    key = value.get("asset_key")
    path = key.get("path") if isinstance(key, dict) else None
    if isinstance(path, list) and path:
        return str(path[-1])
    step = value.get("step_key")
    return step if isinstance(step, str) else ""


KEEP_IMAGES = ImageRemover(lambda name: False)
"""A remover that removes no image."""
