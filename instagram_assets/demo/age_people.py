"""Synthetic users for the demo of the age model: their posts, and the files with their age labels and post texts."""

import csv
import io
import json
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from instagram_assets.demo.age_texts import POST_THEMES, PostLanguage, emoji_post, sample_post
from instagram_assets.demo.sample_catalogue import SEED

Weighted = TypeVar("Weighted")

PEOPLE = 1000
LABELS, TEXTS = "labels.csv", "texts"
CUTOFF = 21
_YOUNG_SHARE = 0.35
_OWN, _STRAY = 0.6, 0.08  # shares of the posts: about one's own theme, about any other; the rest is everyday
_WORDLESS = 0.2  # of the people have a post with only emojis
_BUSY = 400  # posts of one person, so that every demo has a long account
_POSTS = {(1, 1): 8, (2, 4): 22, (5, 10): 45, (11, 20): 20, (21, 40): 5}  # number of posts → percentage of people
_LIVES: Mapping[str, Mapping[str, float]] = {
    "pupil": {"school": 5, "exams": 3, "fandom": 3},
    "freshman": {"freshman": 4, "exams": 3, "fandom": 2, "school": 0.5, "office": 0.5},
    "senior": {"graduate": 4, "exams": 3, "fandom": 1, "freshman": 1, "office": 1},
    "worker": {"office": 6, "household": 3, "graduate": 1, "children": 1},
    "parent": {"children": 5, "papercraft": 2, "household": 2, "office": 2},
}
# Maximum age → percentages of life situations of people up to that age.
_AT_AGE: Mapping[int, Mapping[str, float]] = {
    18: {"pupil": 92, "freshman": 8},
    20: {"pupil": 20, "freshman": 65, "senior": 8, "worker": 7},
    24: {"freshman": 14, "senior": 50, "worker": 28, "parent": 8},
    49: {"senior": 4, "worker": 45, "parent": 51},
}
_LANGUAGES: Mapping[tuple[PostLanguage, ...], float] = {("ko",): 50, ("en",): 30, ("ko", "en"): 20}
# Unusable rows: no age, two ages for one person, and people without posts or with only emojis.
_USELESS_ROWS = (
    ("demo.age.9001", "twenty", ""),
    ("demo.age.9002", -1, ""),
    ("demo.age.9003", "", 1790),
    ("demo.age.9004", "", ""),
    ("demo.age.9005", 20, ""),
    ("demo.age.9005", 40, ""),
    ("demo.age.9006", 30, ""),
    ("demo.age.9007", 17, ""),
)
_WORDLESS_PERSON = "demo.age.9007"


@dataclass(frozen=True)
class AgePerson:
    """A synthetic user: account name, age in years, and post texts in order of creation."""

    name: str
    age: int
    posts: tuple[str, ...]


def age_people(seed: int | str = SEED, count: int = PEOPLE) -> list[AgePerson]:
    """Return synthetic people of 13 to 49 years, about a third of them under 21; the result depends on the seed.

    A person's life situation is only weakly correlated with age, and most posts are about general themes. So even an
    optimal classifier is often wrong for people with few posts, and for students of about 21.
    """
    rng = random.Random(f"{seed} ages")
    return [_person(f"demo.age.{number:04d}", rng, busy=number == count) for number in range(1, count + 1)]


def write_age_people(folder: Path, persons: Sequence[AgePerson], this_year: int) -> None:
    """Write the age labels to the file `LABELS`, and each person's posts to a CSV or JSON file in the folder `TEXTS`.

    Idempotent: files with the right content are not rewritten.

    Some ages are given as years of birth, counted back from `this_year`, so that the ages are always the same.
    """
    (folder / TEXTS).mkdir(parents=True, exist_ok=True)
    _write(folder / LABELS, _labels(persons, this_year))
    for number, person in enumerate(persons):
        name = f"@{person.name}" if number % 5 == 0 else person.name
        if number % 7 == 0:
            _write(folder / TEXTS / f"{name}.json", _timeline(person.posts))
        else:
            _write(folder / TEXTS / f"{name}.csv", _csv(["text"], ([sample_post] for sample_post in person.posts)))
    _write(folder / TEXTS / f"{_WORDLESS_PERSON}.csv", _csv(["text"], [["🌙🌙"], ["✨"]]))


def _person(name: str, rng: random.Random, *, busy: bool) -> AgePerson:
    age = rng.randint(13, CUTOFF - 1) if rng.random() < _YOUNG_SHARE else rng.randint(CUTOFF, 49)
    life = _LIVES[_pick(next(lives for oldest, lives in _AT_AGE.items() if age <= oldest), rng)]
    languages = _pick(_LANGUAGES, rng)
    count = _BUSY if busy else rng.randint(*_pick(_POSTS, rng))
    posts = [sample_post(_theme(life, rng), rng.choice(languages), rng) for _ in range(count)]
    if rng.random() < _WORDLESS:
        posts.insert(rng.randrange(len(posts)), emoji_post(rng))
    return AgePerson(name, age, tuple(posts))


def _theme(life: Mapping[str, float], rng: random.Random) -> str:
    chance = rng.random()
    if chance < _OWN:
        return _pick(life, rng)
    return rng.choice(POST_THEMES) if chance < _OWN + _STRAY else "everyday"


def _pick(weights: Mapping[Weighted, float], rng: random.Random) -> Weighted:
    return rng.choices(list(weights), list(weights.values()))[0]


def _labels(persons: Sequence[AgePerson], this_year: int) -> bytes:
    """Return the CSV with age labels; a few rows are invalid and have to be rejected, a few look odd but are valid."""
    rows = []
    for number, person in enumerate(persons):
        name = f"@{person.name}" if number % 3 == 0 else person.name.upper() if number % 50 == 1 else person.name
        born = number % 4 == 0
        rows.append([name, "" if born else person.age, this_year - person.age if born else ""])
    return _csv(["username", "age", "birth_year"], [*rows, rows[0], *_USELESS_ROWS])


def _timeline(posts: Sequence[str]) -> bytes:
    """Return one person's posts as JSON in the format of an older scraper."""
    edges = [{"node": {"edge_media_to_caption": {"edges": [{"node": {"text": text}}]}}} for text in posts]
    timeline = {"edge_owner_to_timeline_media": {"count": len(posts), "edges": edges}}
    return json.dumps(timeline, ensure_ascii=False).encode()


def _csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([header, *rows])
    return text.getvalue().encode()


def _write(path: Path, content: bytes) -> None:
    """Write a file unless it already has this content.

    Not atomic: a partial write is repaired by the next call.
    """
    if not path.is_file() or path.read_bytes() != content:
        path.write_bytes(content)
