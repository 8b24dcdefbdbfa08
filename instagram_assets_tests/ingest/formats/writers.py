"""Invented posts as plain values, and how each tool writes them: what tests expect never comes from our own parsers."""

import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from hypothesis import strategies as st

from instagram_assets.ingest.post_ids import shortcode_of

Record = dict[str, Any]
BEGIN, END = 1_300_000_000, 1_750_000_000
"""The times of the invented posts, in seconds of 1970: after Instagram began, before the tests' `SEEN`."""


class Medium(NamedTuple):
    """One place of a post: the address of its image, and of its video if it has one."""

    image: str
    video: str | None = None


class Plain(NamedTuple):
    """A post as plain values; several media make it an album."""

    number: int
    owner: str
    owner_id: int
    seconds: int
    caption: str
    likes: int
    comments: int
    media: tuple[Medium, ...]
    tagged: tuple[str, ...]

    @property
    def code(self) -> str:
        return shortcode_of(self.number)

    @property
    def taken_at(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)

    @property
    def type(self) -> str:
        first, *others = self.media
        return "sidecar" if others else "video" if first.video else "image"


ALBUM = Plain(
    number=3697661021377407101,
    owner="sun_diary",
    owner_id=1001,
    seconds=1_740_000_000,
    caption="오늘의 산책 #산책 with @moon.cafe",
    likes=120,
    comments=4,
    media=(Medium("https://cdn.example/1.jpg"), Medium("https://cdn.example/2.jpg", "https://cdn.example/2.mp4")),
    tagged=("star_walk",),
)


def _names() -> st.SearchStrategy[str]:
    return st.from_regex(r"[a-z0-9_]{1,12}(\.[a-z0-9_]{1,12})?", fullmatch=True)


@st.composite
def posts(draw: st.DrawFn) -> Plain:
    """Any post that the site could hold."""
    text = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=40)
    shown = draw(st.lists(st.booleans(), min_size=1, max_size=4))
    media = [
        Medium(f"https://cdn.example/{n}_n.jpg?oe=1", f"https://cdn.example/{n}_v.mp4" if is_video else None)
        for n, is_video in enumerate(shown)
    ]
    return Plain(
        draw(st.integers(2**58, 2**62)),
        draw(_names()),
        draw(st.integers(1, 2**40)),
        draw(st.integers(BEGIN, END)),
        unicodedata.normalize("NFC", draw(text)),
        draw(st.integers(0, 2**40)),
        draw(st.integers(0, 2**30)),
        tuple(media),
        tuple(draw(st.lists(_names(), max_size=3, unique=True))),
    )


def _iso(post: Plain, zone: str = ".000Z") -> str:
    return f"{post.taken_at:%Y-%m-%dT%H:%M:%S}{zone}"


def apify(post: Plain) -> Record:
    """An item of apify/instagram-scraper, 2025, all fields."""
    first, album = post.media[0], post.type == "sidecar"
    child = {"caption": "", "likesCount": None, "commentsCount": 0, "timestamp": None, "childPosts": [], "images": []}
    return {
        "inputUrl": f"https://www.instagram.com/{post.owner}/",
        "id": str(post.number),
        "type": post.type.capitalize(),
        "shortCode": post.code,
        "url": f"https://www.instagram.com/p/{post.code}/",
        "caption": post.caption,
        "hashtags": [],
        "mentions": [],
        "commentsCount": post.comments,
        "likesCount": post.likes,
        "latestComments": [],
        "firstComment": "",
        "displayUrl": first.image,
        "images": [medium.image for medium in post.media] if album else [],
        "childPosts": [
            {
                **child,
                "id": str(n),
                "type": "Video" if medium.video else "Image",
                "displayUrl": medium.image,
                "videoUrl": medium.video,
            }
            for n, medium in enumerate(post.media)
            if album
        ],
        "timestamp": _iso(post),
        "ownerUsername": post.owner,
        "ownerId": str(post.owner_id),
        "taggedUsers": [{"username": name, "full_name": "x", "id": "1"} for name in post.tagged],
        **({"videoUrl": first.video} if post.type == "video" else {}),
    }


