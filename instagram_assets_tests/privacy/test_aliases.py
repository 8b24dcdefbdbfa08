"""Who is forgotten is forgotten under the pseudonyms of comments, too."""

from datetime import date
from pathlib import Path

from upath import UPath

from instagram_assets.ingest import landing
from instagram_assets.ingest.observations import read_comments
from instagram_assets.privacy.forgotten_identifiers import Identifiers
from instagram_assets.privacy.pseudonyms import with_aliases
from instagram_assets.privacy.secret_keys import load_key, rotate_key
from instagram_assets.privacy.table_scrub import scrub_table
from instagram_assets.privacy.tombstones import add_tombstones, load_tombstones
from instagram_assets.settings import load_settings
from instagram_assets_tests.ingest.records import post, write

JANE = Identifiers(accounts={"jane.doe": "forgotten_1"}, profile_ids=frozenset({"4711"}))
COMMENTS = [
    {"id": "1", "text": "mine", "timestamp": "2025-07-29T12:15:43.000Z", "ownerUsername": "Jane.Doe"},
    {"id": "2", "text": "mine, too", "timestamp": "2025-07-29T12:15:43.000Z", "ownerId": 4711},
    {"id": "3", "text": "@jane.doe see", "timestamp": "2025-07-29T12:15:43.000Z", "ownerUsername": "june"},
]


def test_comments_of_a_forgotten_account_go_and_mentions_of_it_are_another_word(tmp_path: Path) -> None:
    settings, lake = load_settings(data_dir=tmp_path, ingest={"keep_comments": True}), UPath(tmp_path / "lake")
    path = write(tmp_path, [post(latestComments=COMMENTS)])
    landing.land_file(path, lake, settings=settings)
    rows = read_comments(lake)
    assert rows["comment_id"].to_pylist() == ["1", "2", "3"]
    folder = settings.folder("privacy")
    forgotten = with_aliases(JANE, folder)
    left = scrub_table(rows, forgotten).to_pylist()
    assert [(row["comment_id"], row["text"]) for row in left] == [("3", "@forgotten_1 see")]
    # As the tombstones know it, after a backup was restored, and when the export comes again.
    add_tombstones(folder, forgotten, date(2026, 11, 27))
    (by_tombstones,) = scrub_table(rows, load_tombstones(folder)).to_pylist()
    assert by_tombstones["comment_id"] == "3"
    assert rows["commenter"][0].as_py() not in str(by_tombstones)
    again = UPath(tmp_path / "again")
    landing.land_file(path, again, settings=settings)
    assert read_comments(again)["comment_id"].to_pylist() == ["3"]


def test_without_a_key_there_are_no_aliases_and_by_another_key_there_are_others(tmp_path: Path) -> None:
    assert with_aliases(JANE, tmp_path) is JANE
    load_key(tmp_path, "pseudonyms")
    before = with_aliases(JANE, tmp_path).accounts
    assert len(before) == 3
    rotate_key(tmp_path)
    assert set(before) & set(with_aliases(JANE, tmp_path).accounts) == {"jane.doe"}


def test_a_hashtag_has_no_alias(tmp_path: Path) -> None:
    load_key(tmp_path, "pseudonyms")
    tag = Identifiers(accounts={"#jane": "#forgotten_1"})
    assert with_aliases(tag, tmp_path).accounts == tag.accounts
