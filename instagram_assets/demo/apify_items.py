"""Conversion of the demo's posts, reels and profiles to the JSON items of Apify's Instagram actors."""

import random
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from instagram_assets.demo.sample_captions import diary_caption, quirky_caption
from instagram_assets.demo.sample_catalogue import ACCOUNTS, GUEST_ACCOUNT, SampleAccount, SampleMedium, SamplePost
from instagram_assets.ingest.post_ids import shortcode_of

ApifyItem = dict[str, Any]

FAR_FUTURE = datetime(2036, 1, 1, tzinfo=UTC)
LONG_AGO = datetime(2026, 10, 12, tzinfo=UTC)
_SITE = "https://www.instagram.com"


def post_item(post: SamplePost, base_url: str) -> ApifyItem:
    """Return a post as an item of apify/instagram-scraper: 24 common keys, and those of videos and of its role."""
    rng = random.Random(post.number)
    item = _media_item(post, base_url, rng)
    if post.kind == "Video":
        views = rng.randrange(200, 6000)
        item |= {"videoViewCount": views, "videoPlayCount": round(views * rng.uniform(5, 9))}
        item |= {"videoDuration": round(rng.uniform(4, 90), 3), "productType": rng.choice(("feed", "feed", "igtv"))}
    return item | _role_keys(post, rng)


