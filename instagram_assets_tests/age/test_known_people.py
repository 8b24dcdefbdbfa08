"""People of a model's training and test do not count in an audience, whatever they are called there, or it is said."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from instagram_assets.age.artifacts import METRICS
from instagram_assets.age.audience_share import share_of
from instagram_assets.age.card import TrainingFacts
from instagram_assets.age.known_people import PEOPLE, forget_people, known_people, read_known_people
from instagram_assets.age.model_files import TEST_USERS, AgeConfig
from instagram_assets.age.predictions_csv import check_output_file, is_predictions_file, write_share_csv
from instagram_assets.errors import ModelError
from instagram_assets_tests.age.test_audience_share import predicted, users_tested

NAMES = [f"user{place}" for place in range(200)]
CONFIG = AgeConfig(21, 12, "bert", "test", metrics={"accuracy": 1})


def model_of(folder: Path, *names: str) -> Path:
    """What a share needs of a model's folder, of a training with people of these names."""
    pq.write_table(users_tested(), folder / TEST_USERS)
    (folder / PEOPLE).write_bytes(known_people(names, "salt").content)
    return folder


@pytest.mark.parametrize("name", ["user7", "@User7", " USER7 "])
def test_a_name_is_known_however_it_is_written(name: str) -> None:
    assert known_people([name], "salt").has("user7")
    assert known_people(["user7"], "salt").has(name)
    assert not known_people(["user7"], "salt").has("user77")


def test_the_file_has_no_name_and_other_hashes_for_another_model(tmp_path: Path) -> None:
    one, two = (known_people(NAMES, salt).content for salt in ("one", "two"))
    assert b"user" not in one
    hashes = [set(json.loads(content)["hashes"]) for content in (one, two)]
    assert [len(own) for own in hashes] == [200, 200]
    assert not hashes[0] & hashes[1]
    assert one == known_people(NAMES[::-1], "one").content
    (tmp_path / PEOPLE).write_bytes(one)
    assert read_known_people(tmp_path) == known_people(NAMES, "one")


def test_a_share_is_that_of_the_others_alone(tmp_path: Path) -> None:
    everyone = predicted()
    found = share_of(everyone, model_of(tmp_path, *NAMES[:60], "elsewhere"), CONFIG)
    assert (found.left_out, found.share.n, found.warnings) == (60, 140, ())
    assert found.of_training == "60 people that the model was trained or tested with: about them it is surer"
    assert found.words["left out of the share"] == found.of_training
    alone = share_of(everyone.slice(60), model_of(tmp_path), CONFIG)
    assert (alone.share, alone.left_out, alone.of_training) == (found.share, 0, "")


def test_known_ages_of_people_of_the_training_say_nothing_of_the_others(tmp_path: Path) -> None:
    ages = dict.fromkeys(NAMES[:100], 1)
    assert share_of(predicted(), model_of(tmp_path), CONFIG, ages).anchor
    found = share_of(predicted(), model_of(tmp_path, *NAMES[:60]), CONFIG, ages)
    assert found.anchor is None
    assert "of 100 people of known age 40 are in this audience" in found.warnings[0]
    assert found.left_out == 60
    anchored = share_of(predicted(), model_of(tmp_path, *NAMES[:30]), CONFIG, ages)
    assert anchored.anchor
    assert (anchored.anchor.labelled, anchored.left_out, anchored.share.n) == (70, 30, 170)


def test_an_audience_of_the_training_alone_has_no_share(tmp_path: Path) -> None:
    found = share_of(predicted(), model_of(tmp_path, *NAMES), CONFIG, dict.fromkeys(NAMES, 1))
    assert (found.left_out, found.share.share, found.anchor) == (200, None, None)
    assert str(found.share).endswith("not known, for all 200 accounts are of people that it was trained or tested with")


def test_a_model_that_does_not_know_its_people_says_so(tmp_path: Path) -> None:
    (model_of(tmp_path) / PEOPLE).unlink()
    found = share_of(predicted(), tmp_path, CONFIG)
    assert found.share.n == 200
    assert found.warnings[0].startswith("whom the model was trained with is not known")


