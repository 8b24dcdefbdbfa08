"""The page on the age model: as good as its folder says, nothing of one that is off, and nothing of single accounts."""

import json
import re
import shutil
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from instagram_assets.age.artifacts import read_facts, read_test
from instagram_assets.age.known_people import PEOPLE, known_people
from instagram_assets.age.prevalence import prevalence
from instagram_assets.schemas import AGE_PREDICTIONS
from instagram_assets.settings import load_settings
from instagram_assets.storage.lake import lake_root
from instagram_assets.storage.lake_writer import write_cells
from instagram_assets.web.age_facts import markdown_html, read_age_facts
from instagram_assets_tests.age.judged_models import save_judged_model
from instagram_assets_tests.web.clients import app_of, client_of

ON = {"enabled": True, "purpose": "Share of adult readers"}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("trained") / "data"
    save_judged_model(data / "age" / "age", tmp_path_factory.mktemp("work"))
    return data


@pytest.fixture
def data(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "data"))


def page_of(data: Path, language: str = "en", **age: Any) -> str:
    client = client_of(app_of(data, age=age or ON))
    answer = client.get("/age", headers={"accept-language": language})
    assert answer.status_code == 200, answer.text
    return answer.text


def said_by(page: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", page.partition("<main")[2])).split())


def asked(data: Path, **age: Any) -> dict[str, Any]:
    answer = client_of(app_of(data, age=age or ON)).get("/api/age")
    assert answer.status_code == 200, answer.text
    return answer.json()


def predicted(data: Path, chances: list[float | None], model: str = "", first: int = 0) -> None:
    """What the model, or another one, said of as many accounts."""
    model = model or read_age_facts(load_settings(data_dir=data, age=ON)).model
    for number, chance in enumerate(chances, first):
        name = f"secret_account_{number}"
        row: dict[str, object] = {
            "account": name,
            "probability": chance,
            "compared_posts": None if chance is None else 1,
            "compared_probability": chance,
            "abstained": chance is None or max(chance, 1 - chance) < 0.7,
            "age_cutoff": 21,
            "model": model,
            "status": "skipped" if chance is None else "ok",
        }
        lake = lake_root(load_settings(data_dir=data))
        write_cells(lake, "age_predictions", [name], None, AGE_PREDICTIONS.table([row]))


@pytest.mark.parametrize("language", ["en", "ko"])
def test_it_says_what_the_folder_keeps_beside_the_answer_without_a_model(data: Path, language: str) -> None:
    kept = json.loads((data / "age" / "age" / "metrics.json").read_bytes())["test"]
    page = page_of(data, language)
    said = said_by(page)
    for name in ("model", "tfidf", "majority"):
        right = kept[name]["accuracy"]
        between = {"en": " to ", "ko": " ~ "}[language]
        assert f"{right['share']:.1%} {right['low']:.1%}{between}{right['high']:.1%}" in said
        assert f"{kept[name]['brier']:.3f}" in said
    for line in kept["model"]["confusion"]:
        assert " ".join(map(str, line)) in said
    assert page.count("<circle", page.index('class="reliability"')) == len(kept["model"]["bins"])
    for found in kept["model"]["bins"]:
        assert f"{found['predicted']:.1%} {found['observed']['share']:.1%}" in said
    coverage = kept["model"]["abstention"]["coverage"]["share"]
    assert f"{coverage:.1%}" in said
    assert {"en": "Not for decisions about a person", "ko": "한 사람에 대한 결정에 쓰지 마세요"}[language] in said
    assert asked(data)["evaluations"] == kept


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "like bumc_instascraping (--like-source); class_weights true instead of false"),
        ("ko", "bumc_instascraping 방식(--like-source); class_weights true (기준값 false)"),
    ],
)
def test_it_says_by_which_preset_the_model_was_trained(data: Path, language: str, said: str) -> None:
    assert asked(data)["training"] == {"name": "own", "changed": [{"name": "max_seq_len", "value": 12, "preset": 18}]}
    path = data / "age" / "age" / "metrics.json"
    options = {"like_source": True, "class_weights": True, "learn_rate": 5e-6}
    path.write_text(json.dumps(json.loads(path.read_bytes()) | {"options": options}))
    changed = {"name": "class_weights", "value": True, "preset": False}
    assert asked(data)["training"] == {"name": "source", "changed": [changed]}
    assert said in said_by(page_of(data, language))