def reel_item(post: SamplePost, base_url: str) -> ApifyItem:
    """Return a reel as an item of apify/instagram-reel-scraper, which counts plays, views and shares separately."""
    rng = random.Random(post.number)
    item = _media_item(post, base_url, rng)
    plays = round(max(post.account.followers, 60) * rng.choice((0.4, 0.8, 1.5, 3, 12)) * rng.uniform(0.7, 1.3))
    item |= {"videoPlayCount": plays, "igPlayCount": plays - rng.randrange(0, plays // 20 + 1)}
    if post.role != "no views":
        item["videoViewCount"] = round(plays / rng.uniform(5, 9))
    if rng.random() < 0.5:
        item |= {"reshareCount": plays // 200, "sharesCount": plays // 150}
    item |= {"videoDuration": round(rng.uniform(5, 60), 3), "productType": "clips"}
    return item | _role_keys(post, rng)


def profile_item(account: SampleAccount, portrait: SampleMedium, base_url: str) -> ApifyItem:
    """Return a profile as an item of apify/instagram-profile-scraper; `latestPosts` is empty."""
    rng = random.Random(account.profile_id)
    picture = _picture_url(portrait, base_url)
    item: ApifyItem = {
        "inputUrl": _profile_url(account),
        "id": account.profile_id,
        "username": account.name,
        "url": _profile_url(account).rstrip("/"),
        "fullName": account.full_name,
        "biography": account.biography,
        "externalUrls": [],
        "followersCount": account.followers,
        "followsCount": rng.randrange(20, 700),
        "hasChannel": False,
        "highlightReelCount": rng.randrange(0, 12),
        "isBusinessAccount": account.followers > 20_000,
        "joinedRecently": account.followers == 0,
        "businessCategoryName": "Personal blog" if account.followers > 20_000 else None,
        "private": account.private,
        "verified": False,
        "profilePicUrl": picture,
        "profilePicUrlHD": picture,
        "igtvVideoCount": 0,
        "relatedProfiles": [],
        "latestIgtvVideos": [],
        "postsCount": rng.randrange(60, 900),
        "latestPosts": [],
        "fbid": f"17841{rng.randrange(10**11, 10**12)}",
    }
    if account is ACCOUNTS[0]:
        item["about"] = {
            "country": "South Korea",
            "date_joined": "May 2021",
            "former_usernames": "0",
            "is_verified": False,
        }
    return item


def no_items(account: SampleAccount) -> ApifyItem:
    """Return the actor's error item for an account without visible posts."""
    description = "Empty or private data for provided input"
    return {"error": "no_items", "errorDescription": description, "inputUrl": _profile_url(account)}


def not_found() -> ApifyItem:
    """Return the actor's error item for a deleted post."""
    return {"error": "not_found", "errorDescription": "Post does not exist"}


def _media_item(post: SamplePost, base_url: str, rng: random.Random) -> ApifyItem:
    """Return the 24 common keys, and the URL of the video if there is one."""
    account, cover = post.account, post.media[0]
    caption = (
        quirky_caption(post.quirk, cover.scene, rng, friend=ACCOUNTS[1].name)
        if post.quirk
        else diary_caption(cover.scene, rng)
    )
    reach = max(account.followers, 60) * rng.choice((0.01, 0.02, 0.03, 0.04, 0.06, 0.2))
    likes = round(reach * rng.uniform(0.7, 1.3))
    owner = _collaborator(post) if post.role == "collaboration" else account
    children = _children(post, owner, base_url, rng)
    item: ApifyItem = {
        "inputUrl": _profile_url(account),
        **_picture_keys("Sidecar" if children else post.kind, post.number, cover, base_url),
        "caption": caption,
        "hashtags": re.findall(r"#([^\s#]+)", caption),
        "mentions": re.findall(r"@([^\s@]+)", caption),
        "commentsCount": round(likes * rng.uniform(0.01, 0.08)),
        "images": [child["displayUrl"] for child in children if child["type"] == "Image"],
        "alt": f"Photo by {owner.full_name}. May be an image of {cover.scene.caption}." if rng.random() < 0.5 else None,
        "likesCount": -1 if post.role == "hidden likes" else likes,
        "timestamp": _timestamp(post.taken_at),
        "childPosts": children,
        "ownerFullName": owner.full_name,
        "ownerUsername": owner.name,
        "ownerId": owner.profile_id,
        "isSponsored": post.role == "sponsored",
        "isCommentsDisabled": post.role == "comments off",
    }
    return item | ({"videoUrl": _video_url(base_url, rng)} if post.kind == "Video" else {})


def _children(post: SamplePost, owner: SampleAccount, base_url: str, rng: random.Random) -> list[ApifyItem]:
    """Return the `childPosts` of a carousel: each is a post item without counts, timestamp and owner's name."""
    if post.kind not in ("Sidecar", "Mixed"):
        return []
    children = [
        _picture_keys("Image", post.number + 1 + rng.getrandbits(20), medium, base_url) | {"ownerId": owner.profile_id}
        for medium in post.media
    ]
    if post.kind == "Mixed":
        children[-1] |= {"type": "Video", "videoUrl": _video_url(base_url, rng)}
    return children


def _picture_keys(kind: str, number: int, medium: SampleMedium, base_url: str) -> ApifyItem:
    """Return the keys of one image of a post, as in `childPosts`; the post's own item contains them too."""
    width, height = medium.scene.size
    return {
        "id": str(number),
        "type": kind,
        "shortCode": shortcode_of(number),
        "caption": "",
        "hashtags": [],
        "mentions": [],
        "url": f"{_SITE}/p/{shortcode_of(number)}/",
        "commentsCount": 0,
        "firstComment": "",
        "latestComments": [],
        "dimensionsHeight": height,
        "dimensionsWidth": width,
        "displayUrl": _picture_url(medium, base_url),
        "images": [],
        "alt": None,
        "likesCount": None,
        "timestamp": None,
        "childPosts": [],
    }


def _collaborator(post: SamplePost) -> SampleAccount:
    """Return the co-author of a collaboration post; for every third post, one that is not in the export."""
    if post.number % 3 == 0:
        return GUEST_ACCOUNT
    return ACCOUNTS[(ACCOUNTS.index(post.account) + 1) % len(ACCOUNTS)]


def _role_keys(post: SamplePost, rng: random.Random) -> ApifyItem:
    """Return the optional keys of the item for the post's role, such as collaboration or location."""
    match post.role:
        case "collaboration":
            return {"coauthorProducers": [_person(post.account)]}
        case "tagged":
            return {"taggedUsers": [_person(GUEST_ACCOUNT)]}
        case "place":
            return {"locationName": "바다마을 놀이터, 2층", "locationId": "680000001"}
        case "music":
            return {
                "musicInfo": {"artist_name": "demo sounds", "song_name": "비 오는 날", "uses_original_audio": False}
            }
        case "comment":
            return _one_comment(post, rng)
        case "unknown key":
            return {"audienceMood": {"level": 3, "labels": ["새로움", "new"]}}
        case _:
            return {}


def _one_comment(post: SamplePost, rng: random.Random) -> ApifyItem:
    text = rng.choice(("너무 귀여워요 🥰", "우와 잘 만들었다!", "저도 해 볼래요"))
    comment: ApifyItem = {
        "id": str(rng.randrange(10**16, 10**17)),
        "text": text,
        "ownerUsername": GUEST_ACCOUNT.name,
        "timestamp": _timestamp(post.taken_at + timedelta(minutes=7)),
        "repliesCount": 0,
        "replies": [],
        "likesCount": 1,
        "owner": _person(GUEST_ACCOUNT),
    }
    return {"firstComment": text, "latestComments": [comment], "commentsCount": 1}


def _person(account: SampleAccount) -> ApifyItem:
    return {"full_name": account.full_name, "id": account.profile_id, "is_verified": False, "username": account.name}


def _profile_url(account: SampleAccount) -> str:
    return f"{_SITE}/{account.name}/"


def _picture_url(medium: SampleMedium, base_url: str) -> str:
    """Return a signed URL as on Instagram's servers; `oe` is its expiry time, as a hexadecimal Unix timestamp."""
    rng = random.Random(medium.file_name)
    start = LONG_AGO if medium.expired else FAR_FUTURE
    return f"{base_url}/v/t51.2885-15/{medium.file_name}?stp=dst-jpg_e35&{_signature(start, rng)}"


def _video_url(base_url: str, rng: random.Random) -> str:
    name = f"{rng.randrange(10**8, 10**9)}_{rng.randrange(10**15, 10**16)}_n.mp4"
    return f"{base_url}/v/t50.2886-16/{name}?{_signature(FAR_FUTURE, rng)}"


def _signature(expires_after: datetime, rng: random.Random) -> str:
    expires = int(expires_after.timestamp()) + rng.randrange(5 * 86400)
    return f"_nc_cat={rng.randrange(100, 112)}&oh=00_{rng.getrandbits(96):024x}&oe={expires:X}"


def _timestamp(moment: datetime) -> str:
    """Format a timestamp in UTC with milliseconds and Z, as the actors do."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")
