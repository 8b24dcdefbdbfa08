"""Small posts and images for the tests of the datasets; every name is invented."""

from datetime import UTC, date, datetime

import pyarrow as pa

from instagram_assets import schemas


def post(post_id: str, account: str = "mina.draws", **columns: object) -> dict[str, object]:
    """A row of `posts` with everything usual in it."""
    number = int(post_id)
    return {
        "post_id": post_id,
        "shortcode": f"C{post_id}",
        "account": account,
        "owner": account,
        "owner_full_name": "Mina draws",
        "day": date(2024, 5, 1),
        "kind": "post",
        "type": "image",
        "product_type": "feed",
        "url": f"https://www.instagram.com/p/C{post_id}/",
        "taken_at": datetime(2024, 5, 1, 3, number % 60, 15, tzinfo=UTC),
        "observed_at": datetime(2024, 5, 3, tzinfo=UTC),
        "caption": f"그림 {post_id}\n\n오늘도",
        "hashtags": ["그림", "draw"],
        "mentions": [],
        "likes": 30,
        "likes_hidden": False,
        "comments": 10,
        "media": [{"position": 0, "kind": "image", "url": f"https://cdn.example/{post_id}.jpg"}],
        "followers": 160,
        "biography": "draws",
        "verified": False,
        **columns,
    }


def image(post_id: str, position: int = 0, account: str = "mina.draws", **columns: object) -> dict[str, object]:
    """A row of `images` that was fetched."""
    return {
        "image_id": f"{post_id}{position}" * 4,
        "post_id": post_id,
        "account": account,
        "day": date(2024, 5, 1),
        "position": position,
        "url": f"https://cdn.example/{post_id}-{position}.jpg",
        "path": f"ab/{post_id}-{position}.jpg",
        "status": "ok",
        **columns,
    }


def caption(image_id: str, text: str | None = "a red square", **columns: object) -> dict[str, object]:
    """A row of `captions` that was made."""
    return {"image_id": image_id, "post_id": "1", "caption": text, "score": 0.25, "status": "ok", **columns}


def captions(*rows: dict[str, object]) -> pa.Table:
    """Rows as a table of captions."""
    return schemas.CAPTIONS.table(list(rows))


def posts(*rows: dict[str, object]) -> pa.Table:
    """Rows as a table of posts."""
    return schemas.POSTS.table(list(rows))


def images(*rows: dict[str, object]) -> pa.Table:
    """Rows as a table of images."""
    return schemas.IMAGES.table(list(rows))
