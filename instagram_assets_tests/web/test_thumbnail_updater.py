"""The web app has thumbnails made ahead, by a child that goes when it has to."""

import json
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from instagram_assets.automation.child_processes import Children
from instagram_assets.automation.forget_requests import PAUSE_FOLDER, ForgetPhase, ForgetRequest
from instagram_assets.settings import load_settings
from instagram_assets.web import index_command, thumbnail_updater
from instagram_assets.web.thumbnail_updater import making_ahead
from instagram_assets_tests.web.journeys.gallery_lake import write_gallery_lake


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thumbnail_updater, "_LOOK_SECONDS", 0.05)
    monkeypatch.setattr(index_command, "_TICK", 0.05)


def test_all_thumbnails_are_there_before_somebody_looks(tmp_path: Path) -> None:
    images = write_gallery_lake(tmp_path)
    with making_ahead(load_settings(data_dir=tmp_path)):
        until(lambda: made(tmp_path) == len(images))


def test_none_is_made_where_the_settings_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[str] = []
    monkeypatch.setattr(Children, "start", lambda self, name, *_: started.append(name))  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    write_gallery_lake(tmp_path)
    monkeypatch.setenv("INSTAGRAM_ASSETS_WEB__THUMBNAILS_AHEAD", "false")
    with making_ahead(load_settings(data_dir=tmp_path)):
        time.sleep(0.3)
    assert not started


def test_while_something_is_forgotten_its_child_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A child that would never end stands for one at work; the pause ends it, and after that another one begins."""
    children: list[object] = []
    start = Children.start

    def counted(self: Children, name: str, command: object, environment: dict[str, str]) -> object:
        children.append(start(self, name, ("sleep", "600"), environment))
        return children[-1]

    monkeypatch.setattr(Children, "start", counted)
    monkeypatch.setenv(PAUSE_FOLDER, str(tmp_path / "dev"))
    (tmp_path / "dev").mkdir()
    state = tmp_path / "dev" / "state.json"
    write_gallery_lake(tmp_path)
    with making_ahead(load_settings(data_dir=tmp_path)):
        until(lambda: len(children) == 1)
        state.write_text(json.dumps(asdict(ForgetRequest("sun_diary", phase=ForgetPhase.forgetting))))
        until(lambda: children[0].ended)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownLambdaType, reportUnknownMemberType, reportUnknownArgumentType]
        time.sleep(0.3)
        assert len(children) == 1
        state.unlink()
        until(lambda: len(children) == 2)
    assert children[1].ended  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]


def made(data: Path) -> int:
    return len(list((data / "thumbnails").rglob("*.jpg")))


def until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + 180
    while not is_so():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)
