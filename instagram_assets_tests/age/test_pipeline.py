"""The age model from settings to shares: trained once, judged honestly, and silent until it is turned on."""

import csv
import json
import random
import shutil
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pytest

from instagram_assets.age import pipeline
from instagram_assets.age.artifacts import METRICS, read_facts, read_test
from instagram_assets.age.card import NOT_FOR_PERSONS, is_clearly_better
from instagram_assets.age.dataset import TrainingData, training_data
from instagram_assets.age.known_people import PEOPLE, known_people, read_known_people
from instagram_assets.age.model_files import HEAD, find_age_model
from instagram_assets.age.predict import audience, bounded_batches
from instagram_assets.age.user_texts import UserTexts
from instagram_assets.errors import FileError, ModelError, SettingsError, StorageError, TrainingDataError
from instagram_assets.models.digests import DIGESTS
from instagram_assets.schemas import AGE_PREDICTIONS, POSTS
from instagram_assets.settings import Settings, load_settings
from instagram_assets.storage.locks import alone_or
from instagram_assets_tests.age.people import people
from instagram_assets_tests.age.small_language_models import save_language_model

WELL = {"head_epoch_num": 40, "head_learn_rate": 3e-3, "trained_layers": 1, "epoch_num": 1, "learn_rate": 1e-3}
QUICKLY = {"head_epoch_num": 1, "trained_layers": 0}


class Home(NamedTuple):
    """A folder with people, a language model, and whatever is trained of them."""

    folder: Path
    people: pa.Table

    def settings(self, **age: Any) -> Settings:
        named = {
            "enabled": True,
            "purpose": "a test",
            "labels": str(self.folder / "labels.csv"),
            "texts": str(self.folder / "texts"),
            "model_name_or_path": str(self.folder / "tiny"),
            "test_share": 0.3,
            "validation_share": 0.2,
        }
        return load_settings(data_dir=self.folder / "data", age={**named, **QUICKLY, **age})


def write_people(folder: Path, table: pa.Table) -> None:
    """Labels and texts as people bring them: a CSV of ages, and one JSON list per user."""
    shutil.rmtree(folder / "texts", ignore_errors=True)
    (folder / "texts").mkdir(parents=True)
    with open(folder / "labels.csv", "w", newline="", encoding="utf-8") as stream:
        rows = csv.writer(stream)
        rows.writerow(["username", "age"])
        rows.writerows(["@" + row["username"], 30 if row["label"] else 15] for row in table.to_pylist())
    for row in table.to_pylist():
        (folder / "texts" / f"{row['username']}.json").write_text(json.dumps(row["texts"]), encoding="utf-8")


def unshared(table: pa.Table) -> pa.Table:
    """The same people with texts that nobody else writes, so that none is taken out as shared."""
    texts = [
        [
            f"{text} {sha256((row['username'] + text + str(place)).encode()).hexdigest()}"
            for place, text in enumerate(row["texts"])
        ]
        for row in table.to_pylist()
    ]
    return table.set_column(2, table.schema.field("texts"), pa.array(texts, table.schema.field("texts").type))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, pipeline.TrainingResult]:
    """Eight hundred people, and the age model of them."""
    folder = tmp_path_factory.mktemp("home")
    home = Home(folder, unshared(people(800, signal=0.5)))
    save_language_model(folder / "tiny")
    write_people(folder, home.people)
    return home, pipeline.train_model(home.settings(**WELL))


@pytest.fixture
def home(tmp_path: Path, whole: tuple[Home, pipeline.TrainingResult]) -> Home:
    """Sixty people with texts that nobody shares, and no model yet."""
    home = Home(tmp_path, unshared(people(60, seed=5, signal=1)))
    shutil.copytree(whole[0].folder / "tiny", tmp_path / "tiny")
    write_people(tmp_path, home.people)
    return home