@pytest.mark.parametrize(
    "wrong",
    [
        {"salt": ""},
        {"salt": 7},
        {"salt": None},
        {"hashes": "f" * 64},
        {"hashes": ["f" * 63]},
        {"hashes": [None]},
        {"hashes": {"f" * 64: 1}},
        {"ids": -1},
        {"ids": True},
        {"ids": "1"},
        {"ids": 1.5},
    ],
    ids=str,
)
@pytest.mark.bad_input("damaged model")
def test_a_file_of_another_form_is_refused(wrong: dict[str, Any], tmp_path: Path) -> None:
    path = model_of(tmp_path, "ann") / PEOPLE
    path.write_text(json.dumps(json.loads(path.read_bytes()) | wrong))
    with pytest.raises(ModelError, match=r"training_people\.json: damaged or not ours \(ValueError\)"):
        read_known_people(tmp_path)


@pytest.mark.bad_input("damaged model")
def test_the_people_of_another_model_are_refused(tmp_path: Path) -> None:
    facts = TrainingFacts("a test", 21, "f" * 64, "bert@0123", {}, 0.7, {})
    (model_of(tmp_path, *NAMES[:60]) / METRICS).write_text(json.dumps(asdict(facts)))
    found = share_of(predicted(), tmp_path, CONFIG)
    assert (found.share.share, found.left_out) == (None, 0)
    assert "training_people.json: is of another model than metrics.json beside it" in found.share.note
    assert "train the age model again" in found.share.note
    (tmp_path / PEOPLE).write_bytes(known_people(NAMES[:60], "f" * 64).content)
    assert share_of(predicted(), tmp_path, CONFIG).left_out == 60


def test_a_damaged_file_tells_no_share(tmp_path: Path) -> None:
    (model_of(tmp_path) / PEOPLE).write_text('{"salt": "x", "hashes": 3}')
    with pytest.raises(ModelError, match=r"training_people\.json: damaged or not ours .* train the age model again"):
        read_known_people(tmp_path)
    found = share_of(predicted(), tmp_path, CONFIG)
    assert found.share.share is None
    assert PEOPLE in found.share.note


@pytest.mark.parametrize(
    "name", ["person_0123456789abcdef", "17841400000", "0b7c2f6e-8d3a-4c1e-9f00-1234567890ab", "@forgotten_" + "a" * 16]
)
def test_ids_in_place_of_names_are_told(name: str, tmp_path: Path) -> None:
    found = share_of(predicted(), model_of(tmp_path, name, "ann"), CONFIG)
    assert found.warnings[0].startswith("1 of the 2 people of the model's training have ids or pseudonyms instead")
    assert share_of(predicted(), model_of(tmp_path, name, *NAMES[:20]), CONFIG).warnings == ()


def test_who_is_forgotten_is_no_longer_in_the_file(tmp_path: Path) -> None:
    path = model_of(tmp_path, "ann", "person_0123456789abcdef") / PEOPLE
    forget_people(path, ["Ann", "bob"])
    assert path.read_bytes() == known_people(["person_0123456789abcdef"], "salt").content
    forget_people(path, ["person_0123456789abcdef"])
    assert read_known_people(tmp_path) == known_people([], "salt")


def test_shares_and_predictions_are_recognised_also_of_an_earlier_version(tmp_path: Path) -> None:
    found = share_of(predicted(), model_of(tmp_path, *NAMES[:60]), CONFIG)
    share = write_share_csv(found, tmp_path / "out.csv", 21)
    assert is_predictions_file(share)
    header, *lines = share.read_text("utf-8-sig").splitlines()
    assert header.endswith(",left_out")
    assert [line.rpartition(",")[2] for line in lines] == ["60", "60"]
    share.write_text("\n".join([header.removesuffix(",left_out"), *lines]), "utf-8")
    check_output_file(tmp_path / "out.csv")
    theirs = tmp_path / "ann.csv"
    theirs.write_text("text\nUsername,Age is equal to or greater than 21\n", "utf-8")
    assert not is_predictions_file(theirs)
    assert not is_predictions_file(tmp_path / "gone.csv")
