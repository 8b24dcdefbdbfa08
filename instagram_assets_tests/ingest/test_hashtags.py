"""A hashtag is whole in every script and with its emoji, ends where Instagram's do, and is the same everywhere."""

import unicodedata
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from instagram_assets.ingest import field_values
from instagram_assets.ingest.hashtags import hashtags_in, mentions_in
from instagram_assets.text.entities import canonical_form, split_entities
from instagram_assets_tests.ingest.records import post, rows_of

LINES = [
    tuple(line.replace("\\n", "\n").split("\t"))
    for line in Path(__file__).with_name("hashtags.tsv").read_text("utf-8").splitlines()
    if "\t" in line
]


def test_the_list_holds_500_tags_of_20_scripts() -> None:
    tags = {tag for _, expected in LINES for tag in expected.split()}
    scripts = {unicodedata.name(letter).split()[0] for tag in tags for letter in tag if letter.isalpha()}
    assert len(tags) >= 500
    assert len(scripts) >= 20


@pytest.mark.parametrize(("caption", "expected"), LINES, ids=ascii)
def test_tags_of_every_script_are_whole_in_posts_and_in_tokens(caption: str, expected: str) -> None:
    caption = unicodedata.normalize("NFC", caption)
    tags = unicodedata.normalize("NFC", expected).split()
    assert hashtags_in(caption) == tags
    assert [piece.raw.lstrip("#＃﹟\ufe0f") for piece in split_entities(caption) if piece.kind == "hashtag"] == tags


@pytest.mark.parametrize(
    ("caption", "names"),
    [
        ("with @nul and @aux", ["nul", "aux"]),
        ("mail me@b.co or a.b@c.d", []),
        ("@user. @a.b, (@c_d) 고마워@e님 @@f w/@g", ["user", "a.b", "c_d", "e", "f", "g"]),
        ("https://video.example/@channel www.blog.example/@who", []),
        ("คุณ@thai 🌺@flower", ["thai", "flower"]),
    ],
)
def test_mentions_are_names_and_neither_mails_nor_parts_of_addresses(caption: str, names: list[str]) -> None:
    assert mentions_in(caption) == names
    assert [canonical_form(piece) for piece in split_entities(caption) if piece.kind == "mention"] == names


def test_a_collectors_own_list_counts_where_it_is_longer() -> None:
    def tags(caption: str, listed: object) -> list[str]:
        return field_values.parse_hashtags(caption, listed, "hashtags", [])

    assert tags("#a and more…", ["a", "b", "#c", "B"]) == ["a", "b", "c"]
    assert tags("no tag was written", ["moon", "sun,"]) == ["moon", "sun"]
    assert tags("#a #b", ["c"]) == ["a", "b"]
    assert tags("#Artemis, #Moon!", ["artemis,", "moon!"]) == ["Artemis", "Moon"]
    assert tags("it&#39;s at https://a.b/#part", ["39;s", "part"]) == []
    assert field_values.parse_mentions("with @sun", ["sun", "Moon.Cafe", "not a name"], "mentions", []) == [
        "sun",
        "moon.cafe",
    ]
    assert field_values.parse_mentions("me@b.co", ["b.co"], "mentions", []) == []


def test_owners_and_mentions_named_like_devices_are_kept() -> None:
    ((_, row),) = rows_of(post(ownerUsername="con", caption="with @nul and @aux", mentions=[]))
    assert (row["owner"], row["mentions"]) == ("con", ["nul", "aux"])


@given(st.text(st.sampled_from("#＃@a가่ั·・\u200d\ufe0f\u20e3☕👶🏻🇰1_.,/&;x ")))
@example("#" + "a·" * 200)
def test_a_tag_is_part_of_its_caption_and_found_again_alone(caption: str) -> None:
    for tag in hashtags_in(caption):
        assert tag in caption
        assert hashtags_in(f"#{tag}") == [tag]
        assert not set(tag) & set("#＃@., /&;")