def test_what_people_write_is_learned_and_calibrated(whole: tuple[Home, pipeline.TrainingResult]) -> None:
    report = whole[1].report
    model, base = report.evaluations["model"], report.evaluations["majority"]
    assert model.n == 240
    assert (model.accuracy.share or 0) >= (base.accuracy.share or 0) + 0.1
    assert is_clearly_better(model.accuracy, base.accuracy)
    assert 0.7 <= (model.slope or 0) <= 1.4
    assert (model.abstention.accuracy.share or 0) > (model.accuracy.share or 0)


def test_labels_without_meaning_are_not_learned(tmp_path: Path, whole: tuple[Home, pipeline.TrainingResult]) -> None:
    folder, table = whole[0].folder, whole[0].people
    labels = table["label"].to_pylist()
    random.Random(1).shuffle(labels)
    home = Home(tmp_path, table.set_column(1, table.schema.field("label"), pa.array(labels, pa.int8())))
    write_people(tmp_path, home.people)
    found = pipeline.train_model(home.settings(**WELL, model_name_or_path=str(folder / "tiny"))).report.evaluations
    assert not is_clearly_better(found["model"].accuracy, found["majority"].accuracy)
    assert not is_clearly_better(found["tfidf"].accuracy, found["majority"].accuracy)


def test_a_second_training_with_nothing_changed_trains_nothing(home: Home) -> None:
    first = pipeline.train_model(home.settings())
    before = {path.name: (path.read_bytes(), path.stat().st_ino) for path in first.folder.iterdir()}
    write_people(home.folder, home.people.take(list(range(59, -1, -1))))
    second = pipeline.train_model(home.settings(print_step=1, labels=str(home.folder / "labels.csv")))
    assert (first.trained, second.trained) == (True, False)
    assert second.report == first.report
    assert {path.name: (path.read_bytes(), path.stat().st_ino) for path in first.folder.iterdir()} == before


def test_the_same_training_gives_the_same_files_anywhere(home: Home) -> None:
    one, two = (pipeline.train_model(home.settings(), folder=home.folder / name / "age") for name in ("one", "two"))
    files = [{path.name: path.read_bytes() for path in made.folder.iterdir()} for made in (one, two)]
    assert files[0] == files[1]
    assert not list(home.folder.glob("*/.age.training"))


@pytest.mark.parametrize(
    "changed", [{"seed": 1}, {"age_cutoff": 22}, {"max_seq_len": 9}, {"head_epoch_num": 2}, {"test_share": 0.2}]
)
def test_other_options_make_another_model(home: Home, changed: dict[str, Any]) -> None:
    first = pipeline.train_model(home.settings())
    second = pipeline.train_model(home.settings(**changed))
    assert second.trained
    assert second.report.facts.fingerprint != first.report.facts.fingerprint


def test_another_text_makes_another_model(home: Home) -> None:
    pipeline.train_model(home.settings())
    (home.folder / "texts" / "user0003.json").write_text('["something new"]')
    assert pipeline.train_model(home.settings()).trained


def test_another_purpose_is_told_without_a_new_training(home: Home) -> None:
    first = pipeline.train_model(home.settings())
    label, head = find_age_model(first.folder, home.folder).label, (first.folder / HEAD).read_bytes()
    assert not pipeline.train_model(home.settings(purpose="a good one")).trained
    assert find_age_model(first.folder, home.folder).label == label  # so that predictions of before count
    second = pipeline.train_model(home.settings(purpose="a better one", abstain_below=0.51))
    assert not second.trained
    assert "a better one" in (second.folder / "README.md").read_text("utf-8")
    config = find_age_model(second.folder, home.folder).config
    assert (config.purpose, config.abstain_below) == ("a better one", 0.51)
    assert second.report.evaluations["model"].abstention.below == 0.51
    assert (second.folder / HEAD).read_bytes() == head
    assert read_facts(second.folder) == second.report.facts


