"""A data folder with pictures of posts and of a search in the media store, for tests of lists."""

from datetime import date
from pathlib import Path

from instagram_assets.media.store import MediaStore
from instagram_assets.settings import Settings
from instagram_assets.storage.lake import lake_root
from instagram_assets.url_identity import url_identity
from instagram_assets_tests.datasets.tables import image, images, post, posts
from instagram_assets_tests.storage.lakes import filled
from instagram_assets_tests.web.searches import LIMITS, Search, picture

MINA, OTHER = "mina.draws", "other"


class Listed:
    """Posts 1 and 2 of `mina.draws` with two pictures and one, post 4 of `other` with one; and a search for cats.

    `ids` are the hashes by `post-position`, `search` is the search, whose pictures are 1 to 8.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings, self.lake, self.media = settings, lake_root(settings), settings.folder("media")
        self.ids: dict[str, str] = {}
        self.search = Search(settings).whole()
        rows: list[dict[str, object]] = []
        with MediaStore(self.media) as store:
            for number, (post_id, position, account) in enumerate(
                [("1", 0, MINA), ("1", 1, MINA), ("2", 0, MINA), ("4", 0, OTHER)], start=101
            ):
                address = f"https://cdn.example/{post_id}-{position}.jpg"
                entry = store.keep_made(url_identity(address), picture(number), LIMITS)
                self.ids[f"{post_id}-{position}"] = entry.image_id
                day = date(2024, 6, 2) if post_id == "2" else date(2024, 5, 1)
                size = {"width": 400, "height": 300, "day": day, "url": address}
                rows.append(image(post_id, position, account, image_id=entry.image_id, path=entry.path, **size))
        self.posts = posts(post("1"), post("2", day=date(2024, 6, 2)), post("3"), post("4", account=OTHER))
        self.images = images(*rows)
        filled(self.lake, posts=self.posts, images=self.images)

    def bytes_of(self, image_id: str) -> bytes:
        """The bytes of a stored picture."""
        return self.path_of(image_id).read_bytes()

    def path_of(self, image_id: str) -> Path:
        """Where its file lies."""
        [path] = (self.media / image_id[:2]).glob(f"{image_id}.*")
        return path
