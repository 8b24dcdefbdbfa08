"""What a person asks to forget: an account, a hashtag, a post or a picture, out of the words of a command."""

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple

from instagram_assets.errors import ForgetError
from instagram_assets.ingest.hashtags import SIGNS
from instagram_assets.ingest.post_ids import code_in
from instagram_assets.sources import names

TargetKind = Literal["account", "hashtag", "post", "image"]

_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".heic", ".mp4", ".mov")
_POST_ID = re.compile(r"\d{15,20}(_\d+)?")
_SHORTCODE = re.compile(r"(?=[A-Za-z0-9_-]*[A-Z-])[A-Za-z0-9_-]{5,64}")


class Target(NamedTuple):
    """What is to be forgotten; `value` is an account's name, `#tag`, the id or shortcode of a post, or a SHA-256."""

    kind: TargetKind
    value: str

    def __str__(self) -> str:
        return f"@{self.value}" if self.kind == "account" else f"{self.kind} {self.value}".removeprefix("hashtag ")


def read_target(text: str, media: Path, is_account: Callable[[str], bool], is_post: Callable[[str], bool]) -> Target:
    """The target that a person names: `@name`, a name, `#tag`, an address, an id, a shortcode, a SHA-256 or a file.

    `is_account` and `is_post` tell what the data folder has, where a word could be either. `media` is the folder below
    which files of pictures lie. Raises ForgetError, with what to write, for anything else.
    """
    text = text.strip()
    if not text:
        raise ForgetError("nothing is named. Give an account, a #tag, the address of a post or the file of a picture.")
    if _SHA256.fullmatch(text):
        return Target("image", text.lower())
    if code := code_in(text):
        return Target("post", code)
    if "explore/tags/" in text.lower() or text[0] in SIGNS:
        return Target("hashtag", f"#{_named(names.hashtag, text)}")
    if text.startswith("@") or "instagram.com" in text.lower():
        return Target("account", _named(names.account, text))
    if is_account(text.casefold()):
        return Target("account", text.casefold())
    if picture := _picture(text, media):
        return Target("image", picture)
    if is_post(text) or _POST_ID.fullmatch(text) or _SHORTCODE.fullmatch(text):
        return Target("post", text.partition("_")[0] if _POST_ID.fullmatch(text) else text)
    return Target("account", _named(names.account, text))


def _named(read: Callable[[str], str], text: str) -> str:
    try:
        return read(text)
    except ValueError as error:
        raise ForgetError(f"{text}: {error}.") from error


def _picture(text: str, media: Path) -> str | None:
    """The SHA-256 of a picture that is named by its file, here or below the media folder; null for no path of one.

    Raises ForgetError for a file that is missing, or is not one of the media folder.
    """
    is_path = "/" in text or Path(text).suffix.lower() in _ENDINGS
    if not is_path:
        return None
    for path in (Path(text), media / text):
        if _SHA256.fullmatch(path.stem) and (path.parent == media / path.stem[:2] or not path.is_file()):
            return path.stem
        if path.is_file():
            with path.open("rb") as stream:
                found = hashlib.file_digest(stream, "sha256").hexdigest()
            if not path.resolve().is_relative_to(media.resolve()):
                raise ForgetError(
                    f"{text}: lies outside the media folder {media}. For its picture there, give {found}."
                )
            return found
    raise ForgetError(f"{text}: no such file, here or below {media}. An account of such a name is written with an @.")
