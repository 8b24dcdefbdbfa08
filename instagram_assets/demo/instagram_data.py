"""Synthetic Instagram accounts and posts, and the JSON responses of Instagram's site for them.

All data is deterministic for a name and number of posts, so that collected results can be compared with it.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Self
from zlib import crc32

from instagram_assets.ingest.post_ids import shortcode_of

FIRST_PAGE_SIZE = 12
MAX_PAGE_SIZE = 50
NEWEST_POST_AT = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
"""Default time of an account's newest post."""
_BETWEEN = timedelta(hours=13)
_ACCOUNTS = 90_000
CDN_URL = "https://scontent.cdninstagram.com/v/t51.2885-15"
"""Default base URL of pictures and videos."""
_KINDS = ("image", "sidecar", "reel", "video")
_NAMES = {"image": "GraphImage", "sidecar": "GraphSidecar", "reel": "GraphVideo", "video": "GraphVideo"}
_NUMBERS = {"image": 1, "sidecar": 8, "reel": 2, "video": 2}


@dataclass(frozen=True)
class SitePost:
    """A synthetic post; `likes` is None if the owner hides the count."""

    number: int
    owner: str
    owner_id: str
    taken_at: datetime
    kind: str
    caption: str
    likes: int | None
    comments: int
    plays: int | None
    pinned: bool = False
    delivery: str = CDN_URL

    @property
    def shortcode(self) -> str:
        return shortcode_of(self.number)

    @property
    def is_video(self) -> bool:
        return self.kind in ("reel", "video")

    def picture(self, place: int = 0) -> str:
        """Return the URL of the post's image at position `place`, from 0."""
        return f"{self.delivery}/{self.number}_{place + 1}_{self.owner_id}_n.jpg?oe=7FFFFFFF"

    @property
    def film(self) -> str:
        return f"{self.delivery}/{self.number}_1_{self.owner_id}_n.mp4?oe=7FFFFFFF"


@dataclass(frozen=True)
class SitePerson:
    """A synthetic account; `posts` are sorted newest first, pinned or not."""

    name: str
    profile_id: str
    posts: tuple[SitePost, ...] = field(repr=False)
    private: bool = False
    followers: int = 1_200
    follows: int = 340
    biography: str = "육아일기 🌿"

    @classmethod
    def made(
        cls,
        name: str,
        posts: int = 30,
        *,
        pinned: Sequence[int] = (),
        newest: datetime = NEWEST_POST_AT,
        private: bool = False,
        delivery: str = CDN_URL,
    ) -> Self:
        """Create an account with `posts` posts, 13 hours apart; `pinned` are indices, 0 the newest."""
        account = crc32(name.encode()) % _ACCOUNTS
        profile_id = str(7_000_000_000 + account)
        made = tuple(
            _made(name, profile_id, posts - place, newest - _BETWEEN * place, delivery, place in pinned)
            for place in range(posts)
        )
        return cls(name, profile_id, made, private=private, followers=1_000 + account % 977)

    def shown(self) -> list[SitePost]:
        """Return the posts in the order of the site: pinned posts first, then newest first."""
        return sorted(self.posts, key=lambda post: not post.pinned)

    def without(self, *shortcodes: str) -> "SitePerson":
        """Return a copy of the account without the posts with these shortcodes."""
        return replace(self, posts=tuple(post for post in self.posts if post.shortcode not in shortcodes))

    def with_newer(self, posts: int) -> "SitePerson":
        """Return a copy of the account with `posts` additional, newer posts."""
        newest, before = self.posts[0].taken_at, len(self.posts)
        made = tuple(
            _made(
                self.name, self.profile_id, before + number, newest + _BETWEEN * number, self.posts[0].delivery, False
            )
            for number in range(posts, 0, -1)
        )
        return replace(self, posts=(*made, *self.posts))


