"""A store, a server of videos, and an Instagram of this machine that a session file is for."""

import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest

from instagram_assets.media.store import MediaStore
from instagram_assets_tests.servers.hostile import HostileServer
from instagram_assets_tests.servers.instagram import LoopbackInstagram

COOKIES = {"sessionid": "canary%3Asession", "csrftoken": "canary-token", "ds_user_id": "11"}


@pytest.fixture
def server() -> Iterator[HostileServer]:
    with HostileServer() as server:
        yield server


@pytest.fixture
def store(tmp_path: Path) -> Iterator[MediaStore]:
    with MediaStore(tmp_path / "media") as store:
        yield store


@pytest.fixture
def instagram(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackInstagram]:
    with LoopbackInstagram(tmp_path) as instagram:
        for name, value in instagram.environment.items():
            monkeypatch.setenv(name, value)
        yield instagram


@pytest.fixture
def session_file(tmp_path: Path) -> Path:
    """A session as Instaloader saves it, for the account `watcher`."""
    return save_session(tmp_path / "session-watcher", COOKIES)


def save_session(path: Path, session: object) -> Path:
    """A pickle of whatever is given, which only its owner may read."""
    path.write_bytes(pickle.dumps(session))
    path.chmod(0o600)
    return path
