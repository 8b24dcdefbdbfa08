"""The demo's sample data: accounts, their posts and reels, and the image behind each file name."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum
from typing import Literal, TypeVar
from zoneinfo import ZoneInfo

from instagram_assets.demo.sample_captions import CAPTION_QUIRKS
from instagram_assets.demo.synthetic_images import SCENE_COLOURS, SCENE_SHAPES, ImageFormat, Scene

_EPOCH = datetime(2011, 8, 24, 21, 7, 1, 721000, tzinfo=UTC)
_LOW_BITS = 23


def new_media_id(uploaded_at: datetime, low_bits: int) -> int:
    """Return a media id for an upload time; `low_bits` (23 bits) distinguishes uploads in the same millisecond.

    The layout is the one that Instagram's engineers described in "Sharding & IDs at Instagram" (2012).
    """
    milliseconds = (uploaded_at - _EPOCH) // timedelta(milliseconds=1)
    return milliseconds << _LOW_BITS | low_bits


_MediaKind = Literal["Image", "Sidecar", "Mixed", "Video"]  # mixed: a sidecar whose last part is a video
RoleName = TypeVar("RoleName", bound=str)

SEED = 2026
ZONE = ZoneInfo("Asia/Seoul")
SAMPLE_FIRST_DAY = date(2026, 10, 19)
DAYS = 14
POSTS_PER_ACCOUNT = 50
REELS_PER_ACCOUNT = 5
LAST_SECOND = 24 * 60 * 60 - 1
IMAGE_SUFFIXES: dict[ImageFormat, str] = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp"}


class MissingImage(Enum):
    """Reason why the server has no image for a file name."""

    MISSING = "404: the file is gone"
    PAGE = "200 with a web page, as when a site wants its visitor to log in"


@dataclass(frozen=True)
class SampleAccount:
    """A synthetic account; `subjects` are the shapes in most of its images."""

    name: str
    profile_id: str
    full_name: str
    biography: str
    followers: int
    subjects: tuple[str, ...] = ()
    private: bool = False


ACCOUNTS = (
    SampleAccount(
        "demo.bada.diary",
        "68100000101",
        "바다네 그림일기",
        "두 돌 바다의 하루 🌊\n색종이와 풀",
        12840,
        ("circle", "star"),
    ),
    SampleAccount(
        "demo.haneul_cooks", "68100000202", "하늘이네 부엌", "동그란 것만 굽습니다 🍪", 48210, ("ring", "circle")
    ),
    SampleAccount(
        "demo.dalbit.baby", "68100000303", "달빛 아기", "쌍둥이 육아 기록 | 문의는 DM", 3105, ("star", "triangle")
    ),
    SampleAccount("demo.sol.garden", "68100000404", "솔 정원", "네모난 밭, 세모난 지붕", 905, ("square", "triangle")),
    SampleAccount(
        "demo.byeol_cat", "68100000505", "별이와 고양이", "고양이 두 마리, 사람 셋 🐱", 20577, ("cross", "square")
    ),
    SampleAccount("demo.nuri.walks", "68100000606", "누리의 산책", "오늘 시작했어요", 0, ("circle", "cross")),
)
PRIVATE_ACCOUNT = SampleAccount("demo.eunha.private", "68100000707", "은하", "", 212, private=True)
GUEST_ACCOUNT = SampleAccount(
    "demo.guest_oven", "68100000808", "손님 오븐", "", 0
)  # posts together with others; its profile is not exported


@dataclass(frozen=True)
class SampleMedium:
    """One image of a post, or the cover of one of its videos."""

    file_name: str
    scene: Scene
    answer: MissingImage | None = None
    expired: bool = False


@dataclass(frozen=True)
class SamplePost:
    """A post or reel; `role` and `quirk` name special properties of its item and its caption (empty if none)."""

    account: SampleAccount
    number: int
    taken_at: datetime
    kind: _MediaKind
    media: tuple[SampleMedium, ...]
    role: str = ""
    quirk: str = ""


PICTURE_ROLES = {
    "blurred": 40,
    "small": 25,
    "cropped": 14,
    "encoded again": 14,
    "same": 10,
    "PNG": 8,
    "WEBP": 8,
    "missing": 4,
    "expired": 3,
    "page": 1,
}
POST_ROLES = {
    "hidden likes": 14,
    "collaboration": 9,
    "tagged": 10,
    "place": 16,
    "comment": 6,
    "sponsored": 4,
    "comments off": 3,
    "unknown key": 1,
}
REEL_ROLES = {"hidden likes": 3, "collaboration": 2, "music": 8, "no views": 4}
_KINDS: dict[_MediaKind, int] = {"Sidecar": 74, "Mixed": 6, "Video": 35}
IMAGE_SIZES = (
    (640, 640),
    (640, 640),
    (640, 640),
    (640, 800),
    (640, 800),
    (750, 750),
    (800, 1000),
    (1080, 720),
    (1080, 1080),
    (1080, 1350),
)
REEL_SIZE = (720, 1280)
SMALL_SIZES = ((150, 150), (240, 240), (280, 350), (299, 299), (640, 240))


def sample_posts(seed: int = SEED) -> list[SamplePost]:
    """Return the demo's 300 posts, grouped by account, oldest first."""
    rng = random.Random(f"{seed} posts")
    total = POSTS_PER_ACCOUNT * len(ACCOUNTS)
    kinds = _deal(_KINDS, "Image", total, rng)
    roles = _deal(POST_ROLES, "", total, rng)
    quirks = _deal({quirk: 1 if quirk == "decomposed" else 3 for quirk in CAPTION_QUIRKS}, "", total, rng)
    owners = [account for account in ACCOUNTS for _ in range(POSTS_PER_ACCOUNT)]
    moments = [moment for _ in ACCOUNTS for moment in _moments(POSTS_PER_ACCOUNT, rng)]
    lengths = [rng.randint(2, 4) if kind in ("Sidecar", "Mixed") else 1 for kind in kinds]
    slots = [account for account, length in zip(owners, lengths, strict=True) for _ in range(length)]
    media = iter(_media(slots, PICTURE_ROLES, IMAGE_SIZES, rng))
    return [
        SamplePost(account, _number(moment, rng), moment, kind, tuple(next(media) for _ in range(length)), role, quirk)
        for account, moment, kind, length, role, quirk in zip(
            owners, moments, kinds, lengths, roles, quirks, strict=True
        )
    ]


