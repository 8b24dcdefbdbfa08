"""The texts of a person are those that the person wrote and that a model can read."""

import unicodedata

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from instagram_assets.age.user_texts import USER_TEXTS, normalised_text, texts_of_posts
from instagram_assets.schemas import POSTS


def posts(*rows: tuple[str, str | None, str | None]) -> pa.Table:
    return POSTS.table(
        [
            {"account": account, "owner": owner, "caption": caption, "post_id": str(number)}
            for number, (account, owner, caption) in enumerate(rows)
        ]
    )


@pytest.mark.parametrize("caption", [None, "", " \n\t", "😀👍🏽", "1️⃣ #️⃣", "❤️ ℹ️", "...!!!", "🇰🇷", "\u200b", 7, ["a"]])
def test_a_caption_without_words_is_no_text(caption: object) -> None:
    assert normalised_text(caption) is None


@pytest.mark.parametrize("caption", ["ㅋㅋㅋ", "ㅠㅠ 😭", "육아", "2024", "#산책", "a", "1️⃣2", "日本"])
def test_a_caption_with_a_letter_or_a_digit_is_kept(caption: str) -> None:
    assert normalised_text(f"  {caption}\n") == caption


@given(st.text(st.characters()))
def test_a_text_is_normalised_and_can_be_written(caption: str) -> None:
    text = normalised_text(caption)
    assert text is None or (text.strip() == text and unicodedata.is_normalized("NFC", text) and text.encode())


def test_only_what_the_account_itself_wrote_counts() -> None:
    table = texts_of_posts(
        posts(
            ("ann", "ann", "mine"),
            ("bob", "bob", "of bob"),
            ("ann", "bob", "of bob, with ann"),
            ("ann", None, "owner unknown"),
            ("ann", "ann", "😀"),
        )
    )
    assert table.schema == USER_TEXTS
    assert table.to_pylist() == [
        {"username": "ann", "texts": ["mine", "owner unknown"], "left_out": 2, "reason": None},
        {"username": "bob", "texts": ["of bob"], "left_out": 0, "reason": None},
    ]


def test_an_account_without_texts_has_a_row_with_the_reason() -> None:
    table = texts_of_posts(posts(("ann", "ann", ""), ("ann", "bob", "hi"), ("bob", "ann", "x"), ("cho", None, None)))
    assert dict(zip(table["username"].to_pylist(), table["reason"].to_pylist(), strict=True)) == {
        "ann": "none of its 1 posts has words, 1 more are by others",
        "bob": "all of its 1 posts are by others",
        "cho": "none of its 1 posts has words",
    }


def test_a_stream_of_batches_reads_as_the_whole_table() -> None:
    table = posts(*((f"a{number % 7}", None, f"text {number}") for number in range(200)))
    reader = pa.RecordBatchReader.from_batches(table.schema, table.to_batches(max_chunksize=9))
    assert texts_of_posts(reader) == texts_of_posts(table)


def test_no_posts_are_no_accounts() -> None:
    assert texts_of_posts(POSTS.empty()).num_rows == 0
