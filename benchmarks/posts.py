"""Invented posts as Apify's Instagram scraper writes them, any number of them, the same for the same numbers.

What makes real exports slower to read than tidy ones is in them: fields without a column in every post
(`musicInfo`, `ownerFbid`, `paidPartnership`), comments, reels and sidecars, long Korean captions, accounts one after
the other with the newest post first, and 2 % of posts with something odd.
"""

import json
import random
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.captions import caption, comment, mentioned
from instagram_assets.demo.sample_catalogue import new_media_id
from instagram_assets.ingest.post_ids import shortcode_of

Item = dict[str, Any]

FIRST_DAY = "2024-01-01"
_NOON = datetime.fromisoformat(FIRST_DAY).replace(hour=3, tzinfo=UTC)  # in Seoul
_ODD_ONE_IN = 50
_ODDITIES = ("hidden likes", "no caption", "empty caption", "fields missing", "unknown likes", "decomposed", "no views")
_OPTIONAL = ("alt", "latestComments", "firstComment", "isSponsored", "isCommentsDisabled", "musicInfo")
_PLACES = ("서울숲", "제주 애월", "부산 광안리", "전주 한옥마을", "강릉 안목해변", "Seoul, Korea")
_SONGS = ("새벽 기차", "Paper Boat", "느린 우체통", "Original audio", "여름밤의 산책")
_CLASSES = ("people", "a child", "food", "a beach", "text that says '오늘'", "flowers", "a cat")


def account_name(number: int) -> str:
    """The name of account number 0, 1, …"""
    return f"sample_account_{number:03}"


def write_posts(path: Path, count: int, accounts: int, days: int) -> None:
    """Write a JSON array of `count` posts, dealt over accounts and days so that each cell gets its share in turn."""
    _write(path, _dealt(count, accounts, days))


def write_days(path: Path, accounts: int, days: Sequence[int]) -> None:
    """Write a JSON array of one post per account on each of these days, counted from FIRST_DAY."""
    newest_first = sorted(days, reverse=True)
    _write(path, (_post(day * accounts + who, who, day) for who in range(accounts) for day in newest_first))


def write_profiles(path: Path, accounts: int) -> None:
    """Write a JSON array with one profile per account."""
    path.write_text(json.dumps([_profile(number) for number in range(accounts)], ensure_ascii=False), encoding="utf-8")