def _app_picture(medium: Medium, number: int) -> Record:
    sizes = [(320, 400), (1080, 1350), (150, 150)]
    candidates = [
        {"url": medium.image if w == 1080 else f"{medium.image}&s={w}", "width": w, "height": h} for w, h in sizes
    ]
    found: Record = {
        "pk": number,
        "media_type": 2 if medium.video else 1,
        "image_versions2": {"candidates": candidates},
        "original_width": 1080,
        "original_height": 1350,
    }
    return found | (
        {"video_versions": [{"type": 101, "url": medium.video, "width": 720, "height": 900}]} if medium.video else {}
    )


def app(post: Plain) -> Record:
    """A post of the app's API, as `feed/user/{id}` and the logged-in site have it."""
    album = post.type == "sidecar"
    person: Record = {
        "pk": post.owner_id,
        "username": post.owner,
        "full_name": "x",
        "profile_pic_url": "https://cdn.example/p",
    }
    caption: Record | None = (
        {"pk": "1", "text": post.caption, "created_at": post.seconds, "user": person} if post.caption else None
    )
    record: Record = {} if album else _app_picture(post.media[0], post.number)
    return record | {
        "pk": post.number,
        "id": f"{post.number}_{post.owner_id}",
        "code": post.code,
        "taken_at": post.seconds,
        "media_type": 8 if album else record["media_type"],
        "product_type": "carousel_container" if album else "feed",
        "user": person,
        "caption": caption if post.caption else None,
        "like_count": post.likes,
        "comment_count": post.comments,
        "usertags": {"in": [{"user": {"pk": 1, "username": name}, "position": [0.5, 0.5]} for name in post.tagged]},
        **({"carousel_media": [_app_picture(medium, n) for n, medium in enumerate(post.media)]} if album else {}),
    }


def instagrapi(post: Plain) -> Record:
    """`Media.model_dump_json()` of instagrapi 3.2."""
    album, first = post.type == "sidecar", post.media[0]
    versions = _app_picture(first, 1)["image_versions2"]
    return {
        "pk": str(post.number),
        "id": f"{post.number}_{post.owner_id}",
        "code": post.code,
        "taken_at": _iso(post, "Z"),
        "media_type": 8 if album else 2 if first.video else 1,
        "image_versions2": None if album else versions,
        "product_type": "",
        "thumbnail_url": None if album else first.image,
        "location": None,
        "user": {"pk": str(post.owner_id), "username": post.owner, "full_name": "x", "stories": []},
        "comment_count": post.comments,
        "comments_disabled": False,
        "like_count": post.likes,
        "play_count": 0,
        "has_liked": False,
        "dimensions": None,
        "caption_text": post.caption,
        "accessibility_caption": None,
        "usertags": [{"user": {"pk": "1", "username": name}, "x": 0.5, "y": 0.5} for name in post.tagged],
        "coauthor_producers": [],
        "sponsor_tags": [],
        "video_url": None if album else first.video,
        "view_count": 0,
        "video_duration": 0.0,
        "title": "",
        "resources": [
            {
                "pk": str(n),
                "video_url": m.video,
                "thumbnail_url": m.image,
                "media_type": 2 if m.video else 1,
                "usertags": [],
            }
            for n, m in enumerate(post.media)
            if album
        ],
        "clips_metadata": None,
    }


def graph_node(post: Plain) -> Record:
    """A node of Instagram's GraphQL answers, 2019 to 2025."""

    def picture(medium: Medium) -> Record:
        video = {"video_url": medium.video} if medium.video else {}
        name = "GraphVideo" if medium.video else "GraphImage"
        return {"__typename": name, "display_url": medium.image, "is_video": bool(medium.video), **video}

    tags = [{"node": {"user": {"username": name, "id": "1"}, "x": 0.5, "y": 0.5}} for name in post.tagged]
    record = picture(post.media[0]) | {
        "id": str(post.number),
        "shortcode": post.code,
        "dimensions": {"height": 1350, "width": 1080},
        "taken_at_timestamp": post.seconds,
        "edge_media_to_caption": {"edges": [{"node": {"text": post.caption}}] if post.caption else []},
        "edge_media_preview_like": {"count": post.likes, "edges": []},
        "edge_media_to_comment": {"count": post.comments},
        "edge_media_to_tagged_user": {"edges": tags},
        "owner": {"id": str(post.owner_id), "username": post.owner},
    }
    if post.type == "sidecar":
        children = [{"node": picture(medium)} for medium in post.media]
        record |= {"__typename": "GraphSidecar", "is_video": False, "edge_sidecar_to_children": {"edges": children}}
    return record


