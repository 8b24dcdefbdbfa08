"""Names of files that came in lose names of accounts between other words, in tables too."""

import pyarrow as pa
import pytest

from instagram_assets.privacy.forgotten_identifiers import Identifiers
from instagram_assets.privacy.names_in_file_names import scrub_file_name
from instagram_assets.privacy.table_scrub import scrub_table

JANE = Identifiers(accounts={"jane_doe": "forgotten_1"})


def test_a_name_between_other_words_of_a_file_is_found() -> None:
    assert scrub_file_name("posts_jane_doe_2025.json", JANE) == "posts_forgotten_1_2025.json"
    assert scrub_file_name("all/jane_doe-1.csv", JANE) == "all/forgotten_1-1.csv"
    assert scrub_file_name("posts_jane_doer.json", JANE) == "posts_jane_doer.json"


@pytest.mark.parametrize(
    ("account", "name", "expected"),
    [
        ("jane.kim", "posts_jane.kim_2025.json.xz", "posts_forgotten_1_2025.json.xz"),
        ("jane.kim", "dataset_instagram-jane.kim (2).json", "dataset_instagram-forgotten_1 (2).json"),
        ("sun", "sun_게시물.json", "forgotten_1_게시물.json"),
        ("sun", "sun_and_sun_20251101T090000Z.json", "forgotten_1_and_forgotten_1_20251101T090000Z.json"),
        ("_sun.b", "all_posts__sun.b.csv", "all_posts_forgotten_1.csv"),
        ("sun_", "Reels_sun__v2.csv", "Reels_forgotten_1_v2.csv"),
        ("kim.md", "posts_kim.md.json", "posts_forgotten_1.json"),
        ("love", "posts_love_2025.json", "posts_forgotten_1_2025.json"),
        ("love", "love.json", "forgotten_1.json"),
        ("posts", "reels_of_@posts.json", "reels_of_@forgotten_1.json"),
    ],
)
def test_a_name_among_words_that_files_are_called_by_is_replaced(account: str, name: str, expected: str) -> None:
    assert scrub_file_name(name, Identifiers(accounts={account: "forgotten_1"})) == expected


@pytest.mark.parametrize(
    ("account", "name"),
    [
        ("jane.kim", "posts_jane.kim.diary_2025.json"),
        ("jane.kim", "posts_mary.jane.kim_2025.json"),
        ("jane.kim", "jane.kim.diary/posts_jane.kim.b.json.gz"),
        ("sun", "posts_sun_diary_2025.json"),
        ("diary", "posts_sun_diary_2025.json"),
        ("sun", "sun.diary_2025.csv"),
        ("sun.b", "posts__sun.b_2025.csv"),
        ("sun", "_sun_posts.csv"),
        ("posts", "posts_of_posts.json"),
        ("posts", "posts.json"),
        ("raw_posts", "raw_posts/raw_posts_2025.parquet"),
        ("love", "love and other things/my love-letters.txt"),
    ],
)
def test_a_part_of_what_may_be_another_account_stays(account: str, name: str) -> None:
    assert scrub_file_name(name, Identifiers(accounts={account: "forgotten_1"})) == name


def test_columns_of_file_names_lose_it_and_others_only_whole_names() -> None:
    names = ["posts_jane_doe_2025.json", "moon.json"]
    table = pa.table({"source_file": names, "caption": ["posts_jane_doe_2025", "by @jane_doe"]})
    assert scrub_table(table, JANE).to_pydict() == {
        "source_file": ["posts_forgotten_1_2025.json", "moon.json"],
        "caption": ["posts_jane_doe_2025", "by @forgotten_1"],
    }
