"""Instagram's own archive of an invented account, written as Instagram does, with what is private in it."""

import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

NAME = "instagram-sun_diary-2025-08-30-Ab12Cd"
PRIVATE = {
    "personal_information/personal_information/personal_information.json": {"profile_user": []},
    "your_instagram_activity/messages/inbox/moon_1/message_1.json": {"messages": [{"content": "secret"}]},
    "your_instagram_activity/comments/post_comments_1.json": [{"string_map_data": {}}],
    "your_instagram_activity/media/stories.json": {"ig_stories": []},
    "your_instagram_activity/media/profile_photos.json": {"ig_profile_picture": []},
    "ads_information/ads_and_topics/ads_viewed.json": {"impressions_history_ads_seen": []},
    "connections/contacts/synced_contacts.json": {"contacts_contact_info": []},
    "security_and_login_information/login_and_profile_creation/login_activity.json": {"account_history_login": []},
}


class Medium(NamedTuple):
    """A file of a post: where it lies in the archive, and when it was made."""

    uri: str
    seconds: int


class Kept(NamedTuple):
    """A post as plain values."""

    media: tuple[Medium, ...]
    caption: str
    seconds: int
    is_reel: bool = False


def archived(number: int, *, pictures: int = 1, is_reel: bool = False, caption: str = "") -> Kept:
    """The post of a number, an hour after the one before."""
    seconds = 1_600_000_000 + 3_600 * number
    folder, ending = ("reels", "mp4") if is_reel else ("posts", "jpg")
    media = tuple(
        Medium(
            f"media/{folder}/202009/{200 + n}_{number}_n_{17_000_000_000_000_000 + 100 * number + n}.{ending}", seconds
        )
        for n in range(pictures)
    )
    return Kept(media, caption or f"산책 {number} ☕️ #카페", seconds, is_reel)


def as_latin(text: str) -> str:
    """A text as the archive has it: the bytes of its UTF-8, each as a character."""
    return text.encode().decode("latin-1")


def record(post: Kept) -> dict[str, Any]:
    """A post as `posts_1.json` has it: with one file its text and time stand there, with several at the post."""
    single = len(post.media) == 1
    media = [
        {
            "uri": medium.uri,
            "creation_timestamp": medium.seconds,
            "media_metadata": {"camera_metadata": {"has_camera_metadata": False}},
            "title": as_latin(post.caption) if single else "",
            "cross_post_source": {"source_app": "FB"},
        }
        for medium in post.media
    ]
    if single:
        return {"media": media}
    return {"media": media, "title": as_latin(post.caption), "creation_timestamp": post.seconds}


def files(posts: Sequence[Kept], activity: str = "your_instagram_activity/media") -> Iterator[tuple[str, bytes]]:
    """The archive's JSON by places in it, what is private too; pictures are left to the caller."""
    photos = [record(post) for post in posts if not post.is_reel]
    reels = [record(post) for post in posts if post.is_reel]
    yield f"{activity}/posts_1.json", written(photos)
    if reels:
        yield f"{activity}/reels.json", written({"ig_reels_media": reels})
    yield from ((place, written(content)) for place, content in PRIVATE.items())


def written(content: object) -> bytes:
    """JSON as Instagram writes it: with escapes alone."""
    return json.dumps(content, indent=2).encode("ascii")


def unpacked(folder: Path, posts: Sequence[Kept]) -> Path:
    """The archive as a folder."""
    for place, content in files(posts):
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def zipped(path: Path, members: Mapping[str, bytes], *, closed: Sequence[str] = ()) -> Path:
    """A ZIP of these members; those that are `closed` cannot be opened: where each begins nothing is right."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in members.items():
            packed.writestr(name, content)
        begins = [packed.getinfo(name).header_offset for name in closed]
    with path.open("r+b") as stream:
        for begin in begins:
            stream.seek(begin)
            stream.write(bytes(4))
    return path


def jpeg(number: int, base: bytes) -> bytes:
    """A picture of its own for each number: the same one with a comment (ITU-T T.81, B.2.4.5) behind its beginning."""
    said = str(number).encode()
    return base[:2] + b"\xff\xfe" + (len(said) + 2).to_bytes(2, "big") + said + base[2:]