def _dealt(count: int, accounts: int, days: int) -> Iterator[Item]:
    for account in range(accounts):
        numbers = range(account, count, accounts)
        newest_first = sorted(numbers, key=lambda number: number // accounts % days, reverse=True)
        yield from (_post(number, account, number // accounts % days) for number in newest_first)


def _write(path: Path, items: Iterable[Item]) -> None:
    with path.open("w", encoding="utf-8") as stream:
        before = "["
        for item in items:
            stream.write(before + json.dumps(item, ensure_ascii=False))
            before = ",\n"
        stream.write("]" if before != "[" else "[]")


def _post(number: int, account: int, day: int) -> Item:
    """The post of this number; its account and day decide only what they must."""
    chance = random.Random(number)
    taken_at = _NOON + timedelta(days=day, seconds=chance.randrange(36_000))
    name, owner_id = account_name(account), _owner_id(account)
    kind = chance.choices(("Image", "Sidecar", "Video"), (45, 30, 25))[0]
    key = new_media_id(taken_at, number * 2_654_435_761 % 2**23)
    size = chance.choice((1080, 1350, 1440))
    children = [_child(key + place, owner_id, chance) for place in range(1, chance.randint(3, 7))]
    children = children if kind == "Sidecar" else []
    text = caption(chance)
    likes = min(round(chance.lognormvariate(5, 1.2)), 90_000)
    comments = [_comment(taken_at, chance) for _ in range(chance.choice((0, 0, 1, 2, 3)))]
    item: Item = {
        "inputUrl": f"https://www.instagram.com/{name}/",
        **_media(key, kind, size, chance),
        "caption": text,
        "hashtags": re.findall(r"#([^\s#]+)", text),
        "mentions": re.findall(r"@([^\s@]+)", text),
        "commentsCount": len(comments) + likes // 60,
        "firstComment": comments[0]["text"] if comments else "",
        "latestComments": comments,
        "images": [child["displayUrl"] for child in children],
        "alt": f"Photo by Sample {account} on {taken_at:%B %d, %Y}. May be an image of {chance.choice(_CLASSES)}.",
        "likesCount": likes,
        "timestamp": taken_at.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "childPosts": children,
        "ownerFullName": f"Sample {account}",
        "ownerUsername": name,
        "ownerId": owner_id,
        "ownerFbid": _fbid(account),
        "isSponsored": False,
        "paidPartnership": chance.random() < 0.02,
        "isCommentsDisabled": False,
        "musicInfo": _music(kind, account, chance),
    }
    if kind == "Video":
        item |= _video(likes, chance)
    item |= _sometimes(chance)
    return _odd(item, _ODDITIES[number // _ODD_ONE_IN % len(_ODDITIES)]) if number % _ODD_ONE_IN == 7 else item


def _media(key: int, kind: str, height: int, chance: random.Random) -> Item:
    """What posts and the parts of a sidecar have in common."""
    code = shortcode_of(key)
    return {
        "id": str(key),
        "type": kind,
        "shortCode": code,
        "url": f"https://www.instagram.com/p/{code}/",
        "dimensionsHeight": height,
        "dimensionsWidth": 1080,
        "displayUrl": _address("v/t51.2885-15", "jpg", "stp=dst-jpg_e35_p1080x1080_sh0.08_tt6&", chance),
    }


def _child(key: int, owner_id: str, chance: random.Random) -> Item:
    """A part of a sidecar: a whole post without numbers of its own."""
    return {
        **_media(key, "Image", 1350, chance),
        "caption": "",
        "hashtags": [],
        "mentions": [],
        "commentsCount": 0,
        "firstComment": "",
        "latestComments": [],
        "images": [],
        "alt": f"Photo by Sample. May be an image of {chance.choice(_CLASSES)}.",
        "likesCount": None,
        "timestamp": None,
        "childPosts": [],
        "ownerId": owner_id,
    }


def _video(likes: int, chance: random.Random) -> Item:
    views = round((likes + 10) * chance.uniform(3, 20))
    return {
        "videoUrl": _address("o1/v/t16/f2/m86", "mp4", "", chance),
        "videoViewCount": views,
        "videoPlayCount": round(views * chance.uniform(5, 9)),
        "videoDuration": round(chance.uniform(5, 90), 3),
        "productType": "feed" if chance.random() < 0.1 else "clips",
    }


def _comment(taken_at: datetime, chance: random.Random) -> Item:
    name, key = mentioned(chance), str(17_800_000_000_000_000 + chance.randrange(10**14))
    picture = _address("v/t51.2885-19", "jpg", "stp=dst-jpg_s150x150_tt6&", chance)
    written = taken_at + timedelta(seconds=chance.randrange(60, 90_000))
    return {
        "id": key,
        "text": comment(chance),
        "ownerUsername": name,
        "ownerProfilePicUrl": picture,
        "timestamp": written.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "repliesCount": 0,
        "replies": [],
        "likesCount": chance.randrange(4),
        "owner": {"id": key[5:], "is_verified": False, "profile_pic_url": picture, "username": name},
    }


def _music(kind: str, account: int, chance: random.Random) -> Item:
    own = kind != "Video" or chance.random() < 0.6
    return {
        "artist_name": account_name(account) if own else "The Invented",
        "song_name": "Original audio" if own else chance.choice(_SONGS),
        "uses_original_audio": own,
        "should_mute_audio": False,
        "should_mute_audio_reason": "",
        "audio_id": str(10**15 + chance.randrange(10**14)),
    }


def _sometimes(chance: random.Random) -> Item:
    """Fields that only some posts have."""
    item: Item = {}
    if chance.random() < 0.25:
        item |= {"locationName": chance.choice(_PLACES), "locationId": str(chance.randrange(10**8, 10**9))}
    if chance.random() < 0.2:
        picture = _address("v/t51.2885-19", "jpg", "stp=dst-jpg_s150x150_tt6&", chance)
        person = {"full_name": "친구", "id": str(chance.randrange(10**9, 10**10)), "is_verified": False}
        item["taggedUsers"] = [{**person, "profile_pic_url": picture, "username": mentioned(chance)}]
    if chance.random() < 0.01:
        item["isPinned"] = True
    return item


def _odd(item: Item, oddity: str) -> Item:
    """The same post with something odd about it that must not cost it its place."""
    if oddity == "fields missing":
        return {key: value for key, value in item.items() if key not in _OPTIONAL}
    changed: dict[str, Item] = {
        "hidden likes": {"likesCount": -1},
        "no caption": {"caption": None, "hashtags": [], "mentions": []},
        "empty caption": {"caption": "", "hashtags": [], "mentions": []},
        "unknown likes": {"likesCount": None},
        "decomposed": {"caption": unicodedata.normalize("NFD", item["caption"]).replace("\n", "\r\n")},
        "no views": {"videoViewCount": None, "videoPlayCount": 0} if item["type"] == "Video" else {"alt": None},
    }
    return item | changed[oddity]


def _profile(account: int) -> Item:
    name, chance = account_name(account), random.Random(account)
    picture = _address("v/t51.2885-19", "jpg", "stp=dst-jpg_s320x320_tt6&", chance)
    return {
        "inputUrl": f"https://www.instagram.com/{name}/",
        "id": _owner_id(account),
        "username": name,
        "url": f"https://www.instagram.com/{name}",
        "fullName": f"Sample {account}",
        "biography": "비 오는 날의 그림일기 ☔️\n하루에 한 줄씩 씁니다",
        "externalUrls": [],
        "followersCount": 1000 + account,
        "followsCount": 100 + account,
        "hasChannel": False,
        "highlightReelCount": account % 12,
        "isBusinessAccount": account % 9 == 0,
        "joinedRecently": False,
        "businessCategoryName": "Personal blog" if account % 9 == 0 else None,
        "private": False,
        "verified": False,
        "profilePicUrl": picture,
        "profilePicUrlHD": picture,
        "igtvVideoCount": 0,
        "relatedProfiles": [],
        "latestIgtvVideos": [],
        "postsCount": 400,
        "latestPosts": [],
        "fbid": _fbid(account),
    }


def _owner_id(account: int) -> str:
    return str(5_000_000_000 + account)


def _fbid(account: int) -> str:
    return str(17_841_400_000_000_000 + account * 7919)


def _address(folder: str, ending: str, options: str, chance: random.Random) -> str:
    """A signed address of Instagram's servers: most of it differs from file to file."""
    file = f"{chance.randrange(10**8, 10**9)}_{chance.randrange(10**15, 10**16)}_{chance.randrange(10**18, 10**19)}_n"
    signature, check = f"{chance.getrandbits(128):032x}", f"{chance.getrandbits(160):040x}"
    return (
        f"https://scontent-icn2-1.cdninstagram.com/{folder}/{file}.{ending}?{options}_nc_ht=scontent-icn2-1."
        f"cdninstagram.com&_nc_cat=103&_nc_oc=Q6cZ2QE{signature}&_nc_ohc={signature[:20]}&_nc_gid={check[:22]}"
        f"&edm=APs17CUBAAAA&ccb=7-5&oh=00_Af{check}&oe=7C2F1A00&_nc_sid=10d13b"
    )