def test_the_test_users_decide_nothing(home: Home) -> None:
    settings = home.settings(**WELL)
    first = pipeline.train_model(settings).report
    for name, part in pipeline.training_data(settings).split.parts.items():
        if part == "test":
            texts = [f"school exam {name} {place}" for place in range(3)]
            (home.folder / "texts" / f"{name}.json").write_text(json.dumps(texts))
    second = pipeline.train_model(settings).report
    assert second.facts.fingerprint != first.facts.fingerprint
    assert second.evaluations["model"].brier != first.evaluations["model"].brier
    assert second.facts.calibration == first.facts.calibration
    assert second.facts.calibration[-1][1] > 0
    assert second.facts.history == first.facts.history


def test_calibration_users_turn_logits_into_probabilities_and_choose_no_epoch(home: Home) -> None:
    settings = home.settings(**WELL)
    first = pipeline.train_model(settings)
    head = (first.folder / HEAD).read_bytes()
    parts = pipeline.training_data(settings).split.parts
    assert list(parts.values()).count("calibration") == list(parts.values()).count("validation") == 6
    for name, part in parts.items():
        if part == "calibration":
            (home.folder / "texts" / f"{name}.json").write_text(f'["school exam {name}"]')
    second = pipeline.train_model(settings)
    assert (second.folder / HEAD).read_bytes() == head
    assert second.report.facts.history == first.report.facts.history
    assert second.report.facts.calibration != first.report.facts.calibration


def test_a_model_that_lost_its_measures_is_made_again(home: Home) -> None:
    folder = pipeline.train_model(home.settings()).folder
    (folder / "metrics.json").write_text("{}")
    assert pipeline.train_model(home.settings()).trained


def test_what_an_earlier_version_did_not_save_is_made_without_a_new_training(home: Home) -> None:
    first = pipeline.train_model(home.settings())
    before, people = find_age_model(first.folder, home.folder), read_known_people(first.folder)
    assert people
    assert {name for name in home.people["username"].to_pylist() if people.has(name)} == {*training_names(home)}
    assert len(people.hashes) == len(training_names(home))
    (first.folder / PEOPLE).unlink()
    assert not pipeline.train_model(home.settings()).trained
    assert read_known_people(first.folder) == people
    (first.folder / PEOPLE).write_bytes(known_people(["another"], "another model").content)
    assert not pipeline.train_model(home.settings()).trained
    assert read_known_people(first.folder) == people
    (first.folder / DIGESTS).unlink()
    assert not find_age_model(first.folder, home.folder).was_saved_with_digests
    assert not pipeline.train_model(home.settings()).trained
    after = find_age_model(first.folder, home.folder)
    assert after.was_saved_with_digests
    assert (after, after.digests) == (before, before.digests)
    assert read_test(first.folder).num_rows == first.report.evaluations["model"].n


def test_a_model_of_a_version_with_fewer_options_is_not_trained_anew(home: Home) -> None:
    folder = pipeline.train_model(home.settings()).folder
    (folder / PEOPLE).unlink()
    facts = json.loads((folder / METRICS).read_text())
    options = dict(facts["options"])
    for later in ("optimizer", "class_weights", "like_source"):
        del facts["options"][later]
    (folder / METRICS).write_text(json.dumps(facts))
    again = pipeline.train_model(home.settings())
    assert not again.trained
    assert again.report.facts.options == options == json.loads((folder / METRICS).read_text())["options"]
    assert "AdamW; learning rate" in (folder / "README.md").read_text()


def training_names(home: Home) -> list[str]:
    """Who has any part in the training: those who have a text of their own."""
    return list(training_data(home.settings()).split.parts)


def test_two_trainings_of_one_model_exclude_each_other(home: Home) -> None:
    folder = home.folder / "model"
    with (
        alone_or(home.folder / ".model.training", AssertionError()),
        pytest.raises(ModelError, match=r"model: another training is at work on this model\. Wait"),
    ):
        pipeline.train_model(home.settings(), folder=folder)
    assert pipeline.train_model(home.settings(), folder=folder).trained


