"""The inbox forgets one of two accounts: what is left is what never had it, whatever it was killed at."""

import itertools
import json
import os
import shutil
import zipfile
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from upath import UPath

from instagram_assets.errors import BusyFileError
from instagram_assets.forget.inbox_files import inbox_steps
from instagram_assets.ingest import landing
from instagram_assets.ingest.inbox import land_files
from instagram_assets.privacy.tombstones import add_tombstones
from instagram_assets.settings import Settings, load_settings
from instagram_assets_tests.faults.harness import Fault, Kind, Worker, choose
from instagram_assets_tests.ingest.records import post, write
from instagram_assets_tests.ingest.redact.accounts import FORGOTTEN, PSEUDONYM, RAW, mentioning, moon_post
from instagram_assets_tests.ingest.redact.test_file_redaction import FORMS

MTIME = 1_756_000_000_123_456_789


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    found = load_settings(data_dir=tmp_path, start_day=date(2015, 1, 1))
    (tmp_path / "inbox").mkdir()
    put(found, "both.json", FORMS["array"]([moon_post(), post(), mentioning("sun_diary")]))
    put(found, "posts_sun_diary.jsonl", FORMS["lines"]([post(), moon_post(likesCount=1)]))
    put(found, "posts_sun_diary.jsonl.observed_at", b"2026-11-02T09:00:00+09:00")
    put(found, "alone.csv", FORMS["CSV"]([post()]))
    put(found, "others.csv", FORMS["CSV"]([moon_post(likesCount=3)]))
    put(found, "bad_sun_diary.json", b'{"sun_diary": "\x00')
    put(found, "half.zip", b"PK\x03\x04 of sun_diary")
    with zipfile.ZipFile(tmp_path / "inbox" / "some.zip", "w") as packed:
        packed.writestr("a/1.json", json.dumps([post(likesCount=5), moon_post(likesCount=5)]))
    land_files([], UPath(tmp_path / "lake"), found)
    put(found, "waiting.json", FORMS["array"]([post(likesCount=9), moon_post(likesCount=9)]))
    folder = tmp_path / "inbox" / "of sun_diary"
    folder.mkdir()
    (folder / "posts.json").write_bytes(FORMS["array"]([post(likesCount=8), moon_post(likesCount=8)]))
    return found


def put(settings: Settings, name: str, content: bytes) -> None:
    path = write(settings.folder("inbox"), content, name)
    os.utime(path, ns=(MTIME, MTIME))


def apply(settings: Settings) -> None:
    for step in list(inbox_steps(settings, FORGOTTEN)):
        step.apply()


def lying(settings: Settings) -> dict[str, bytes]:
    inbox = settings.folder("inbox")
    return {path.relative_to(inbox).as_posix(): path.read_bytes() for path in inbox.rglob("*") if path.is_file()}


def test_what_is_left_is_what_never_had_it(settings: Settings) -> None:
    untouched = lying(settings)["done/others.csv"]
    said = {step.path: (step.verb, step.rows) for step in inbox_steps(settings, FORGOTTEN)}
    assert said["inbox/done/both.json"] == ("rewrite", 2)
    assert said["inbox/done/alone.csv"] == ("remove", 1)
    assert said["inbox/rejected/half.zip"][0] == "remove"
    assert "inbox/done/others.csv" not in said
    apply(settings)
    found = lying(settings)
    assert found["done/both.json"] == FORMS["array"]([moon_post(), mentioning(PSEUDONYM)])
    assert found[f"done/posts_{PSEUDONYM}.jsonl"] == FORMS["lines"]([moon_post(likesCount=1)])
    assert found[f"done/posts_{PSEUDONYM}.jsonl.observed_at"] == b"2026-11-02T09:00:00+09:00"
    assert found["done/others.csv"] == untouched
    assert found["waiting.json"] == FORMS["array"]([moon_post(likesCount=9)])
    assert found[f"of {PSEUDONYM}/posts.json"] == FORMS["array"]([moon_post(likesCount=8)])
    assert not {"done/alone.csv", "rejected/half.zip"} & found.keys()
    assert (settings.folder("inbox") / "done" / "both.json").stat().st_mtime_ns == MTIME
    for name, content in found.items():
        if name.endswith(".zip"):
            with zipfile.ZipFile(settings.folder("inbox") / name) as packed:
                text = packed.read("a/1.json")
        else:
            text = content
        assert not [word for word in RAW if word.encode() in text or word in name], name
    assert list(inbox_steps(settings, FORGOTTEN)) == []


def test_neither_form_of_a_file_lands_again(settings: Settings) -> None:
    old = {name: content for name, content in lying(settings).items() if name.startswith("done/")}
    add_tombstones(settings.folder("privacy"), FORGOTTEN, date(2026, 11, 27))
    apply(settings)
    new = {name: content for name, content in lying(settings).items() if name.startswith("done/")}
    for path in list(settings.folder("inbox").iterdir()):
        if path.is_file():
            path.unlink()
    for number, content in enumerate([*old.values(), *new.values()]):
        if not content.startswith(b"2026"):
            put(settings, f"{number}.json", content)
    lake = UPath(settings.folder("lake"))
    result = land_files([f"{number}.json" for number in range(len(old) + len(new))], lake, settings)
    assert (result.landed, [str(error) for error in result.rejected if "no such" not in str(error).lower()]) == ([], [])
    assert all(landing.is_landed(lake, file.sha256, settings) for file in result.known)


def forget_in(folder: str) -> None:
    apply(load_settings(data_dir=Path(folder), start_day=date(2015, 1, 1)))


def test_killed_at_any_operation_it_is_finished_by_a_repeat(settings: Settings, tmp_path_factory: Any) -> None:
    kept = tmp_path_factory.mktemp("kept") / "data"
    shutil.copytree(settings.data_dir, kept)
    arguments = [str(settings.data_dir)]
    kinds: tuple[Kind, ...] = ("kill", "power")
    with Worker(f"{__name__}:forget_in", ("instagram_assets_tests.faults.warm",)) as worker:
        operations = worker.run(settings.data_dir, arguments).count
        whole = lying(settings)
        for number, kind in itertools.product(choose(operations, trials=10, seed=7), kinds):
            shutil.rmtree(settings.data_dir)
            shutil.copytree(kept, settings.data_dir)
            assert worker.run(settings.data_dir, arguments, Fault(kind, number)).fired
            apply(settings)
            # The members of a ZIP are packed anew, so that only their content is the same.
            found = lying(settings)
            assert {n: c for n, c in found.items() if n[-4:] != ".zip"} == {
                n: c for n, c in whole.items() if n[-4:] != ".zip"
            }
            assert found.keys() == whole.keys()
            assert list(inbox_steps(settings, FORGOTTEN)) == []


def test_what_was_put_there_meanwhile_is_not_removed(settings: Settings) -> None:
    (step,) = [step for step in inbox_steps(settings, FORGOTTEN) if step.path == "inbox/done/alone.csv"]
    path = settings.data_dir / step.path
    path.write_bytes(FORMS["CSV"]([moon_post(likesCount=77)]))
    with pytest.raises(BusyFileError, match="changed"):
        step.apply()
    assert path.exists()
    assert not [step for step in inbox_steps(settings, FORGOTTEN) if step.path == "inbox/done/alone.csv"]
