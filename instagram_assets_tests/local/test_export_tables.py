"""An export and its words in a notebook, without a lake."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from instagram_assets import ContractError, FileError, merge_posts, read_export, tokenize
from instagram_assets.schemas import CONTRACTS
from instagram_assets_tests.conftest import export, post, profile

SEEN = datetime(2026, 11, 1, tzinfo=UTC)


def test_files_a_list_of_them_and_their_folder_are_one_export(tmp_path: Path) -> None:
    posts = export(tmp_path / "posts.json", [post(1), post(2), {"id": None}])
    profiles = export(tmp_path / "profiles.json", [profile()])
    (tmp_path / "README.md").write_text("no export")
    found = read_export(posts, profiles, observed_at=SEEN)
    for name, table in zip(("raw_posts", "raw_reels", "raw_profiles", "quarantine"), found, strict=True):
        assert table.schema.equals(CONTRACTS[name].schema)
    assert [table.num_rows for table in found] == [2, 0, 1, 1]
    for again in (read_export([posts, str(profiles)], observed_at=SEEN), read_export(tmp_path, observed_at=SEEN)):
        assert again == found
    assert read_export(posts, posts, observed_at=SEEN).posts == found.posts
    merged = merge_posts(found)
    assert merged == merge_posts(found.posts, found.reels, found.profiles)
    assert merged == merge_posts(found.posts.to_pandas(types_mapper=pd.ArrowDtype), None, found.profiles)
    assert merge_posts(found, mode="reel").num_rows == 0


def test_what_a_record_or_the_name_of_its_file_says_of_when_it_was_read_counts(tmp_path: Path) -> None:
    said = export(tmp_path / "said.json", [post(1, scrapedAt="2026-10-30T00:00:00Z")])
    named = export(tmp_path / "dataset_instagram-scraper_2026-10-29_02-18-05-080.json", [post(2)])
    seen = {row["post_id"]: row["observed_at"] for row in read_export(said, named).posts.to_pylist()}
    days = sorted(moment.isoformat() for moment in seen.values())
    assert days == ["2026-10-29T02:18:05.080000+00:00", "2026-10-30T00:00:00+00:00"]


def test_one_record_in_two_files_is_one_observation(tmp_path: Path) -> None:
    files = [export(tmp_path / name, [post(1)]) for name in ("a.json", "b.json")]
    files[1].write_text(files[1].read_text() + "\n")
    os.utime(files[1], (1_793_500_000, 1_793_500_000))
    assert read_export(*files).posts.num_rows == 1


def test_what_is_no_export_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"missing\.json"):
        read_export(tmp_path / "missing.json")
    with pytest.raises(FileError, match="holds no file of an export"):
        read_export(tmp_path)
    with pytest.raises(ContractError, match="raw_posts: columns missing"):
        merge_posts(tokenize(["#a"]))


def test_texts_of_any_library_have_their_words_in_their_place(tmp_path: Path) -> None:
    texts = ["#a", None, " ", "#b #c"]
    for some in (
        texts,
        iter(texts),
        pd.Series(texts),
        pd.Series(texts, dtype=pd.ArrowDtype(CONTRACTS["posts"].schema.field("caption").type)),
    ):
        found = tokenize(some)
        assert found["hashtags"].to_pylist() == [["a"], [], [], ["b", "c"]]
        assert found["text"].to_pylist() == texts
    assert tokenize("#a")["hashtags"].to_pylist() == [["a"]]
    posts = merge_posts(read_export(export(tmp_path / "posts.json", [post(1), post(2, caption=None)])))
    assert tokenize(posts).schema.equals(CONTRACTS["tokens"].schema)
    assert tokenize(posts.to_pandas(types_mapper=pd.ArrowDtype))["post_id"].to_pylist() == ["10001"]
