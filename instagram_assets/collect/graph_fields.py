"""What is asked of Meta's Graph API: the fields of accounts and posts, as the reference of v25.0 names them (2026-08).

Only what becomes a column is asked for. A field that a version does not know makes the whole request fail.
"""

_PROFILE = (
    *("id", "username", "name", "biography", "website"),
    *("followers_count", "follows_count", "media_count"),
)
_MEDIA = (
    *("id", "caption", "comments_count", "like_count", "media_product_type", "media_type", "media_url", "permalink"),
    *("thumbnail_url", "timestamp", "username", "view_count", "children{id,media_type,media_url}"),
)
# Of a hashtag's posts neither the owner nor the product nor a preview can be asked for.
_OF_HASHTAGS = (
    *("id", "caption", "children{media_url,media_type}", "comments_count", "like_count", "media_type", "media_url"),
    *("permalink", "timestamp"),
)


def profile_and_posts(username: str, posts: int) -> str:
    """The fields of an account and of its newest posts."""
    return f"business_discovery.username({username}){{{','.join(_PROFILE)},media.limit({posts}){{{','.join(_MEDIA)}}}}}"


def posts_after(username: str, cursor: str, posts: int) -> str:
    """The fields of an account's posts behind a cursor."""
    return f"business_discovery.username({username}){{media.after({cursor}).limit({posts}){{{','.join(_MEDIA)}}}}}"


def posts_of_hashtag() -> str:
    """The fields of a hashtag's posts."""
    return ",".join(_OF_HASHTAGS)
