"""The proof tells of all that was done, also by a try that was stopped, and names what was left as it is."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from instagram_assets.errors import ForgetError
from instagram_assets.forget import erasure
from instagram_assets.forget.ambiguous_names import require_removable
from instagram_assets.forget.erasure_steps import Step, StepResult
from instagram_assets.forget.not_erased import list_not_erased
from instagram_assets.forget.verification import is_named_after
from instagram_assets.privacy.forgotten_identifiers import Forgotten, Identifiers
from instagram_assets.settings import Settings, settings


class _StoppedError(Exception):
    """What ends a try in the middle."""


def proofs() -> list[dict[str, Any]]:
    folder = settings().folder("privacy") / "proofs"
    files = sorted(folder.iterdir(), key=os.path.getmtime) if folder.is_dir() else []
    return [json.loads(path.read_bytes()) for path in files]


def part_that(stops: bool) -> erasure.StepPlanner:
    """Two files that go in the first try, which may be stopped after them, and one that is rewritten."""

    def stop() -> int:
        raise _StoppedError

    def steps(settings: Settings, forgotten: Forgotten) -> Iterator[Step]:
        if stops:
            yield Step("lake", "lake/a", "remove", 3, lambda: 0)
            yield Step("features", "lake/b", "rewrite", 0, lambda: StepResult(1, ["ab" * 32], 4, 100))
            yield Step("inbox", "inbox/c", "remove", 1, stop)
            return
        yield Step("inbox", "inbox/c", "remove", 1, lambda: 0)

    return steps


def test_a_repeat_tells_also_what_the_try_before_it_did(data_dir: Path) -> None:
    subject = erasure.find_subject(settings(), "@sun_diary")
    with pytest.raises(_StoppedError):
        erasure.erase(settings(), subject, [part_that(stops=True)])
    assert proofs() == []
    kept = list((settings().folder("privacy") / "forgetting").iterdir())
    assert {path.stat().st_mode & 0o777 for path in kept} == {0o600}
    (torn,) = (path for path in kept if path.suffix == ".jsonl")
    with torn.open("ab") as stream:
        stream.write(b'{"place": "la')
    report = erasure.erase(settings(), subject, [part_that(stops=False)])
    (proof,) = proofs()
    places = {place: (told["files_removed"], told["rows"]) for place, told in proof["places"].items()}
    assert places == {"lake": (1, 3), "features": (1, 4), "inbox": (1, 1)}
    assert proof["rewritten"] == [{"place": "features", "sha256": "ab" * 32}]
    assert report.removed.total() == 3
    assert not list((settings().folder("privacy") / "forgetting").iterdir())
    erasure.erase(settings(), subject, [part_that(stops=False)])
    assert [list(each["places"]) for each in proofs()][1:] == [["inbox"]]


def test_links_out_of_the_data_folder_are_named_and_not_looked_into(data_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "about.txt").write_text("@sun_diary")
    (data_dir / "notes").mkdir()
    (data_dir / "notes" / "mine").symlink_to(tmp_path / "elsewhere")
    (data_dir / "notes" / "inside").symlink_to(data_dir / "notes")
    (tmp_path / "datasets").mkdir()
    (data_dir / "datasets").symlink_to(tmp_path / "datasets")
    report = erasure.erase(settings(), erasure.find_subject(settings(), "@sun_diary"), [])
    (left,) = report.not_erased
    assert left.what == "what 1 link out of the data folder leads to"
    assert f"notes/mine → {tmp_path / 'elsewhere'}" in left.remedy
    assert proofs()[0]["not_touched"] == [left.what]


@pytest.mark.parametrize(
    ("name", "file", "is_told"),
    [
        ("sun_diary", "cafe_sun_diary.json", True),
        ("sun_diary", "posts_sun_diary_cafe.json", True),
        ("sun_diary", "xsun_diary.json", False),
        ("sun_diary", "moon_diary.json", False),
        ("sun", "cafe_sun_diary.json", False),
    ],
)
def test_a_name_that_is_joined_to_another_in_a_file_s_name_stays_and_is_told(
    data_dir: Path, name: str, file: str, is_told: bool
) -> None:
    folder = data_dir / "inbox" / "done"
    folder.mkdir(parents=True)
    (folder / file).write_text("[]")
    left = list_not_erased(settings(), Identifiers(accounts={name: "forgotten_1a2b3c4d5e6f7890"}))
    assert [each.what.startswith("the name of 1 file") for each in left] == [True] * is_told
    assert all(f"inbox/done/{file}" in each.remedy and name not in each.what for each in left)


@pytest.mark.parametrize(
    ("path", "name", "found"),
    [
        *(("lake/raw_posts/love", "love", True), ("lake/posts/posts", "posts", True), ("lake/posts", "posts", False)),
        *(("inbox/done/love.json.xz", "love", True), ("inbox/done/posts.json", "posts", False)),
        *(
            ("inbox/my love.json", "love", False),
            ("datasets/love.csv", "love", True),
            ("notes/love.txt", "love", False),
        ),
        *(("lake/search_images/love", "love", False), ("datasets/search/love", "love", False)),
        *(("datasets/search/cats/love.jpg", "love", False), ("reports/search/love", "love", False)),
        *(("inbox/@love.json", "love", True), ("inbox/%40love", "love", True), ("inbox/glove.json", "love", False)),
    ],
)
def test_a_file_or_folder_is_called_by_an_ordinary_word_where_that_is_an_account(
    path: str, name: str, found: bool
) -> None:
    assert is_named_after(Path("/data", path), {name}, Path("/data")) == found


def test_only_links_to_what_may_hold_something_are_told(data_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "empty" / "inner").mkdir(parents=True)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a.csv").write_text("a")
    (tmp_path / "nothing.csv").touch()
    (data_dir / "reports").mkdir(parents=True)
    for name in ("empty", "full", "nothing.csv", "gone", "full/a.csv"):
        (data_dir / "reports" / name.replace("/", "-")).symlink_to(tmp_path / name)
    (told,) = list_not_erased(settings(), Identifiers({"sun_diary": "forgotten_1"}))
    assert told.what == "what 2 links out of the data folder lead to"
    assert "reports/full → " in told.remedy
    assert "reports/full-a.csv → " in told.remedy


@pytest.mark.parametrize(
    ("name", "why"),
    [("100", "100 is a number"), ("ab", "ab is too short"), ("posts", "posts is a word of this program")],
)
def test_the_one_reason_is_told_why_a_name_is_never_a_bare_word(name: str, why: str) -> None:
    with pytest.raises(
        ForgetError, match=rf"\A{why}[a-z ]*: never taken out as a bare word\. Leave --bare out: it goes"
    ):
        require_removable(Identifiers({name: "forgotten_1"}))