def _made(person: str, profile_id: str, order: int, taken_at: datetime, delivery: str, pinned: bool) -> SitePost:
    """Return the account's synthetic post with sequence number `order`, the oldest first."""
    kind = _KINDS[order % len(_KINDS)]
    number = 3_000_000_000_000_000_000 + int(profile_id) % _ACCOUNTS * 1_000_000_000 + order * 1_000
    return SitePost(
        number,
        person,
        profile_id,
        taken_at,
        kind,
        caption="" if order % 11 == 0 else f"{order}. 오늘의 산책 of {person}\n#육아일기 #day{order}",
        likes=None if order % 7 == 0 else order * 3,
        comments=order % 5,
        plays=order * 40 if kind in ("reel", "video") else None,
        pinned=pinned,
        delivery=delivery,
    )


def profile_response(person: SitePerson, logged_in: bool) -> dict[str, Any]:
    """Return the response of `web_profile_info`; for a logged-out client it includes the first page of posts."""
    user = {
        "biography": person.biography,
        "bio_links": [],
        "external_url": None,
        "edge_followed_by": {"count": person.followers},
        "edge_follow": {"count": person.follows},
        "followed_by_viewer": False,
        "full_name": person.name.replace("_", " ").title(),
        "id": person.profile_id,
        "is_business_account": False,
        "is_private": person.private,
        "is_verified": False,
        "category_name": None,
        "profile_pic_url": f"{CDN_URL}/p_{person.profile_id}_n.jpg?oe=7FFFFFFF",
        "username": person.name,
        "edge_related_profiles": {"edges": [{"node": {"id": "8000000001", "username": "somebody.suggested"}}]},
        "edge_felix_video_timeline": {"count": 0, "page_info": {"has_next_page": False, "end_cursor": ""}, "edges": []},
        "edge_owner_to_timeline_media": _media(person, None, 0 if logged_in else FIRST_PAGE_SIZE),
    }
    return {"data": {"user": user}, "status": "ok"}


def timeline_response(person: SitePerson, after: str | None, first: int) -> dict[str, Any]:
    """Return up to `first` posts after the cursor `after`, in the site's format for logged-out clients.

    Raises ValueError for an invalid cursor.
    """
    return {"data": {"user": {"edge_owner_to_timeline_media": _media(person, after, first)}}, "status": "ok"}


def app_timeline_response(person: SitePerson, after: str | None, first: int) -> dict[str, Any]:
    """Return up to `first` posts after the cursor `after`, in the site's format for logged-in clients.

    Raises ValueError for an invalid cursor.
    """
    number = None if after is None else int(after.removesuffix(f"_{person.profile_id}"))
    posts, more = _page(person, number, first)
    connection = {
        "edges": [{"node": _app_node(post), "cursor": f"{post.number}_{post.owner_id}"} for post in posts],
        "page_info": {
            "end_cursor": f"{posts[-1].number}_{person.profile_id}" if posts else None,
            "has_next_page": more,
            "has_previous_page": False,
            "start_cursor": None,
        },
    }
    viewer = {"user": {"id": "11", "username": "who.is.logged.in"}}
    return {
        "data": {"xdt_api__v1__feed__user_timeline_graphql_connection": connection, "xdt_viewer": viewer},
        "status": "ok",
    }


def _media(person: SitePerson, after: str | None, first: int) -> dict[str, Any]:
    number = None if after is None else int(base64.b64decode(after, validate=True).decode().removeprefix("after:"))
    posts, more = _page(person, number, first)
    cursor = base64.b64encode(f"after:{posts[-1].number}".encode()).decode() if posts and more else None
    return {
        "count": len(person.posts),
        "page_info": {"has_next_page": more, "end_cursor": cursor},
        "edges": [{"node": _node(post)} for post in posts],
    }