def test_a_damaged_model_is_made_again(home: Home) -> None:
    folder = pipeline.train_model(home.settings()).folder
    (folder / HEAD).write_bytes((folder / HEAD).read_bytes()[:-100])
    assert pipeline.train_model(home.settings()).trained
    assert not pipeline.train_model(home.settings()).trained


def test_a_file_that_somebody_put_beside_the_model_is_never_taken_away(
    home: Home, whole: tuple[Home, pipeline.TrainingResult]
) -> None:
    folder = home.folder / "model"
    shutil.copytree(whole[1].folder, folder)
    for name in ("notes.txt", "picture.png", "more"):
        before = {path.name for path in folder.iterdir()}
        (folder / name).mkdir() if name == "more" else (folder / name).write_text("mine")
        with pytest.raises(ModelError, match=rf"model: holds other files \('{name}'\)"):
            pipeline.train_model(home.settings(), folder=folder)
        assert {path.name for path in folder.iterdir()} == {*before, name}
        (folder / name).rmdir() if name == "more" else (folder / name).unlink()
    assert pipeline.train_model(home.settings(), folder=folder).trained


def test_a_file_that_comes_while_it_trains_stays_and_stops_it(
    home: Home, whole: tuple[Home, pipeline.TrainingResult]
) -> None:
    folder = home.folder / "model"
    shutil.copytree(whole[1].folder, folder)
    before = (folder / HEAD).read_bytes()

    def put(_: TrainingData) -> None:
        (folder / "notes.txt").write_text("mine")

    with pytest.raises(StorageError, match=r"model: .*files that are not its own \('notes\.txt'\)\. Move them away"):
        pipeline.train_model(home.settings(), folder=folder, on_data=put)
    assert ((folder / "notes.txt").read_text(), (folder / HEAD).read_bytes()) == ("mine", before)
    (folder / "notes.txt").unlink()
    (folder / ".DS_Store").write_text("litter")
    assert pipeline.train_model(home.settings(), folder=folder).trained


@pytest.mark.parametrize("below", ["", "model"])
def test_a_file_in_the_place_of_the_models_folder_is_told_before_training(home: Home, below: str) -> None:
    with pytest.raises(ModelError, match=r"labels\.csv: is a file, so no model can be kept there\. Name a folder"):
        pipeline.train_model(home.settings(), folder=home.folder / "labels.csv" / below)
    assert (home.folder / "labels.csv").is_file()


def test_a_folder_of_other_files_is_never_replaced(home: Home) -> None:
    with pytest.raises(ModelError, match="holds other files"):
        pipeline.train_model(home.settings(), folder=home.folder / "texts")
    assert len(list((home.folder / "texts").iterdir())) == 60


def test_the_folder_names_no_person(home: Home) -> None:
    folder = pipeline.train_model(home.settings()).folder
    whole = b"".join(path.read_bytes() for path in folder.iterdir())
    assert not [name for name in home.people["username"].to_pylist() if name.encode() in whole]
    assert str(home.folder).encode() not in whole


def test_the_measures_are_those_of_the_kept_test_users(whole: tuple[Home, pipeline.TrainingResult]) -> None:
    folder, _, report = whole[1]
    metrics = json.loads((folder / "metrics.json").read_text("utf-8"))
    assert metrics["test"]["model"] == asdict(report.evaluations["model"])
    test = read_test(folder)
    right = [(p >= 0.5) == label for p, label in zip(test["model"].to_pylist(), test["label"].to_pylist(), strict=True)]
    assert metrics["test"]["model"]["accuracy"]["share"] == pytest.approx(sum(right) / 240)
    assert metrics["data"]["test"]["users"] == 240
    assert report.card == (folder / "README.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("age", "told"),
    [
        ({"enabled": False, "purpose": ""}, ["AGE__ENABLED=true", "AGE__PURPOSE="]),
        ({"enabled": False}, ["AGE__ENABLED=true"]),
        ({"purpose": "  "}, ["AGE__PURPOSE="]),
    ],
)
def test_what_is_off_says_how_to_turn_it_on(home: Home, age: dict[str, Any], told: list[str]) -> None:
    settings = home.settings(**age)
    for start in (lambda: pipeline.train_model(settings), lambda: pipeline.predict_users([], settings)):
        with pytest.raises(SettingsError) as caught:
            start()
        named = [name for name in ("AGE__ENABLED=true", "AGE__PURPOSE=") if name in str(caught.value)]
        assert named == told