def test_points_of_the_diagram_stand_where_the_shares_are(data: Path) -> None:
    page = page_of(data)
    bins = asked(data)["evaluations"]["model"]["bins"]
    box = re.search(r'<rect x="(\d+)" y="(\d+)" width="(\d+)" height="(\d+)"', page)
    assert box
    left, top, width, height = map(int, box.groups())
    points = [(float(x), float(y)) for x, y in re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)" r="[\d.]+" fill', page)]
    shown = [((x - left) / width, 1 - (y - top) / height) for x, y in points[-len(bins) :]]
    expected = [(found["predicted"], found["observed"]["share"]) for found in bins]
    assert [value for pair in shown for value in pair] == pytest.approx(
        [value for pair in expected for value in pair], abs=0.001
    )


@pytest.mark.parametrize("age", [{"enabled": False, "purpose": "x"}, {"enabled": True, "purpose": " "}])
def test_of_a_model_that_is_off_nothing_is_shown_but_how_to_turn_it_on(data: Path, age: dict[str, Any]) -> None:
    predicted(data, [0.9] * 12)
    page = page_of(data, **age)
    assert "INSTAGRAM_ASSETS_AGE__ENABLED=true" in page
    assert "INSTAGRAM_ASSETS_AGE__PURPOSE" in page
    assert "bert@0123" not in page
    assert "<svg class" not in page
    told = asked(data, **age)
    assert told.pop("warning")
    assert {name: value for name, value in told.items() if value} == {"state": "off"}


def test_it_is_off_by_default(data: Path) -> None:
    assert client_of(app_of(data)).get("/api/age").json()["state"] == "off"


def test_where_none_is_trained_it_says_how(tmp_path: Path) -> None:
    assert "instagram-assets train" in page_of(tmp_path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("metrics.json", b"{"),
        ("metrics.json", b'{"test": {}, "data": {}}'),
        ("metrics.json", b'{"test": {"model": {"n": "many"}}, "data": {}}'),
        ("metrics.json", None),
        ("age_config.json", b"[]"),
        ("age_config.json", None),
        ("age_head.safetensors", b"cut off"),
        ("README.md", b"\xff\xfe\x00"),
    ],
)
def test_a_damaged_or_foreign_model_is_named_with_what_helps(data: Path, name: str, content: bytes | None) -> None:
    path = data / "age" / "age" / name
    path.unlink() if content is None else path.write_bytes(content)
    said = said_by(page_of(data))
    assert "The age model cannot be used." in said
    assert name.partition(".")[0] in said
    assert re.search(r"Train|[Ff]etch|Name", said)
    assert asked(data)["state"] == "problem"


def test_a_model_of_an_older_file_has_no_measures_and_says_so(data: Path) -> None:
    path = data / "age" / "age" / "age_config.json"
    path.write_text(json.dumps(json.loads(path.read_bytes()) | {"metrics": {}}))
    path.with_name("digests.json").unlink()
    assert "Nobody knows how good it is." in said_by(page_of(data))


def test_accounts_are_told_together_with_the_share_that_errors_are_taken_out_of(data: Path) -> None:
    chances = [0.8] * 28 + [0.2] * 24 + [0.55] * 8
    predicted(data, [*chances, None])
    predicted(data, [0.99], "another@1", first=90)
    test = read_test(data / "age" / "age")
    expected = prevalence(chances, test["label"], [score for [score] in test["scores"].to_pylist()])
    told = asked(data)["audience"]
    assert (told["accounts"], told["labelled"], told["abstained"], told["by_others"]) == (61, 52, 9, 1)
    assert expected.share
    assert 0 < expected.low < expected.share < expected.high < 1
    assert (told["share"], told["low"], told["high"]) == pytest.approx((expected.share, expected.low, expected.high))
    page = page_of(data)
    assert f"{expected.share:.1%} of the people behind them are 21 or older" in said_by(page)
    assert "secret_account" not in page