def _page(person: SitePerson, after: int | None, first: int) -> tuple[list[SitePost], bool]:
    """Return up to `first` posts after a cursor, and whether more follow.

    A cursor is valid even if its post is deleted.
    """
    if person.private:
        return [], False
    shown = person.shown()
    begin = 0
    if after is not None:
        places = [place for place, post in enumerate(shown) if post.number == after]
        older = [place for place, post in enumerate(shown) if not post.pinned and post.number < after]
        begin = places[0] + 1 if places else older[0] if older else len(shown)
    end = begin + min(first, MAX_PAGE_SIZE)
    return shown[begin:end], end < len(shown)


def _node(post: SitePost) -> dict[str, Any]:
    """Return a post in the site's GraphQL format."""
    film = {
        "video_url": post.film,
        "video_view_count": post.plays,
        "product_type": "clips" if post.kind == "reel" else "feed",
        "has_audio": True,
    }
    children = {"edge_sidecar_to_children": {"edges": [{"node": _child(post, place)} for place in range(2)]}}
    return {
        "__typename": _NAMES[post.kind],
        "id": str(post.number),
        "shortcode": post.shortcode,
        "dimensions": {"height": 1350, "width": 1080},
        "display_url": post.picture(),
        "edge_media_to_tagged_user": {"edges": []},
        "owner": {"id": post.owner_id, "username": post.owner},
        "is_video": post.is_video,
        "accessibility_caption": None,
        "edge_media_to_caption": {"edges": [{"node": {"text": post.caption}}] if post.caption else []},
        "edge_media_to_comment": {"count": post.comments},
        "comments_disabled": False,
        "taken_at_timestamp": int(post.taken_at.timestamp()),
        "edge_media_preview_like": {"count": -1 if post.likes is None else post.likes},
        "like_and_view_counts_disabled": post.likes is None,
        "location": None,
        "coauthor_producers": [],
        "pinned_for_users": [{"id": post.owner_id, "username": post.owner}] if post.pinned else [],
        **(film if post.is_video else {}),
        **(children if post.kind == "sidecar" else {}),
    }


def _child(post: SitePost, place: int) -> dict[str, Any]:
    return {
        "__typename": "GraphImage",
        "id": str(post.number + 1 + place),
        "shortcode": shortcode_of(post.number + 1 + place),
        "dimensions": {"height": 1350, "width": 1080},
        "display_url": post.picture(place),
        "is_video": False,
    }


def _app_node(post: SitePost) -> dict[str, Any]:
    """Return a post in the app API's format."""
    films = [{"type": 101, "url": post.film, "width": 720, "height": 1280}]
    return {
        "pk": str(post.number),
        "id": f"{post.number}_{post.owner_id}",
        "code": post.shortcode,
        "media_type": _NUMBERS[post.kind],
        "product_type": {"reel": "clips", "sidecar": "carousel_container"}.get(post.kind, "feed"),
        "taken_at": int(post.taken_at.timestamp()),
        "caption": {"text": post.caption, "created_at": int(post.taken_at.timestamp())} if post.caption else None,
        "like_count": -1 if post.likes is None else post.likes,
        "like_and_view_counts_disabled": post.likes is None,
        "comment_count": post.comments,
        "play_count": post.plays,
        "image_versions2": {"candidates": [{"url": post.picture(), "width": 1080, "height": 1350}]},
        "video_versions": films if post.is_video else None,
        "carousel_media": [_app_child(post, place) for place in range(2)] if post.kind == "sidecar" else None,
        "original_width": 1080,
        "original_height": 1350,
        "timeline_pinned_user_ids": [int(post.owner_id)] if post.pinned else [],
        "user": {"pk": post.owner_id, "id": post.owner_id, "username": post.owner, "is_private": False},
        "usertags": None,
        "coauthor_producers": [],
    }


def _app_child(post: SitePost, place: int) -> dict[str, Any]:
    return {
        "id": f"{post.number + 1 + place}_{post.owner_id}",
        "media_type": 1,
        "image_versions2": {"candidates": [{"url": post.picture(place), "width": 1080, "height": 1350}]},
        "original_width": 1080,
        "original_height": 1350,
        "video_versions": None,
    }
