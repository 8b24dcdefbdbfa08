"""How much may be typed: forms say the same as what takes them."""

from instagram_assets.datasets.overrides import LONGEST_WHY
from instagram_assets.search.engine import LONGEST_QUERY, MOST_IMAGES
from instagram_assets.search.requests import LARGEST_SHARPNESS, LARGEST_SIDE, LONGEST_NAME

LONGEST_ACCOUNT = 200
"""Characters of an account's name, or of a part of one."""
MOST_POSTS = 100_000
"""Of one account in one collection."""

LIMITS = {
    "query": LONGEST_QUERY,
    "images": MOST_IMAGES,
    "folder": LONGEST_NAME,
    "side": LARGEST_SIDE,
    "sharpness": LARGEST_SHARPNESS,
    "posts": MOST_POSTS,
    "why": LONGEST_WHY,
    "account": LONGEST_ACCOUNT,
}
"""As templates have them: `limits.query`."""