def test_what_is_missing_is_told_before_any_training(home: Home) -> None:
    with pytest.raises(SettingsError, match="AGE__LABELS is empty"):
        pipeline.train_model(home.settings(labels=""))
    with pytest.raises(FileError, match="nowhere"):
        pipeline.train_model(home.settings(labels=str(home.folder / "nowhere.csv")))
    with pytest.raises(FileError, match="nowhere"):
        pipeline.train_model(home.settings(texts=str(home.folder / "nowhere")))
    with pytest.raises(ModelError, match="nothing/here"):
        pipeline.train_model(home.settings(model_name_or_path="nothing/here"))
    with pytest.raises(TrainingDataError, match="label 0"):
        pipeline.train_model(home.settings(age_cutoff=14))
    assert not (home.folder / "data" / "age").exists()


def test_shares_of_an_audience_are_near_the_truth(whole: tuple[Home, pipeline.TrainingResult]) -> None:
    home, training = whole
    people_apart = unshared(people(300, seed=9, signal=0.5, name="other"))
    kept = [row for row in people_apart.to_pylist() if row["label"] or row["username"] < "other0100"]
    users = [UserTexts(row["username"], row["texts"]) for row in kept]
    done: list[int] = []
    found = pipeline.predict_users(users, home.settings(**WELL), done.append)
    assert found.share.low <= 150 / 200 <= found.share.high
    assert found.share.high - found.share.low < 0.5
    assert found.table["account"].to_pylist() == [user.username for user in users]
    assert (done[-1], done) == (200, sorted(done))
    assert found.numbers["coverage"] == 1
    assert found.numbers["share below the cut-off"] == pytest.approx(1 - (found.share.share or 0))
    assert found.table["model"].unique().to_pylist() == [find_age_model(training.folder, home.folder).label]


def test_accounts_without_texts_are_rows_that_say_why(whole: tuple[Home, pipeline.TrainingResult]) -> None:
    posts = POSTS.table(
        [
            {"account": "by_others", "owner": "friend", "caption": "school exam"},
            {"account": "emojis", "owner": "emojis", "caption": "🎉🎉"},
            {"account": "writes", "owner": "writes", "caption": "exam"},
            {"account": "writes", "owner": "writes", "caption": None},
            {"account": "writes", "owner": "friend", "caption": "garden"},
        ]
    )
    reader = pa.RecordBatchReader.from_batches(posts.schema, posts.to_batches(max_chunksize=2))
    users = audience(["nobody", "writes", "emojis", "by_others"], reader)
    found = pipeline.predict_users(users, whole[0].settings(**WELL))
    rows = {row["account"]: row for row in found.table.to_pylist()}
    assert found.table.schema == AGE_PREDICTIONS.schema
    assert list(rows) == ["by_others", "emojis", "writes", "nobody"]
    assert rows["nobody"]["reason"] == "there are no posts"
    assert rows["emojis"]["reason"] == "none of its 1 posts has words"
    assert rows["by_others"]["reason"] == "all of its 1 posts are by others"
    assert all(rows[name]["abstained"] and rows[name]["status"] == "skipped" for name in rows.keys() - {"writes"})
    assert (rows["writes"]["n_posts"], rows["writes"]["status"], rows["writes"]["reason"]) == (1, "ok", None)
    assert (found.numbers["accounts"], found.numbers["with a probability"], found.numbers["coverage"]) == (4, 1, 0.25)


