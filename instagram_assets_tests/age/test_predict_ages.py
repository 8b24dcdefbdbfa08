"""The age model in a notebook: off until somebody says what for, then the same numbers for the same texts."""

from pathlib import Path

import pytest

from instagram_assets import ModelError, SettingsError, merge_posts, predict_ages, read_export
from instagram_assets_tests.conftest import export, post


def test_it_is_off_until_somebody_says_what_for(age_model: Path) -> None:
    with pytest.raises(SettingsError, match="The age model is off"):
        predict_ages({"jane": ["school"]}, age_model)
    with pytest.raises(ModelError, match="there is no such folder"):
        predict_ages({"jane": ["school"]}, age_model / "none", purpose="a test")


def test_texts_by_name_in_files_and_in_posts_give_the_same(age_model: Path, tmp_path: Path) -> None:
    records = [post(1, "jane", caption="school again"), post(2, "joe", caption="my garden")]
    (tmp_path / "users").mkdir()
    for record in records:
        export(tmp_path / "users" / f"{record['ownerUsername']}.json", [record])
    texts = {record["ownerUsername"]: [record["caption"]] for record in records}
    posts = merge_posts(read_export(export(tmp_path / "posts.json", records)))
    by_name = predict_ages(texts, age_model, purpose="a test")
    assert by_name.table["status"].to_pylist() == ["ok", "ok"]
    for some in (tmp_path / "users", posts):
        assert predict_ages(some, str(age_model), purpose="a test").table == by_name.table