def test_of_few_accounts_no_share_and_no_count_of_labels_is_told(data: Path) -> None:
    predicted(data, [0.9] * 9)
    told = asked(data)["audience"]
    assert told["too_few"]
    assert (told["share"], told["labelled"], told["abstained"]) == (None, 0, 0)
    assert "It was asked about 9 accounts." in said_by(page_of(data))


def test_people_of_the_training_are_no_part_of_the_share_and_are_counted(data: Path) -> None:
    predicted(data, [*[0.8] * 28, *[0.2] * 24])
    before = asked(data)["audience"]
    assert before["left_out"] == 0
    assert before["warnings"][-1].startswith("whom the model was trained with is not known")
    facts = read_facts(data / "age" / "age")
    assert facts
    people = known_people([f"secret_account_{number}" for number in range(18)], facts.fingerprint)
    (data / "age" / "age" / PEOPLE).write_bytes(people.content)
    told = asked(data)["audience"]
    assert (told["accounts"], told["labelled"], told["left_out"]) == (52, 52, 18)
    assert not [warning for warning in told["warnings"] if "trained with is not known" in warning]
    assert told["share"] < before["share"]
    assert "Of these, 18 do not count in the share" in said_by(page_of(data))
    people = known_people([f"secret_account_{number}" for number in range(48)], facts.fingerprint)
    (data / "age" / "age" / PEOPLE).write_bytes(people.content)
    told = asked(data)["audience"]
    assert (told["too_few"], told["share"], told["labelled"], told["left_out"]) == (True, None, 0, 48)


def test_a_damaged_table_of_predictions_leaves_the_rest_of_the_page(data: Path) -> None:
    predicted(data, [0.9] * 12)
    next((data / "lake" / "age_predictions").rglob("*.parquet")).write_bytes(b"PAR1")
    said = said_by(page_of(data))
    assert "What was predicted cannot be read." in said
    assert "On 200 people" in said


def test_the_card_is_shown_as_text_whatever_its_purpose_holds(data: Path) -> None:
    page = page_of(data)
    assert "<script src=http" not in page.replace('"', "")
    assert "&lt;script" in page
    assert "<b>adult" not in page
    assert "x.png" in page
    assert 'src="http' not in page
    assert "calibration.png" not in page


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("# One", "<h3>One</h3>\n"),
        ("##### Five", "<h6>Five</h6>\n"),
        ("- a\n- b", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>\n"),
        ("[a](javascript:alert(1))", "<p>[a](javascript:alert(1))</p>\n"),
        ("<http://x.invalid>", "<p>&lt;http://x.invalid&gt;</p>\n"),
        ("a <img src=x onerror=alert(1)>", "<p>a &lt;img src=x onerror=alert(1)&gt;</p>\n"),
        ("<script>\nalert(1)\n</script>", "<p>&lt;script&gt;\nalert(1)\n&lt;/script&gt;</p>\n"),
        ("```\n<b>\n```", "<pre><code>&lt;b&gt;\n</code></pre>\n"),
        ("![a](b.png)", ""),
    ],
)
def test_markdown_is_headings_lists_tables_and_code_and_nothing_that_leads_out(text: str, shown: str) -> None:
    assert str(markdown_html(text, 2, "table")) == shown


def test_tables_can_be_scrolled_and_have_no_styles_of_their_own() -> None:
    made = str(markdown_html("| a | b |\n|:-:|--:|\n| <i> | `c` |", 2, 'of "x"'))
    assert "style=" not in made
    assert '<div class="scroll" tabindex="0" role="region" aria-label="of &#34;x&#34;"><table>' in made
    assert '<td class="whole">&lt;i&gt;</td>' in made
