"""Who was forgotten is neither learned from nor predicted, and it is said how many that are."""

import json
from datetime import date
from pathlib import Path

from instagram_assets import predict_ages
from instagram_assets.age.dataset import training_data
from instagram_assets.privacy.forgotten_identifiers import Identifiers
from instagram_assets.privacy.tombstones import add_tombstones
from instagram_assets.settings import Settings, load_settings

FORGOTTEN = Identifiers(accounts={"user07": "forgotten_1", "user09": "forgotten_2"})


def home(folder: Path) -> Settings:
    (folder / "texts").mkdir()
    labels = ["username,age"]
    for number in range(40):
        labels.append(f"User{number:02},{30 if number % 2 else 15}")
        texts = [f"text {number} {place}" for place in range(3)]
        (folder / "texts" / f"user{number:02}.json").write_text(json.dumps(texts), "utf-8")
    (folder / "labels.csv").write_text("\n".join([*labels, "user09,old"]), "utf-8")
    age = {"labels": str(folder / "labels.csv"), "texts": str(folder / "texts"), "test_share": 0.3}
    return load_settings(data_dir=folder / "data", age=age)


def test_they_are_no_training_data(tmp_path: Path) -> None:
    settings = home(tmp_path)
    before = training_data(settings)
    add_tombstones(settings.folder("privacy"), FORGOTTEN, date(2026, 11, 27))
    told = list[str]()
    found = training_data(settings, on_unused=told.extend)
    names = set(found.split.people["username"].to_pylist())
    assert set(before.split.people["username"].to_pylist()) - names == {"user07", "user09"}
    assert found.left_out["users who were forgotten"] == 2
    assert told == [f"{tmp_path / 'labels.csv'}: 2 users were forgotten and are left out"]


def test_they_are_not_predicted(tmp_path: Path, age_model: Path) -> None:
    settings = load_settings(data_dir=tmp_path)
    add_tombstones(settings.folder("privacy"), FORGOTTEN, date(2026, 11, 27))
    texts = {"user07": ["school"], "jane": ["my garden"]}
    found = predict_ages(texts, age_model, purpose="a test", settings=settings)
    assert found.table["account"].to_pylist() == ["jane"]
    assert (found.forgotten, found.numbers["forgotten, left out"]) == (1, 1)
