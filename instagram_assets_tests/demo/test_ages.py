"""The demo's invented people are the same every time, of both sides of the cut-off, and hard to tell apart."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from instagram_assets.age.labels import join_labels_and_texts, read_labels
from instagram_assets.age.user_texts import texts_of_folder
from instagram_assets.demo.age_people import CUTOFF, LABELS, PEOPLE, TEXTS, AgePerson, age_people, write_age_people

THIS_YEAR = 2026


@pytest.fixture(scope="module")
def persons() -> list[AgePerson]:
    return age_people()


@pytest.fixture(scope="module")
def folder(persons: list[AgePerson], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("people")
    write_age_people(folder, persons, THIS_YEAR)
    return folder


def test_the_same_seed_gives_the_same_people_and_another_seed_others(persons: list[AgePerson]) -> None:
    assert age_people() == persons
    assert not {post for person in age_people(1, 50) for post in person.posts} >= set(persons[0].posts)


def test_about_a_third_is_under_the_cutoff_and_some_post_once_and_some_hundreds_of_times(
    persons: list[AgePerson],
) -> None:
    young = sum(person.age < CUTOFF for person in persons)
    assert 0.3 < young / len(persons) < 0.4
    counts = [len(person.posts) for person in persons]
    assert sum(count == 1 for count in counts) > PEOPLE * 0.04
    assert max(counts) >= 400


def test_all_people_are_invented_by_name(persons: list[AgePerson]) -> None:
    assert len({person.name for person in persons}) == PEOPLE
    assert all(person.name.startswith("demo.age.") for person in persons)


def test_the_reader_of_labels_takes_everybody_and_refuses_each_bad_row(folder: Path, persons: list[AgePerson]) -> None:
    labels = read_labels(folder / LABELS, CUTOFF, THIS_YEAR)
    ages = dict(zip(*(labels.table[name].to_pylist() for name in ("username", "age")), strict=True))
    assert all(ages[person.name] == person.age for person in persons)
    refused = labels.refused["username"].to_pylist()
    assert refused == [f"demo.age.{number}" for number in (9001, 9002, 9003, 9004, 9005, 9005)]


def test_the_reader_of_texts_finds_every_post_that_has_words(folder: Path, persons: list[AgePerson]) -> None:
    names = [person.name for person in persons]
    table = texts_of_folder(folder / TEXTS, names)
    found = dict(zip(table["username"].to_pylist(), table["texts"].to_pylist(), strict=True))
    for person in persons:
        assert set(found[person.name]) == {post for post in person.posts if any(map(str.isalnum, post))}


def test_whoever_writes_nothing_is_left_out_with_the_reason(folder: Path) -> None:
    labels = read_labels(folder / LABELS, CUTOFF, THIS_YEAR)
    usable = join_labels_and_texts(labels.table, texts_of_folder(folder / TEXTS, labels.table["username"].to_pylist()))
    left_out = dict(zip(*(usable.left_out[name].to_pylist() for name in ("username", "reason")), strict=True))
    assert left_out.keys() >= {"demo.age.9006", "demo.age.9007"}


def test_nobody_grows_older_with_the_years(folder: Path, persons: list[AgePerson], tmp_path: Path) -> None:
    write_age_people(tmp_path, persons[:40], THIS_YEAR + 9)
    later = read_labels(tmp_path / LABELS, CUTOFF, THIS_YEAR + 9).table
    ages = dict(zip(later["username"].to_pylist(), later["age"].to_pylist(), strict=True))
    assert [ages[person.name] for person in persons[:40]] == [person.age for person in persons[:40]]


def test_writing_again_touches_nothing_that_is_right_and_mends_what_is_torn(
    persons: list[AgePerson], tmp_path: Path
) -> None:
    write_age_people(tmp_path, persons[:20], THIS_YEAR)
    files = sorted((tmp_path / TEXTS).iterdir())
    torn, whole = files[3], files[4]
    content = torn.read_bytes()
    torn.write_bytes(content[:10])
    before = whole.stat().st_mtime_ns
    write_age_people(tmp_path, persons[:20], THIS_YEAR)
    assert torn.read_bytes() == content
    assert whole.stat().st_mtime_ns == before


def test_files_come_in_every_form_that_is_accepted(folder: Path) -> None:
    names = [path.name for path in (folder / TEXTS).iterdir()]
    for start in ("@", "d"):
        for end in (".csv", ".json"):
            assert any(name.startswith(start) and name.endswith(end) for name in names), (start, end)
    timeline = json.loads(next((folder / TEXTS).glob("*.json")).read_text("utf-8"))
    assert timeline.keys() == {"edge_owner_to_timeline_media"}
    rows = list(csv.DictReader((folder / LABELS).read_text("utf-8").splitlines()))
    assert any(row["username"].startswith("@") for row in rows)
    assert {bool(row["birth_year"]) for row in rows} == {True, False}


def test_words_tell_the_age_far_better_than_chance_and_far_from_always(persons: list[AgePerson]) -> None:
    right, larger = _accuracy(persons)
    assert larger + 0.1 < right < 0.96


def test_with_one_post_an_age_is_harder_to_guess_than_with_many(persons: list[AgePerson]) -> None:
    few = [person for person in age_people(3, 3000) if len(person.posts) == 1]
    many = [person for person in age_people(4, 1000) if len(person.posts) > 10]
    assert _accuracy(persons, few)[0] + 0.05 < _accuracy(persons, many)[0]


def _accuracy(persons: Sequence[AgePerson], asked: Sequence[AgePerson] = ()) -> tuple[float, float]:
    """How often a classical model is right for people that it has not seen, and the share of the larger class."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    taught, asked = (persons, asked) if asked else (persons[: PEOPLE * 3 // 4], persons[PEOPLE * 3 // 4 :])
    words = TfidfVectorizer(sublinear_tf=True, min_df=2)
    known = words.fit_transform(["\n".join(person.posts) for person in taught])
    older = np.array([person.age >= CUTOFF for person in taught])
    model = LogisticRegression(C=10, max_iter=1000).fit(known, older)
    said = model.predict(words.transform(["\n".join(person.posts) for person in asked]))
    truth = np.array([person.age >= CUTOFF for person in asked])
    return float((said == truth).mean()), float(max(truth.mean(), 1 - truth.mean()))