def test_an_audience_of_nobody_has_no_share(whole: tuple[Home, pipeline.TrainingResult]) -> None:
    found = pipeline.predict_users([], whole[0].settings(**WELL))
    assert found.table.schema == AGE_PREDICTIONS.schema
    assert (found.table.num_rows, found.share.share) == (0, None)
    assert "share below the cut-off" not in found.numbers


def test_users_are_predicted_in_bounded_portions() -> None:
    users = [UserTexts(str(number), ["x" * 6_000_000]) for number in range(8)]
    assert [[user.username for user in some] for some in bounded_batches(users)] == [list("0123"), list("4567")]


def test_a_model_of_another_cutoff_is_refused(whole: tuple[Home, pipeline.TrainingResult]) -> None:
    with pytest.raises(SettingsError, match=r"AGE_CUTOFF=18, but the model in .* was trained for 21"):
        pipeline.predict_users([], whole[0].settings(age_cutoff=18))


def test_predictions_ask_for_a_trained_model(home: Home) -> None:
    with pytest.raises(ModelError, match="Train an age model"):
        pipeline.predict_users([], home.settings())


def test_a_model_that_lost_its_test_users_predicts_and_names_the_missing_file(home: Home) -> None:
    test = pipeline.train_model(home.settings()).folder / "test_users.parquet"
    for spoil, told in ((lambda: test.write_bytes(b"PAR1"), "damaged"), (test.unlink, "is missing")):
        spoil()
        found = pipeline.predict_users([UserTexts("one", ["exam"])], home.settings())
        assert (found.table["probability"].null_count, found.share.share) == (0, None)
        assert f"{test}: {told}" in str(found.share)
        assert "no share can be corrected" in str(found.share)
    assert pipeline.train_model(home.settings()).trained
    assert test.is_file()


def test_labels_that_cannot_be_trained_with_are_told_with_file_counts_and_names(home: Home) -> None:
    (home.folder / "labels.csv").write_text("username,age\nuser0001,30\nnobody,30\nuser0002,old\n", encoding="utf-8")
    told: list[str] = []
    with pytest.raises(TrainingDataError) as caught:
        pipeline.train_model(home.settings(), on_unused=told.extend)
    for part in ("labels.csv and the texts in", "0 of 1 users", "Of 2 users with a label 1 have no texts", "nobody: "):
        assert part in str(caught.value)
    assert "1 rows of the labels say no age" in str(caught.value)
    assert [line.rpartition("labels.csv, ")[2].partition(":")[0] for line in told] == ["line 4", "nobody"]


def test_users_all_of_whose_texts_are_shared_are_named(home: Home) -> None:
    split = training_data(home.settings()).split
    one, other = (next(name for name, part in split.parts.items() if part == wanted) for wanted in ("train", "test"))
    for name in (one, other):
        (home.folder / "texts" / f"{name}.json").write_text('["the same"]', encoding="utf-8")
    told: list[str] = []
    data = training_data(home.settings(), on_unused=told.extend)
    assert data.split.emptied == [one]
    assert [line.partition(":")[0] for line in told] == [one]
    assert data.warning == ""
    assert "TEST_SHARE" in training_data(home.settings(test_share=0.1)).warning


def test_people_may_come_from_the_lake(home: Home) -> None:
    rows = [
        {"account": row["username"], "owner": row["username"], "caption": text}
        for row in home.people.to_pylist()
        for text in row["texts"]
    ]
    posts = POSTS.table([*rows, {"account": "unlabelled", "owner": "unlabelled", "caption": "exam"}])
    reader = pa.RecordBatchReader.from_batches(posts.schema, posts.to_batches(max_chunksize=7))
    from_lake = pipeline.train_model(home.settings(texts=""), reader)
    assert from_lake.trained
    assert not pipeline.train_model(home.settings()).trained


def test_every_card_warns_of_decisions_about_persons(whole: tuple[Home, pipeline.TrainingResult]) -> None:
    assert NOT_FOR_PERSONS in whole[1].report.card