def sample_reels(seed: int = SEED) -> list[SamplePost]:
    """Return the demo's 30 reels, grouped by account, oldest first."""
    rng = random.Random(f"{seed} reels")
    owners = [account for account in ACCOUNTS for _ in range(REELS_PER_ACCOUNT)]
    moments = [moment for _ in ACCOUNTS for moment in _moments(REELS_PER_ACCOUNT, rng)]
    covers = _media(owners, {"blurred": 3}, (REEL_SIZE,), rng)
    roles = _deal(REEL_ROLES, "", len(owners), rng)
    return [
        SamplePost(account, _number(moment, rng), moment, "Video", (cover,), role)
        for account, moment, cover, role in zip(owners, moments, covers, roles, strict=True)
    ]


def portraits(seed: int = SEED) -> dict[str, SampleMedium]:
    """Return the profile picture of each account, keyed by account name."""
    rng = random.Random(f"{seed} portraits")
    accounts = (*ACCOUNTS, PRIVATE_ACCOUNT, GUEST_ACCOUNT)
    pictures = _media(accounts, {}, ((150, 150),), rng)
    return {account.name: picture for account, picture in zip(accounts, pictures, strict=True)}


def image_catalogue(seed: int = SEED) -> dict[str, Scene | MissingImage]:
    """Return the content of each image, keyed by file name: a scene, or the reason why the server does not have it."""
    media = [medium for post in (*sample_posts(seed), *sample_reels(seed)) for medium in post.media]
    return {medium.file_name: medium.answer or medium.scene for medium in (*media, *portraits(seed).values())}


def _media(
    owners: Sequence[SampleAccount], roles: Mapping[str, int], sizes: Sequence[tuple[int, int]], rng: random.Random
) -> list[SampleMedium]:
    """Return one image for each entry of `owners`; `roles` says how many are blurred, duplicates, missing and so on."""
    ordinary: list[Scene] = []
    media: list[SampleMedium] = []
    for owner, role in zip(owners, ["", *_deal(roles, "", len(owners) - 1, rng)], strict=True):
        scene = _scene(owner, rng.choice(sizes), rng)
        match role:
            case "blurred":
                scene = replace(scene, blur=rng.choice((0.006, 0.01, 0.015)))
            case "small":
                width, height = rng.choice(SMALL_SIZES)
                scene = replace(scene, width=width, height=height)
            case "cropped":
                scene = replace(rng.choice(ordinary), crop=0.02, quality=60)
            case "encoded again":
                scene = replace(rng.choice(ordinary), quality=55)
            case "same":
                scene = rng.choice(ordinary)
            case "PNG":
                scene = replace(scene, width=320, height=320, format="PNG")
            case "WEBP":
                scene = replace(scene, format="WEBP")
            case "":
                ordinary.append(scene)
            case _:
                pass
        answer = {"missing": MissingImage.MISSING, "page": MissingImage.PAGE}.get(role)
        media.append(SampleMedium(_file_name(scene.format, rng), scene, answer, expired=role == "expired"))
    return media


def _scene(owner: SampleAccount, size: tuple[int, int], rng: random.Random) -> Scene:
    liked = owner.subjects if owner.subjects and rng.random() < 0.75 else tuple(SCENE_SHAPES)
    colour, background = rng.sample(tuple(SCENE_COLOURS), 2)
    return Scene(rng.choice(liked), colour, background, *size, seed=rng.getrandbits(32))


def _file_name(image_format: ImageFormat, rng: random.Random) -> str:
    """Return a random file name in the form of Instagram's CDN: three numbers and `_n`."""
    numbers = (rng.randrange(10 ** (digits - 1), 10**digits) for digits in (9, 16, 19))
    return "_".join(map(str, numbers)) + f"_n.{IMAGE_SUFFIXES[image_format]}"


def _moments(count: int, rng: random.Random) -> list[datetime]:
    """Return `count` sorted UTC timestamps for posts, including the first and last second of a day in Korea."""
    seconds = [0, LAST_SECOND, *(rng.randrange(7 * 3600, 23 * 3600) for _ in range(count - 2))]
    days = [SAMPLE_FIRST_DAY + timedelta(days=rng.randrange(DAYS)) for _ in range(count)]
    midnights = (datetime.combine(day, time(), ZONE).astimezone(UTC) for day in days)
    return sorted(midnight + timedelta(seconds=second) for midnight, second in zip(midnights, seconds, strict=True))


def _number(taken_at: datetime, rng: random.Random) -> int:
    return new_media_id(taken_at, rng.getrandbits(23))


def _deal(times: Mapping[RoleName, int], rest: RoleName, count: int, rng: random.Random) -> list[RoleName]:
    """Return `count` role names in random order: each role `times[role]` times, and `rest` for the remaining ones."""
    words = [word for word, number in times.items() for _ in range(number)]
    words += [rest] * (count - len(words))
    rng.shuffle(words)
    return words
