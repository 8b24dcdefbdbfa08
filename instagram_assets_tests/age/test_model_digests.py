"""An age model's folder in which a file was changed, swapped, added or lost is refused, and the file is named."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors.torch import load_file, save_file

from instagram_assets.age import pipeline
from instagram_assets.age.artifacts import read_test
from instagram_assets.age.model_files import CONFIG, HEAD, TEST_USERS, find_age_model, load_age_model, save_age_model
from instagram_assets.age.user_texts import UserTexts
from instagram_assets.errors import ModelError
from instagram_assets.models.digests import CACHE_FILE, DIGESTS, cached_digests, sha256
from instagram_assets.settings import Settings, load_settings
from instagram_assets_tests.age.conftest import example_config
from instagram_assets_tests.age.judged_models import save_judged_model
from instagram_assets_tests.age.test_model_files import edit


@pytest.fixture(scope="module")
def saved_judged_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("judged")
    save_judged_model(home / "age", home)
    return home / "age"


@pytest.fixture
def judged(saved_judged_model: Path, tmp_path: Path) -> Path:
    """An age model with test users, to do with as one likes."""
    return shutil.copytree(saved_judged_model, tmp_path / "data" / "age" / "age")


def turned_on(folder: Path) -> Settings:
    return load_settings(data_dir=folder, age={"enabled": True, "purpose": "a test"})


def _another_head(folder: Path) -> None:
    head = load_file(folder / HEAD)
    head["logit.bias"] += 1
    save_file(head, folder / HEAD)


def _one_bit(folder: Path) -> None:
    weights = folder / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)


def _another_vocabulary(folder: Path) -> None:
    content = (folder / "tokenizer.json").read_text()
    (folder / "tokenizer.json").write_text(content.replace('"school"', '"sch__l"'))


def _another_cutoff(folder: Path) -> None:
    edit(folder / CONFIG, age_cutoff=18)


def _more_layers_dropped(folder: Path) -> None:
    edit(folder / "config.json", layer_norm_eps=1e-3)


def _a_file_more(folder: Path) -> None:
    (folder / "added_tokens.json").write_text("{}")


def _a_file_less(folder: Path) -> None:
    (folder / "tokenizer_config.json").unlink()


def _a_lost_entry(folder: Path) -> None:
    listed = json.loads((folder / DIGESTS).read_text())
    del listed["sha256"]["model.safetensors"]
    (folder / DIGESTS).write_text(json.dumps(listed))


def _torn_digests(folder: Path) -> None:
    (folder / DIGESTS).write_text('{"sha256": ["')


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_another_head, r"age_head\.safetensors: is not the file that this model was saved with"),
        (_one_bit, r"model\.safetensors: is not the file .* Copy the whole folder again from where it came, or train"),
        (_another_vocabulary, r"tokenizer\.json: is not the file"),
        (_another_cutoff, r"age_config\.json: is not the file"),
        (_more_layers_dropped, r"config\.json: is not the file"),
        (
            _a_file_more,
            r"added_tokens\.json: is not listed in digests\.json: it came later, .* Copy the whole folder",
        ),
        (_a_lost_entry, r"model\.safetensors: is not listed in digests\.json.* Copy the whole folder again (?!.*away)"),
        (_a_file_less, r"tokenizer_config\.json: is missing, and was there when this model was saved"),
        (_torn_digests, r"digests\.json: damaged or not ours .* train the model again"),
    ],
)
@pytest.mark.bad_input("damaged model")
def test_a_file_that_is_not_the_saved_one_is_refused_and_named(
    spoil: Callable[[Path], None], message: str, age_model: Path, tmp_path: Path
) -> None:
    spoil(age_model)
    with pytest.raises(ModelError, match=message):
        find_age_model(age_model, tmp_path / "cache")


@pytest.mark.parametrize("entry", [None, 7, "text", [], [None], {}], ids=str)
@pytest.mark.bad_input("damaged model")
def test_a_damaged_entry_of_the_cached_hashes_is_computed_anew(entry: Any, tmp_path: Path) -> None:
    file, cache = tmp_path / "weights", tmp_path / CACHE_FILE
    file.write_bytes(b"weights")
    cache.write_text(json.dumps({str(file.resolve()): entry}))
    assert dict(cached_digests([file], tmp_path)) == {"weights": sha256(file)}


def test_every_file_that_decides_a_probability_or_a_share_has_a_digest(judged: Path) -> None:
    listed = json.loads((judged / DIGESTS).read_text())["sha256"]
    told = {path.name for path in judged.iterdir() if path.suffix != ".png"} - {"README.md", "metrics.json", DIGESTS}
    assert listed.keys() == told
    assert {HEAD, CONFIG, TEST_USERS, "model.safetensors", "tokenizer.json", "config.json"} <= told
    find_age_model(judged, judged.parent)


def test_a_file_that_changes_between_finding_and_loading_is_refused(age_model: Path, tmp_path: Path) -> None:
    source = find_age_model(age_model, tmp_path / "cache")
    _another_head(age_model)
    with pytest.raises(ModelError, match=r"age_head\.safetensors: is not the file"):
        load_age_model(source, "cpu", "fp32")


def test_a_model_that_is_saved_over_another_has_its_own_digests(age_model: Path, tmp_path: Path) -> None:
    loaded = load_age_model(find_age_model(age_model, tmp_path / "cache"), "cpu", "fp32")
    loaded.model.head.logit.bias.data.add_(1)
    save_age_model(age_model, loaded.model, loaded.tokenizer, example_config(), "# New\n")
    again = load_age_model(find_age_model(age_model, tmp_path / "cache"), "cpu", "fp32")
    assert again.model.head.logit.bias.item() == loaded.model.head.logit.bias.item()


def test_a_model_of_an_earlier_version_is_used_and_it_is_said_once_that_it_cannot_be_checked(judged: Path) -> None:
    users = [UserTexts(name, ["school exam"]) for name in ("ann", "bob")]
    settings = turned_on(judged.parents[1])
    before = pipeline.predict_users(users, settings)
    assert "digests.json" not in " ".join(before.warnings)
    (judged / DIGESTS).unlink()
    found = pipeline.predict_users(users, settings)
    assert found.table == before.table
    [told] = [warning for warning in found.warnings if "digests.json" in warning]
    assert "whether another file there was changed cannot be seen. Train it again" in told


def test_test_people_that_were_swapped_tell_no_share(judged: Path) -> None:
    test = read_test(judged)
    others = pa.array([1 - label for label in test["label"].to_pylist()], pa.int8())
    pq.write_table(test.set_column(0, test.schema.field(0), others), judged / TEST_USERS)
    found = pipeline.predict_users([UserTexts("ann", ["school exam"])], turned_on(judged.parents[1]))
    assert (found.table["probability"].null_count, found.share.share) == (0, None)
    assert f"{TEST_USERS}: is not the file that the model was saved with; without it" in found.share.note