def instaloader(post: Plain) -> Record:
    """A file of Instaloader 4.16."""
    return {"node": graph_node(post), "instaloader": {"version": "4.16", "node_type": "Post"}}


def zeeschuimer(post: Plain) -> Record:
    """A line of Zeeschuimer 1.13."""
    return {
        "nav_index": "1:1:1",
        "item_id": f"{post.number}_{post.owner_id}",
        "timestamp_collected": END * 1000,
        "source_platform": "instagram.com",
        "source_platform_url": f"https://www.instagram.com/p/{post.code}/",
        "source_url": "https://www.instagram.com/graphql/query",
        "user_agent": "Mozilla",
        "data": {**app(post), "_zs_partial": False, "_zs_instagram_view": "single_post"},
    }


def four_cat(post: Plain) -> Record:
    """A line that 4CAT made of Zeeschuimer's."""
    line = zeeschuimer(post)
    return {**line.pop("data"), "__import_meta": line}


def graph_api(post: Plain) -> Record:
    """A post of Meta's Graph API v25.0; it knows nobody who is tagged."""
    album, first = post.type == "sidecar", post.media[0]
    names = {"sidecar": "CAROUSEL_ALBUM", "video": "VIDEO", "image": "IMAGE"}

    def child(medium: Medium, number: int) -> Record:
        if medium.video:
            return {"id": str(number), "media_type": "VIDEO", "media_url": medium.video, "thumbnail_url": medium.image}
        return {"id": str(number), "media_type": "IMAGE", "media_url": medium.image}

    return {
        **child(first, 1),
        "id": "17895695668004550",
        "caption": post.caption,
        "media_type": names[post.type],
        "media_product_type": "FEED",
        "permalink": f"https://www.instagram.com/p/{post.code}/",
        "timestamp": _iso(post, "+0000"),
        "username": post.owner,
        "like_count": post.likes,
        "comments_count": post.comments,
        **({"children": {"data": [child(medium, n) for n, medium in enumerate(post.media)]}} if album else {}),
    }


def gallery_dl(post: Plain) -> list[Record]:
    """The metadata files of gallery-dl 1.32, one for each picture."""
    album = post.type == "sidecar"
    about: Record = {
        "post_id": str(post.number),
        "post_shortcode": post.code,
        "likes": post.likes,
        "liked": False,
        "pinned": [],
        "description": post.caption,
        "owner_id": str(post.owner_id),
        "username": post.owner,
        "fullname": "x",
        "post_date": f"{post.taken_at:%Y-%m-%d %H:%M:%S}",
        "type": "post",
        "post_url": f"https://www.instagram.com/p/{post.code}/",
        "count": len(post.media),
        "category": "instagram",
        "subcategory": "posts",
        **({"sidecar_media_id": str(post.number), "sidecar_shortcode": post.code} if album else {}),
    }
    return [
        {
            "num": n,
            "date": f"{post.taken_at:%Y-%m-%d %H:%M:%S}",
            "media_id": str(post.number + n if album else post.number),
            "shortcode": post.code,
            "display_url": medium.image,
            "video_url": medium.video,
            "width": 1080,
            "height": 1350,
            "tagged_users": [{"id": "1", "username": name, "full_name": "x"} for name in post.tagged],
            **about,
            "filename": "x",
            "extension": "mp4" if medium.video else "jpg",
        }
        for n, medium in enumerate(post.media, 1)
    ]


def overview(post: Plain) -> Record:
    """An item of Apify's view "Overview": no id, no type, no picture."""
    return {
        "caption": post.caption,
        "ownerFullName": "x",
        "ownerUsername": post.owner,
        "url": f"https://www.instagram.com/p/{post.code}/",
        "commentsCount": post.comments,
        "likesCount": post.likes,
        "timestamp": _iso(post),
    }


WRITERS: dict[str, Callable[[Plain], Record]] = {
    "apify_posts": apify,
    "timeline": app,
    "instagrapi": instagrapi,
    "graph_nodes": graph_node,
    "instaloader": instaloader,
    "zeeschuimer": zeeschuimer,
    "zeeschuimer-4cat": four_cat,
    "graph_api": graph_api,
    "apify_overview": overview,
}
"""One record of each format, by the format's name and what else tells it apart."""
