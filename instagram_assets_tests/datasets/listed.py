"""A data folder with pictures of posts and of a search in the media store, for tests of lists."""

from datetime import date
from pathlib import Path

from instagram_assets.media.store import MediaStore
from instagram_assets.schemas import SEARCH_CLUSTERS
from instagram_assets.settings import Settings
from instagram_assets.storage.fingerprints import url_identity
from instagram_assets.storage.lake import lake_root
from instagram_assets.storage.lake_writer import write_cells
from instagram_assets_tests.datasets.tables import image, images, post, posts
from instagram_assets_tests.storage.lakes import filled
from instagram_assets_tests.web.searches import LIMITS, Search, picture

MINA, OTHER = "mina.draws", "other"
MAY, JUNE = date(2026, 5, 1), date(2026, 6, 2)


class Listed:
    """Posts 1 and 2 of `mina.draws` with two pictures and one, post 4 of `other` with one; and a search for cats.

    `ids` are the hashes by `post-position`, `search` is the search, whose pictures are 1 to 8.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings, self.lake, self.media = settings, lake_root(settings), settings.folder("media")
        self.ids: dict[str, str] = {}
        self.search = Search(settings).whole()
        place: dict[str, object] = {"search": self.search.name, "image_id": self.search.ids[1], "cluster": 3}
        write_cells(self.lake, "search_clusters", [self.search.name], None, SEARCH_CLUSTERS.table([place]))
        rows: list[dict[str, object]] = []
        with MediaStore(self.media) as store:
            for number, (post_id, position, account) in enumerate(
                [("1", 0, MINA), ("1", 1, MINA), ("2", 0, MINA), ("4", 0, OTHER)], start=101
            ):
                address = f"https://cdn.example/{post_id}-{position}.jpg"
                entry = store.add_local(url_identity(address), picture(number), LIMITS)
                self.ids[f"{post_id}-{position}"] = entry.image_id
                day = JUNE if post_id == "2" else MAY
                size = {"width": 400, "height": 300, "day": day, "url": address}
                rows.append(image(post_id, position, account, image_id=entry.image_id, path=entry.path, **size))
        of_mina = (post("1", day=MAY), post("2", day=JUNE), post("3", day=MAY))
        self.posts = posts(*of_mina, post("4", account=OTHER, day=MAY))
        self.images = images(*rows)
        filled(self.lake, posts=self.posts, images=self.images)

    def bytes_of(self, image_id: str) -> bytes:
        """The bytes of a stored picture."""
        return self.path_of(image_id).read_bytes()

    def path_of(self, image_id: str) -> Path:
        """Where its file lies."""
        [path] = (self.media / image_id[:2]).glob(f"{image_id}.*")
        return path
