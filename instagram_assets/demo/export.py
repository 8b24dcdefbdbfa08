"""Generator of the demo's export: posts.json, reels.json and profiles.json in the format of an Apify download."""

import argparse
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from instagram_assets.demo import SAMPLE
from instagram_assets.demo.apify_items import ApifyItem, no_items, not_found, post_item, profile_item, reel_item
from instagram_assets.demo.sample_catalogue import (
    ACCOUNTS,
    PRIVATE_ACCOUNT,
    SEED,
    SampleAccount,
    SamplePost,
    portraits,
    sample_posts,
    sample_reels,
)
from instagram_assets.errors import FileError
from instagram_assets.storage.atomic import write_atomic

PLACEHOLDER_URL = "https://cdn.demo.invalid"  # base URL of the pictures in the committed sample; never resolves
SAMPLE_OBSERVED_AT = datetime(2026, 11, 2, 3, 0, tzinfo=UTC)  # observation time of the sample
EXPORT_FILES = ("posts.json", "reels.json", "profiles.json")
_PINNED = {"demo.bada.diary": (31, 12), "demo.sol.garden": (7,)}  # indexes of pinned posts, oldest first


def make_export(folder: Path, base_url: str = PLACEHOLDER_URL, seed: int = SEED) -> None:
    """Write posts.json, reels.json and profiles.json into `folder`; image URLs are below `base_url`."""
    pictures = portraits(seed)
    profiles = [profile_item(account, pictures[account.name], base_url) for account in (*ACCOUNTS, PRIVATE_ACCOUNT)]
    items = {
        "posts.json": _post_items(sample_posts(seed), base_url),
        "reels.json": [reel_item(reel, base_url) for reel in reversed(sample_reels(seed))],
        "profiles.json": profiles,
    }
    for name in EXPORT_FILES:
        _write_text(folder / name, "[\n" + ",\n".join(map(_line, items[name])) + "\n]\n")


def with_base_url(folder_in: Path, folder_out: Path, base_url: str) -> None:
    """Copy an export from `folder_in` to `folder_out`, replacing the placeholder base URL of its images by `base_url`.

    Raises FileError if one of the three files is missing.
    """
    for name in EXPORT_FILES:
        try:
            text = (folder_in / name).read_text("utf-8")
        except OSError as error:
            remedy = "Make it with: python -m instagram_assets.demo.export"
            raise FileError(str(folder_in / name), f"cannot be read ({error.strerror})", remedy) from error
        _write_text(folder_out / name, text.replace(PLACEHOLDER_URL, base_url.rstrip("/")))


def _post_items(all_posts: Sequence[SamplePost], base_url: str) -> list[ApifyItem]:
    """Return the items of all accounts in the actor's order, with irregularities of real exports such as duplicates."""
    items = [item for account in ACCOUNTS for item in _account_items(account, all_posts, base_url)]
    same, changed = items[40], items[140]
    items.insert(90, same)
    items.insert(
        190, changed | {"likesCount": changed["likesCount"] + 7, "commentsCount": changed["commentsCount"] + 1}
    )
    items.insert(120, not_found())
    return [*items, no_items(PRIVATE_ACCOUNT)]


def _account_items(account: SampleAccount, all_posts: Sequence[SamplePost], base_url: str) -> list[ApifyItem]:
    """Return one account's items: the first pinned post, then newest first; a second pinned post comes last."""
    own = [post for post in all_posts if post.account == account]
    pinned = [own[place] for place in _PINNED.get(account.name, ())]
    others = [post for post in reversed(own) if post not in pinned]
    return [
        post_item(post, base_url) | ({"isPinned": True} if post in pinned else {})
        for post in (*pinned[:1], *others, *pinned[1:])
    ]


def _line(item: ApifyItem) -> str:
    return json.dumps(item, ensure_ascii=False, separators=(",", ":"))


def _write_text(path: Path, text: str) -> None:
    write_atomic(path, lambda stream: stream.write(text.encode("utf-8")))


def main() -> None:
    """Command line: write the demo's export, for the committed placeholder URL and seed or for others."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=SAMPLE)
    parser.add_argument("--base-url", default=PLACEHOLDER_URL, help="where the pictures are (default: %(default)s)")
    parser.add_argument(
        "--seed", type=int, default=SEED, help="another number gives another export (default: %(default)s)"
    )
    options = parser.parse_args()
    make_export(options.folder, options.base_url, options.seed)
    for name in EXPORT_FILES:
        print(options.folder / name)


if __name__ == "__main__":
    main()
