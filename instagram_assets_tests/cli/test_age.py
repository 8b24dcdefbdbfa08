"""The age model from a shell: off by default, trained on files, used on files, with the source's own options."""

import csv
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from typer.testing import CliRunner, Result

from instagram_assets.cli import app
from instagram_assets.settings import LIKE_SOURCE, like_source, settings
from instagram_assets_tests.age.people import people
from instagram_assets_tests.age.small_language_models import save_language_model
from instagram_assets_tests.age.test_user_files import collected

pytestmark = pytest.mark.usefixtures("one_thread")

Run = Callable[..., Result]

PURPOSE = ("--purpose", "a test with invented people")
HEADER = ["Username", "Age is equal to or greater than 21", "probability", "abstained", "n_posts"]
SHORT = {"HEAD_EPOCH_NUM": "40", "HEAD_LEARN_RATE": "0.005", "TRAINED_LAYERS": "0", "PRECISION": "fp32"}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Runs a command in an empty folder."""
    monkeypatch.chdir(tmp_path)
    settings.cache_clear()
    yield lambda *words: CliRunner().invoke(app, [str(word) for word in words])
    settings.cache_clear()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a language model, labels, a file of texts per user, and the age model that came of them.

    Also an audience of as many other people, whose ages are in `known_ages.csv`.
    """
    folder = tmp_path_factory.mktemp("age")
    save_language_model(folder / "bert")
    learned = _written(folder / "users", people(90, posts=(6, 12), signal=0.9))
    lines = ["user.name,labeled age", "@nobody,30", "@user0000,twenty", *learned]
    (folder / "labels.csv").write_text("\n".join(lines), encoding="utf-8")
    others = _written(folder / "audience", people(90, seed=1, posts=(6, 12), signal=0.9, name="read"))
    (folder / "known_ages.csv").write_text("\n".join(["username,age", *others]), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name, value in SHORT.items():
            patch.setenv(f"INSTAGRAM_ASSETS_AGE__{name}", value)
        done = CliRunner().invoke(app, [*TRAIN, *PURPOSE])
    assert done.exit_code == 0, done.output
    (folder / "told.txt").write_text(done.output, encoding="utf-8")
    return folder


def _written(folder: Path, table: pa.Table) -> list[str]:
    """Write a file of texts for each of these people, JSON and CSV in turn; returns the lines of their ages."""
    folder.mkdir()
    for number, row in enumerate(table.to_pylist()):
        name = row["username"]
        if number % 2:
            (folder / f"{name}.json").write_text(json.dumps(collected(*row["texts"])), encoding="utf-8")
        else:
            (folder / f"@{name}.csv").write_text("\n".join(["text", *row["texts"], ""]), encoding="utf-8")
    return [f"@{row['username'].upper()},{30 if row['label'] else 15}" for row in table.to_pylist()]


TRAIN = (
    *("train", "--labels", "labels.csv", "--texts", "users", "--output", "model", "--model-name-or-path", "bert"),
    *("--max-seq-len", "16", "--print-step", "10", "--seed", "3", "--accumulation-steps", "4", "--age-cutoff", "21"),
    *("--learn-rate", "2e-5", "--epoch-num", "1", "--device", "cpu"),
)


def predict(run: Run, home: Path, *more: str | Path, model: str = "model", users: str = "audience") -> Result:
    """Predict with the options that the source has."""
    where = ("--input-dir", home / users, "--finetuned-model-path", home / model)
    return run("predict", *where, "--prediction-output-file", "out/predictions.csv", *more)


def rows() -> list[list[str]]:
    with open("out/predictions.csv", encoding="utf-8-sig", newline="") as stream:
        return list(csv.reader(stream))


def test_training_says_what_it_did_not_use_and_how_good_the_model_is(home: Path) -> None:
    told = (home / "told.txt").read_text("utf-8")
    assert "not used: labels.csv, line 3: user0000 age 'twenty' is no whole number" in told
    assert "not used: nobody: there is no file of this user" in told
    assert "model: trained" in told
    assert "  accuracy of TF-IDF: " in told
    assert "Not for decisions about a person" in told
    assert "a test with invented people" in (home / "model" / "README.md").read_text("utf-8")


def test_the_same_training_is_not_done_again(run: Run, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SHORT.items():
        monkeypatch.setenv(f"INSTAGRAM_ASSETS_AGE__{name}", value)
    monkeypatch.chdir(home)
    done = run(*TRAIN, *PURPOSE)
    assert done.exit_code == 0, done.output
    assert "nothing changed, so nothing was trained" in done.output


def test_like_source_goes_before_the_settings_and_the_other_options_before_it(
    run: Run, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in SHORT.items():
        monkeypatch.setenv(f"INSTAGRAM_ASSETS_AGE__{name}", value)
    given = ("train", "--labels", home / "labels.csv", "--texts", home / "users", "--model-name-or-path", home / "bert")
    own = ("--epoch-num", "1", "--learn-rate", "2e-5")
    done = run(*given, "--output", "model", "--device", "cpu", "--like-source", *own, *PURPOSE)
    assert done.exit_code == 0, done.output
    rates = "learn_rate 2e-05 instead of 5e-06, head_learn_rate 2e-05 instead of 5e-06"
    said = f"like bumc_instascraping (--like-source), but {rates}, epoch_num 1 instead of 10"
    assert f"  trained: {said}\n" in done.output
    assert f"| trained | {said}: Adam; learning rate 2e-05" in (tmp_path / "model" / "README.md").read_text("utf-8")
    metrics = json.loads((tmp_path / "model" / "metrics.json").read_bytes())
    chosen = {name: value for name, value in metrics["options"].items() if name in LIKE_SOURCE}
    assert chosen == like_source({"epoch_num": 1, "learn_rate": 2e-5})
    assert metrics["options"]["like_source"] is True
    assert [epoch["stage"] for epoch in metrics["history"]] == ["layers"]


def test_predictions_have_the_sources_columns_first_and_tell_old_from_young(run: Run, home: Path) -> None:
    done = predict(run, home, "--max-seq-len", "16", "--age-cutoff", "21", "--device", "cpu", *PURPOSE)
    assert done.exit_code == 0, done.output
    header, *found = rows()
    assert header[:5] == HEADER
    assert len(found) == 90
    labelled = [row for row in found if row[1]]
    assert {row[3] for row in labelled} == {"False"}  # where the model abstained there is no label
    right = sum(int(row[1]) == int(row[0][4:]) % 2 for row in labelled)
    assert right >= 0.75 * len(labelled) > 0
    assert "90 users, 90 with a probability" in done.output
    assert "at or above the age of 21: " in done.output
    assert "Not for decisions about a person" in done.output


def test_known_ages_anchor_the_share_and_what_they_changed_is_told(run: Run, home: Path) -> None:
    done = predict(run, home, "--labelled", home / "known_ages.csv", *PURPOSE)
    assert done.exit_code == 0, done.output
    assert "90 people of known age " in done.output
    assert "if the people of known age are a random sample of this audience" in done.output
    with open("out/predictions_share.csv", encoding="utf-8-sig", newline="") as stream:
        above, below = csv.DictReader(stream)
    assert (above["people"], below["people"]) == ("21 or older", "under 21")
    assert above["assumes"] == "if the people of known age are a random sample of this audience"
    assert float(above["low"]) <= 0.5 <= float(above["high"])
    (home / "few.csv").write_text("username,age\nread0001,30\nread0002,15\n", encoding="utf-8")
    done = predict(run, home, "--labelled", home / "few.csv", *PURPOSE)
    assert (
        "warning: of 2 people of known age 2 are in this audience with a probability, and 50 are needed" in done.output
    )
    assert predict(run, home, "--labelled", home / "none.csv", *PURPOSE).exit_code == 1


def test_people_of_the_training_are_predicted_and_do_not_count_in_the_share(
    run: Run, home: Path, tmp_path: Path
) -> None:
    alone = predict(run, home, *PURPOSE)
    assert "left out of the share" not in alone.output
    share = re.search("at or above the age of 21: .*", alone.output)
    assert share
    both = shutil.copytree(home / "audience", tmp_path / "both")
    for name in ("@user0000.csv", "user0001.json", "@user0002.csv"):
        shutil.copy(home / "users" / name, both / name.upper().replace("JSON", "json"))
    done = predict(run, home, "--labelled", home / "labels.csv", *PURPOSE, users=str(both))
    assert done.exit_code == 0, done.output
    assert share[0] in done.output
    assert "left out of the share: 3 people that the model was trained or tested with" in done.output
    assert "0 are in this audience with a probability, and 50 are needed" in done.output
    assert {"user0000", "user0001", "user0002"} < {row[0] for row in rows() if row[2]}
    with open("out/predictions_share.csv", encoding="utf-8-sig", newline="") as stream:
        assert [(row["accounts"], row["left_out"]) for row in csv.DictReader(stream)] == [("90", "3")] * 2
    done = predict(run, home, *PURPOSE, users="users")
    assert "not known, for all 90 accounts are of people that it was trained or tested with" in done.output


def test_predictions_beside_the_texts_are_no_user_of_the_next_ones(run: Run, home: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(home / "audience", tmp_path / "texts")
    where = ("--input-dir", folder, "--finetuned-model-path", home / "model", "--prediction-output-file")
    assert run("predict", *where, folder / "predictions.csv", *PURPOSE).exit_code == 0
    (folder / "older.csv").write_text("Username,Age is equal to or greater than 18\nann,1\n", encoding="utf-8")
    done = run("predict", *where, folder / "predictions.csv", *PURPOSE)
    assert done.exit_code == 0, done.output
    assert "90 users, 90 with a probability" in done.output
    assert "texts: 3 passed over (3 of predictions)" in done.output


def test_users_without_text_have_a_row_with_the_reason(run: Run, home: Path, tmp_path: Path) -> None:
    shutil.copytree(home / "audience", tmp_path / "users")
    (tmp_path / "users" / "silent.json").write_text(json.dumps(collected(None, "😀")), encoding="utf-8")
    (tmp_path / "users" / "broken.json").write_text("<html>", encoding="utf-8")
    (tmp_path / "users" / "other.csv").write_text("id,likes\n1,2\n", encoding="utf-8")
    (tmp_path / "users" / "notes.txt").write_text("words", encoding="utf-8")
    where = ("--input-dir", "users", "--finetuned-model-path", home / "model", "--prediction-output-file", "out.csv")
    done = run("predict", *where, *PURPOSE)
    assert done.exit_code == 0, done.output
    with open("out.csv", encoding="utf-8-sig", newline="") as stream:
        found = {row["Username"]: row for row in csv.DictReader(stream)}
    assert len(found) == 93
    assert "users: 1 passed over (1 .txt)" in done.output
    for name, reason in (
        ("silent", "none of its 2 posts has words"),
        ("broken", "broken.json: this is a web page (HTML)"),
        ("other", "there is no column `text`"),
    ):
        assert (found[name][HEADER[1]], found[name]["probability"], found[name]["n_posts"]) == ("", "", "0")
        assert (found[name]["abstained"], found[name]["status"]) == ("True", "skipped")
        assert reason in found[name]["reason"]
        assert f"{name}: " in done.output


@pytest.mark.parametrize("command", ["train", "predict"])
def test_without_a_purpose_nothing_happens_and_what_to_set_is_told(run: Run, home: Path, command: str) -> None:
    done = run(*TRAIN) if command == "train" else predict(run, home)
    assert done.exit_code == 1
    assert "INSTAGRAM_ASSETS_AGE__ENABLED=true" in done.output
    assert "--purpose" in done.output
    assert not Path("out").exists()


def test_the_environment_turns_it_on_as_well(run: Run, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INSTAGRAM_ASSETS_AGE__ENABLED", "true")
    monkeypatch.setenv("INSTAGRAM_ASSETS_AGE__PURPOSE", "a test")
    assert predict(run, home).exit_code == 0


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (
            ("--age-cutoff", "18"),
            "was trained with age_cutoff 21, and 18 is asked for (--age-cutoff, or INSTAGRAM_ASSETS",
        ),
        (("--max-seq-len", "18"), "was trained with max_seq_len 16, and 18 is asked for (--max-seq-len"),
        (("--device", "abacus"), "INSTAGRAM_ASSETS_AGE__DEVICE='abacus'"),
        (("--age-cutoff", "0"), "INSTAGRAM_ASSETS_AGE__AGE_CUTOFF=0"),
    ],
)
def test_options_that_do_not_go_with_the_model_are_refused(
    run: Run, home: Path, option: tuple[str, str], said: str
) -> None:
    done = predict(run, home, *option, *PURPOSE)
    assert done.exit_code == 1
    assert said in done.output
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("model", "users", "said"),
    [
        ("gone", "users", "gone: there is no such folder"),
        ("bert", "users", "so this is no age model"),
        ("labels.csv", "users", "is damaged, or no file of torch weights"),
        ("model", "gone", "gone: is no folder"),
        ("model", "model/empty", "there is no CSV or JSON file in it"),
    ],
)
def test_a_wrong_folder_or_file_is_told_and_nothing_is_written(
    run: Run, home: Path, model: str, users: str, said: str
) -> None:
    (home / "model" / "empty").mkdir(exist_ok=True)
    done = predict(run, home, "--model-name-or-path", home / "bert", *PURPOSE, model=model, users=users)
    assert done.exit_code == 1, done.output
    assert said in done.output
    assert not Path("out").exists()


def test_an_old_pth_predicts_like_the_model_that_it_was_saved_from(run: Run, home: Path) -> None:
    import torch
    from safetensors.torch import load_file

    weights = {f"bert.{name}": tensor for name, tensor in load_file(home / "model" / "model.safetensors").items()}
    head = load_file(home / "model" / "age_head.safetensors")
    weights |= {name.replace("hidden", "fc.0").replace("logit", "fc.2"): tensor for name, tensor in head.items()}
    torch.save(weights, home / "finetuned_model.pth")
    old = ("--model-name-or-path", home / "bert", "--max-seq-len", "16", *PURPOSE)
    done = predict(run, home, *old, model="finetuned_model.pth")
    assert done.exit_code == 0, done.output
    assert "was converted from a .pth, which brings no test users" in done.output
    [made] = Path("data/age/.converted").iterdir()
    before, first = os.stat(made / "model.safetensors").st_mtime_ns, rows()
    assert first[0][:5] == HEADER
    assert predict(run, home, *old, model="finetuned_model.pth").exit_code == 0
    assert os.stat(made / "model.safetensors").st_mtime_ns == before
    assert rows() == first
    (made / "age_head.safetensors").write_bytes(b"cut off")
    assert predict(run, home, *old, model="finetuned_model.pth").exit_code == 0
    assert rows() == first
    assert predict(run, home, *PURPOSE).exit_code == 0
    by_folder = {row[0]: float(row[2]) for row in rows()[1:]}
    order = sorted(by_folder, key=lambda name: by_folder[name])
    # One is calibrated and the other not, which changes no order.
    assert sorted(by_folder, key=lambda name: {row[0]: float(row[2]) for row in first[1:]}[name]) == order


@pytest.mark.parametrize(
    ("output", "said"), [("folder", "folder: is a folder. Name the file"), ("file/below.csv", "file is a file, so")]
)
def test_predictions_that_cannot_be_written_are_told_before_any_work(run: Run, output: str, said: str) -> None:
    Path("folder").mkdir()
    Path("file").touch()
    where = ("--input-dir", "gone", "--finetuned-model-path", "gone", "--prediction-output-file", output)
    done = run("predict", *where, *PURPOSE)
    assert done.exit_code == 1
    assert said in done.output


def test_the_setting_for_spreadsheets_holds_for_predictions_too(
    run: Run, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "few").mkdir()
    (tmp_path / "few" / "=cmd.json").write_text('["a text"]', encoding="utf-8")
    for safe, name in (("false", "=cmd"), ("true", "'=cmd")):
        monkeypatch.setenv("INSTAGRAM_ASSETS_EXPORT__SPREADSHEET_SAFE", safe)
        settings.cache_clear()
        assert predict(run, home, *PURPOSE, users=str(tmp_path / "few")).exit_code == 0
        assert rows()[1][0] == name
