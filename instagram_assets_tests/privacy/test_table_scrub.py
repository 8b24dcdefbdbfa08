"""Tables lose the rows of what is forgotten, and its names in those of others; everything else stays as it was."""

import hashlib
import json
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from instagram_assets.ingest.redact.redactor import scrub_json
from instagram_assets.privacy.forgotten_identifiers import Forgotten, Identifiers
from instagram_assets.privacy.table_scrub import scrub_table
from instagram_assets.privacy.tombstones import Tombstones, add_tombstones, load_tombstones, tombstone_key
from instagram_assets.schemas import (
    CLUSTERS,
    CONTRACTS,
    IMAGES,
    POSTS_RAW,
    QUARANTINE,
    TOKENS,
    TOPICS,
    VIRAL_HYPOTHESES,
)

SHA = "ab" * 32
OTHER_SHA = "cd" * 32
Row = dict[str, object]
CDN = "https://scontent-icn2-1.cdninstagram.com/v/t51.29350-15/123456_789012_345678_n.jpg?oe=6900AAAA"


@pytest.fixture(params=["in clear", "as tombstones"])
def forgotten(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Forgotten:
    folder = tmp_path_factory.mktemp("privacy")
    known = Identifiers(
        accounts={"jane_94": tombstone_key(folder).pseudonym("jane_94")},
        profile_ids=frozenset({"4455667788"}),
        post_ids=frozenset({"3141592653589793238"}),
        shortcodes=frozenset({"CuT_-shortc"}),
        images=frozenset({SHA}),
        urls=frozenset({"instagram:/123456_789012_345678_n.jpg"}),
    )
    if request.param == "in clear":
        return known
    add_tombstones(folder, known, date(2026, 11, 27))
    found = load_tombstones(folder)
    assert isinstance(found, Tombstones)
    return found


def hash_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def alias(forgotten: Forgotten) -> str:
    return forgotten.scrub("jane_94")


@pytest.mark.parametrize(
    "own",
    [
        {"account": "jane_94"},
        {"owner": "jane_94"},
        {"owner": "Jane_94"},
        {"owner_id": "4455667788"},
        {"post_id": "3141592653589793238"},
        {"shortcode": "CuT_-shortc"},
    ],
)
def test_rows_of_the_subject_go(own: dict[str, str], forgotten: Forgotten) -> None:
    others: list[Row] = [{"account": "bob", "post_id": str(number), "owner": "bob"} for number in range(3)]
    table = POSTS_RAW.table([others[0], {"account": "bob", "post_id": "9", **own}, *others[1:]])
    scrubbed = scrub_table(table, forgotten)
    assert scrubbed.equals(POSTS_RAW.table(others))


def test_what_has_nothing_of_it_is_the_very_same_table(forgotten: Forgotten) -> None:
    table = POSTS_RAW.table(
        [
            {
                "account": "jane_doe",
                "post_id": "31415926535897932380",
                "caption": "@jane_doe and xjane, jane_94.b",
                "mentions": ["jane_doe", None],
                "media": [{"url": "https://example.org/[broken"}, {"url": None}],
                "extra": '{"id": 31415926535897932381}',
            }
        ]
    )
    assert scrub_table(table, forgotten) is table


def test_the_hash_of_a_caption_is_that_of_what_is_left_or_null(forgotten: Forgotten) -> None:
    """The hash of what was received before would tell whoever has the post that its text had the name."""
    said, plain = "with @jane_94", "without anybody"
    rows: list[Row] = [
        {"account": "bob", "post_id": "1", "caption": said, "caption_sha256": hash_of(said)},
        {"account": "bob", "post_id": "2", "caption": said, "caption_sha256": hash_of(f"{said}\u200b")},
        {"account": "bob", "post_id": "3", "caption": plain, "caption_sha256": hash_of(plain), "tagged": ["jane_94"]},
        {"account": "bob", "post_id": "4", "caption": said},
    ]
    scrubbed = scrub_table(POSTS_RAW.table(rows), forgotten)
    left = f"with @{alias(forgotten)}"
    assert scrubbed["caption"].to_pylist() == [left, left, plain, left]
    assert scrubbed["caption_sha256"].to_pylist() == [hash_of(left), None, hash_of(plain), None]
    assert POSTS_RAW.conform(scrubbed, "here").equals(scrubbed)


def test_the_hash_goes_with_the_caption_in_records_too(forgotten: Forgotten) -> None:
    said, left = "with @jane_94", f"with @{alias(forgotten)}"
    record = {"shortcode": "x", "caption": said, "caption_sha256": hash_of(said)}
    cleaned = {**record, "caption_sha256": hash_of("otherwise")}
    assert scrub_json(record, forgotten) == {**record, "caption": left, "caption_sha256": hash_of(left)}
    assert scrub_json(cleaned, forgotten) == {**record, "caption": left, "caption_sha256": None}
    assert scrub_json({"caption_sha256": hash_of(said)}, forgotten) == {"caption_sha256": hash_of(said)}


def test_every_text_of_others_loses_the_name(forgotten: Forgotten) -> None:
    name = alias(forgotten)
    row: Row = {
        "account": "bob",
        "post_id": "1",
        "caption": "mit @Jane_94, instagram.com/jane_94/ und jane_doe",
        "mentions": ["jane_94", "jane_doe"],
        "tagged": None,
        "coauthors": ["bob", "jane_94"],
        "url": "https://www.instagram.com/bob/p/x/?taken-by=jane_94",
        "extra": json.dumps({"note": "von\njane_94", "names": ["jane_94"]}),
        "media": [{"position": 0, "url": "https://example.org/jane_94.jpg"}],
        "source_file": "jane_94.json",
    }
    plain: Row = {"account": "carl", "post_id": "2", "mentions": [], "media": [], "caption": None}
    scrubbed = scrub_table(POSTS_RAW.table([plain, row, plain]), forgotten)
    expected: Row = {
        **row,
        "caption": f"mit @{name}, instagram.com/{name}/ und jane_doe",
        "mentions": [name, "jane_doe"],
        "coauthors": ["bob", name],
        "url": f"https://www.instagram.com/bob/p/x/?taken-by={name}",
        "extra": json.dumps({"note": f"von\n{name}", "names": [name]}),
        "media": [{"position": 0, "url": f"https://example.org/{name}.jpg"}],
        "source_file": f"{name}.json",
    }
    assert scrubbed.equals(POSTS_RAW.table([plain, expected, plain]))
    assert scrub_table(scrubbed, forgotten) is scrubbed or not isinstance(forgotten, Identifiers)


def test_words_in_lists_of_structs_are_scrubbed(forgotten: Forgotten) -> None:
    words = [{"word": "jane_94", "pos": "Noun"}, {"word": "산책", "pos": "Noun"}]
    table = TOKENS.table(
        [{"account": "bob", "post_id": "1", "tokens": words, "mentions": ["jane_94"]}, {"account": "c"}]
    )
    scrubbed = scrub_table(table, forgotten)
    assert scrubbed["tokens"].to_pylist() == [[{"word": alias(forgotten), "pos": "Noun"}, words[1]], None]


def test_a_picture_goes_by_its_hash_and_by_its_address(forgotten: Forgotten) -> None:
    kept: Row = {
        "account": "bob",
        "post_id": "1",
        "position": 0,
        "image_id": OTHER_SHA,
        "url": "https://example.org/a.jpg",
    }
    rows: list[Row] = [
        kept,
        {**kept, "position": 1, "image_id": SHA, "url": "https://example.org/b.jpg"},
        {**kept, "position": 2, "image_id": None, "url": CDN.replace("6900AAAA", "6900BBBB"), "status": "expired"},
    ]
    assert scrub_table(IMAGES.table(rows), forgotten).equals(IMAGES.table([kept]))


def test_a_post_of_somebody_else_loses_the_picture_alone(forgotten: Forgotten) -> None:
    other = {"position": 0, "kind": "image", "url": "https://example.org/a.jpg"}
    table = POSTS_RAW.table([{"account": "bob", "media": [other, {"position": 1, "url": CDN}]}, {"account": "carl"}])
    assert scrub_table(table, forgotten).equals(
        POSTS_RAW.table([{"account": "bob", "media": [other]}, {"account": "carl"}])
    )


def test_lists_of_ids_lose_them_and_rows_of_nothing_else_go(forgotten: Forgotten) -> None:
    supposed: Row = {
        "kind": "model",
        "hypothesis": "a",
        "supported_by": ["3141592653589793238", "5"],
        "contradicted_by": [],
    }
    table = VIRAL_HYPOTHESES.table([supposed, {**supposed, "supported_by": ["3141592653589793238"]}])
    assert scrub_table(table, forgotten)["supported_by"].to_pylist() == [["5"]]
    topics = TOPICS.table(
        [
            {"scope": "all", "topic": 1, "image_ids": [SHA, OTHER_SHA]},
            {"scope": "all", "topic": 2, "image_ids": [SHA]},
            {"scope": "jane_94", "topic": 1, "image_ids": [OTHER_SHA]},
            {"scope": "all", "topic": 3, "image_ids": None},
        ]
    )
    scrubbed = scrub_table(topics, forgotten)
    assert scrubbed.select(["topic", "image_ids"]).to_pylist() == [
        {"topic": 1, "image_ids": [OTHER_SHA]},
        {"topic": 3, "image_ids": None},
    ]


def test_look_alikes_of_a_picture_that_goes_are_named_after_the_next_one(forgotten: Forgotten) -> None:
    second, third = "bb" * 32, "dd" * 32
    rows: list[Row] = [
        {"scope": "all", "image_id": third, "near_group": SHA},
        {"scope": "all", "image_id": SHA, "near_group": SHA},
        {"scope": "all", "image_id": second, "near_group": SHA},
        {"scope": "bob", "image_id": third, "near_group": SHA},
        {"scope": "bob", "image_id": OTHER_SHA, "near_group": OTHER_SHA},
    ]
    scrubbed = scrub_table(CLUSTERS.table(rows), forgotten)
    assert scrubbed["near_group"].to_pylist() == [second, second, third, OTHER_SHA]


def test_an_unreadable_record_that_names_it_goes_whole(forgotten: Forgotten) -> None:
    rows: list[Row] = [
        {"file": "a.json", "index": 0, "record": '{"by": "jane_94", "text": "x"}'},
        {"file": "jane_94.json", "index": 1},
    ]
    scrubbed = scrub_table(QUARANTINE.table(rows), forgotten)
    assert scrubbed["file"].to_pylist() == [f"{alias(forgotten)}.json"]


def test_columns_with_a_dictionary_and_chunks_keep_their_types(forgotten: Forgotten) -> None:
    accounts = pa.chunked_array([["bob", "jane_94"], [], ["carl"]], pa.string()).dictionary_encode()
    texts = pa.chunked_array([["@jane_94", None], [], ["@jane_94"]], pa.large_string())
    table = pa.table({"account": accounts, "note": texts, "tag": texts.cast(pa.string()).dictionary_encode()})
    scrubbed = scrub_table(table, forgotten)
    assert scrubbed.schema.equals(table.schema)
    mention = f"@{alias(forgotten)}"
    assert scrubbed.to_pylist() == [{"account": name, "note": mention, "tag": mention} for name in ("bob", "carl")]


def test_words_of_ours_stay_though_an_account_is_called_so() -> None:
    row: Row = {"account": "bob", "kind": "image", "media": [{"kind": "image", "url": "https://example.org/image.jpg"}]}
    said: Row = {**row, "caption": "an image by @image", "mentions": ["image", "bob"], "hashtags": ["image"]}
    scrubbed = scrub_table(POSTS_RAW.table([row, said]), Identifiers(accounts={"image": "forgotten_1"}))
    after = {**said, "caption": "an image by @forgotten_1", "mentions": ["forgotten_1", "bob"]}
    assert scrubbed.equals(POSTS_RAW.table([row, after]))


@pytest.mark.parametrize("is_bare", [False, True])
@pytest.mark.parametrize("kind", ["in clear", "as tombstones"])
def test_an_ordinary_word_is_a_name_where_an_account_is_meant_or_when_it_is_asked(
    tmp_path: Path, kind: str, is_bare: bool
) -> None:
    name = tombstone_key(tmp_path).pseudonym("love")
    known = Identifiers(accounts={"love": name}, bare=frozenset({"love"} if is_bare else ()))
    add_tombstones(tmp_path, known, date(2026, 11, 27))
    forgotten = known if kind == "in clear" else load_tombstones(tmp_path)
    bare = name if is_bare else "love"
    texts = [
        ("I love it", f"I {bare} it"),
        ("@Love, ＠love, &#64;love and %40love", f"@{name}, ＠{name}, &#64;{name} and %40{name}"),
        ("see instagram.com/love/?x or love.com", f"see instagram.com/{name}/?x or love.com"),
        ("instagram.com%2Flove", f"instagram.com%2F{name}"),
        ('{"username": "love", "text": "love"}', f'{{"username": "{name}", "text": "{bare}"}}'),
        ("glove, love_and_peace, @love_ and @love.you", "glove, love_and_peace, @love_ and @love.you"),
    ]
    rows: list[Row] = [{"account": "bob", "post_id": "1", "caption": before} for before, _ in texts]
    scrubbed = scrub_table(POSTS_RAW.table([{"account": "love", "post_id": "2"}, *rows]), forgotten)
    assert scrubbed["caption"].to_pylist() == [after for _, after in texts]


def test_a_hashtag_of_the_same_word_is_no_account(tmp_path: Path) -> None:
    forgotten = Identifiers(accounts={"love": "forgotten_1"})
    row: Row = {"account": "#love", "owner": "bob", "caption": "#love is all", "hashtags": ["love"]}
    assert scrub_table(POSTS_RAW.table([row]), forgotten).equals(POSTS_RAW.table([row]))


def test_a_mention_among_tokens_is_a_name_and_a_noun_is_a_word() -> None:
    words = [{"word": "love", "pos": "mention"}, {"word": "love", "pos": "noun"}, {"word": None, "pos": "mention"}]
    table = TOKENS.table([{"account": "bob", "post_id": "1", "tokens": words, "nouns": ["love"], "mentions": ["love"]}])
    (row,) = scrub_table(table, Identifiers(accounts={"love": "forgotten_1"})).to_pylist()
    assert row["tokens"] == [{"word": "forgotten_1", "pos": "mention"}, *words[1:]]
    assert (row["nouns"], row["mentions"]) == (["love"], ["forgotten_1"])


def test_all_is_no_account(forgotten: Forgotten) -> None:
    table = CLUSTERS.table([{"scope": "all", "image_id": OTHER_SHA, "near_group": OTHER_SHA}])
    assert scrub_table(table, Identifiers(accounts={"all": "forgotten_1"})).num_rows == 1


@pytest.mark.parametrize("name", sorted(CONTRACTS))
def test_every_table_of_the_lake_can_be_scrubbed(name: str, forgotten: Forgotten) -> None:
    """Of each contract: a row with the name in every text, in lists and structs too, keeps none of them."""
    schema = CONTRACTS[name].schema

    def value(kind: pa.DataType, column: str) -> object:
        if pa.types.is_string(kind):
            return "bob" if column == "account" else f"x jane_94 {SHA}"
        if pa.types.is_list(kind):
            return [value(kind.value_type, column)]
        if pa.types.is_struct(kind):
            return {field.name: value(field.type, "") for field in kind}
        return None

    table = pa.Table.from_pylist([{field.name: value(field.type, field.name) for field in schema}] * 2, schema)
    scrubbed = scrub_table(table, forgotten)
    assert scrubbed.schema.equals(schema)
    ours = {"kind", "type", "product_type", "status", "language", "analyser", "rule", "codec", "model", "source"}
    ours |= {"format", "field", "sha256", "source_sha256", "caption_sha256", "phash", "tokenizer", "prompt", "decision"}
    rest = scrubbed.select([each for each in scrubbed.column_names if each not in ours]).to_pylist()
    said = [{key: value for key, value in row.items() if key != "media"} for row in rest]
    assert " jane_94 " not in str(said).replace("'kind': 'x jane_94", "").replace("'pos': 'x jane_94", "")
