"""Names of files that came in lose names of accounts between other words, in tables too."""

import pyarrow as pa

from instagram_assets.privacy.file_names import scrub_file_name
from instagram_assets.privacy.forgotten import Identifiers
from instagram_assets.privacy.tables import scrub_table

JANE = Identifiers(accounts={"jane_doe": "forgotten_1"})


def test_a_name_between_other_words_of_a_file_is_found() -> None:
    assert scrub_file_name("posts_jane_doe_2025.json", JANE) == "posts_forgotten_1_2025.json"
    assert scrub_file_name("all/jane_doe-1.csv", JANE) == "all/forgotten_1-1.csv"
    assert scrub_file_name("posts_jane_doer.json", JANE) == "posts_jane_doer.json"


def test_columns_of_file_names_lose_it_and_others_only_whole_names() -> None:
    names = ["posts_jane_doe_2025.json", "moon.json"]
    table = pa.table({"source_file": names, "caption": ["posts_jane_doe_2025", "by @jane_doe"]})
    assert scrub_table(table, JANE).to_pydict() == {
        "source_file": ["posts_forgotten_1_2025.json", "moon.json"],
        "caption": ["posts_jane_doe_2025", "by @forgotten_1"],
    }
