"""An ordinary word is a name only where nothing but an account can be meant; what is searched for follows the rule."""

import base64
import gzip
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from instagram_assets.privacy.byte_patterns import BytePatterns
from instagram_assets.privacy.byte_search import search_bytes, search_folders
from instagram_assets.privacy.data_inventory import OWN_FOLDERS
from instagram_assets.privacy.forgotten_identifiers import Identifiers
from instagram_assets.schemas.account_names import counts_alone, is_meant, is_word_of_ours

LOVE = BytePatterns([], [], ["love"])
MEANT = [
    *("@love", "von @Love.", "＠love", "﹫love", "@\u200blove", "%40love", "&#64;love", "&#x40;love", "&commat;love"),
    *("https://www.instagram.com/love/", "instagram.com/stories/love/1", "instagram.com/_u/love", "instagr.am/love"),
    *(r"https:\/\/instagram.com\/love\/", "instagram.com%2Flove%2F", "threads.net/love", "ig.me/m/love"),
    *("/p/x/?taken-by=love", "instagram://user?username=love", "archive://love/posts.json"),
    *('{"username": "love"}', '{"owner":{"username":"love"}}', r"{\"account\": \"love\"}", "{'account': 'love'}"),
    *('{"owner.username": "love"}', '{"mentions": ["bob", "love"]}', '{"dagster/partition/account": "love"}'),
    *("a love|2026-10-20 b", "lake/raw_posts/love/2026-10.parquet", r"\u0040love"),
]
NOT_MEANT = [
    *("love", "I love it", "#love", "love.com", "glove @gloves", "@love_ and @love.you", "love@home", "@ love"),
    *("https://love.com/love", "https://instagram.com/p/love/", "https://example.org/?q=love", "true love|false"),
    *(
        '{"caption": "love"}',
        '{"tags": ["love"]}',
        '{"love": "username"}',
        '{"usernames": [["a"], "x"], "tag": "love"}',
    ),
    *("media/love/sea.jpg", "love-2026-10.parquet"),
]


@pytest.mark.parametrize(
    ("name", "alone"),
    [
        *(("sun_diary", True), ("love", False), ("haneul", False), ("mina94", True), ("a.kim", True), ("a_b", False)),
        *(("2024", False), ("10.24", False), ("raw_posts", False), ("viral_labels", False), ("posts", False)),
        *(("instagram_assets", False), ("sha256", False), ("person_1a2b3c4d5e6f7890", True)),
    ],
)
def test_a_name_counts_alone_where_it_can_be_no_word_no_number_and_is_none_of_ours(name: str, alone: bool) -> None:
    assert counts_alone(name) == alone


def test_folders_of_the_data_folder_are_words_of_ours() -> None:
    assert {name for name in OWN_FOLDERS if not is_word_of_ours(name)} == set()


@pytest.mark.parametrize("text", MEANT)
def test_what_is_taken_out_is_found_before_and_not_after(text: str) -> None:
    after = Identifiers(accounts={"love": "forgotten_1"}).scrub(text)
    assert after == text.replace("love", "forgotten_1").replace("Love", "forgotten_1")
    assert search_bytes(text.encode(), LOVE)
    assert not search_bytes(after.encode(), LOVE)


@pytest.mark.parametrize("text", NOT_MEANT)
def test_what_is_a_word_stays_and_is_not_looked_for(text: str) -> None:
    assert Identifiers(accounts={"love": "forgotten_1"}).scrub(text) == text
    assert not search_bytes(text.encode(), LOVE)
    bare = Identifiers(accounts={"love": "forgotten_1"}, bare=frozenset({"love"})).scrub(text)
    assert not search_bytes(bare.encode(), BytePatterns(["love"], []))


def test_pages_of_instagram_are_no_accounts() -> None:
    assert not is_meant("explore", "https://www.instagram.com/", "/tags/sea")
    assert is_meant("explore", "hi @", "")
    assert is_meant("sea", "https://www.instagram.com/", "/")


@pytest.mark.parametrize("text", ["hi @love!", "at instagram.com/love/ now"])
@pytest.mark.parametrize(
    "write",
    [
        *(lambda text: text.encode("utf-16-le"), lambda text: b"\xff\xfe" + text.encode("utf-16-le")),
        *(lambda text: text.encode("utf-16-be"), lambda text: base64.b64encode(b"x" + text.encode())),
        *(lambda text: quote(text, safe="").encode(), lambda text: gzip.compress(text.encode())),
    ],
)
def test_it_is_found_in_every_form(text: str, write: Callable[[str], bytes]) -> None:
    assert search_bytes(write(text), LOVE)
    assert not search_bytes(write(text.replace("@", "~").replace("instagram", "example")), LOVE)


def test_whole_values_of_columns_of_names_are_found_and_others_not(tmp_path: Path) -> None:
    def found() -> list[str]:
        return [Path(place.path).name for place in search_folders([tmp_path], LOVE).found]

    for name, column in (("tags", "hashtags"), ("mentions", "mentions"), ("nouns", "nouns")):
        table = pa.table({"account": ["bob"], column: [["sea", "Love"]]})
        pq.write_table(table, tmp_path / f"{name}.parquet")
    assert found() == ["mentions.parquet"]
    pq.write_table(pa.table({"account": ["bob"]}), tmp_path / "mentions.parquet")
    (tmp_path / "others.csv").write_text('hashtags,mentions\nlove,"bob,sea"\n', "utf-8-sig")
    assert found() == []
    (tmp_path / "others.csv").write_text('hashtags,mentions\nsea,"bob,love"\n', "utf-8-sig")
    assert found() == ["others.csv"]
    (tmp_path / "others.csv").unlink()
    with sqlite3.connect(tmp_path / "a.db") as database:
        database.execute("CREATE TABLE tags (key TEXT, value TEXT)")
        database.execute("INSERT INTO tags VALUES ('dagster/partition/search', 'love'), ('note', 'love')")
    assert found() == []
    with sqlite3.connect(tmp_path / "a.db") as database:
        database.execute("INSERT INTO tags VALUES ('dagster/partition/account', 'love')")
    database.close()
    assert found() == ["a.db"]


def test_a_record_of_others_keeps_the_word_and_loses_the_mention() -> None:
    from instagram_assets.ingest.redact.redactor import scrub_json

    forgotten = Identifiers(accounts={"love": "forgotten_1"})
    record = {"ownerUsername": "bob", "caption": "love @love", "mentions": ["love"], "hashtags": ["love"], "love": 1}
    assert scrub_json(record, forgotten) == {**record, "caption": "love @forgotten_1", "mentions": ["forgotten_1"]}
    flat = {"ownerUsername": "bob", "mentions/0": "love", "hashtags/0": "love"}
    assert scrub_json(flat, forgotten) == {**flat, "mentions/0": "forgotten_1"}
    assert json.dumps(scrub_json({"ownerUsername": "love"}, forgotten), default=str) != json.dumps(record)
