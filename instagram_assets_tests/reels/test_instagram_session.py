"""A session file is a program: whose it must be, what it may hold, and what Instagram's answers to it mean."""

import logging
import os
import pickle
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from instaloader import Instaloader

from instagram_assets.errors import (
    FileError,
    MediaFailedError,
    MediaTransientError,
    RateLimitedError,
    SessionRefusedError,
    SettingsError,
)
from instagram_assets.reels import session_unpickler, url_refresh
from instagram_assets.reels.instagram_session import InstagramSession, read_session
from instagram_assets.reels.url_refresh import UrlRefresher
from instagram_assets_tests.reels.conftest import COOKIES, save_session
from instagram_assets_tests.servers import instagram as words
from instagram_assets_tests.servers.instagram import LoopbackInstagram

VIDEO = "https://scontent.cdninstagram.com/v/url_refresh.mp4?oe=7FFFFFFF"


def test_a_session_that_instaloader_saved_is_read(tmp_path: Path) -> None:
    loader = Instaloader(quiet=True)
    loader.load_session("watcher", dict(COOKIES))
    file = tmp_path / "session-watcher"
    loader.save_session_to_file(str(file))
    session = read_session(str(file))
    assert (session.user, session.cookies) == ("watcher", COOKIES)


@pytest.mark.parametrize(("name", "user", "expected"), [("session-me", "", "me"), ("mine", "@you", "you")])
def test_the_account_is_the_one_that_is_set_or_that_the_name_of_the_file_says(
    tmp_path: Path, name: str, user: str, expected: str
) -> None:
    assert read_session(str(save_session(tmp_path / name, COOKIES)), user).user == expected


def test_without_an_account_it_is_said_which_setting_is_missing(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="SESSION_USER is not set"):
        read_session(str(save_session(tmp_path / "cookies", COOKIES)))


class _Malice:
    """A pickle that runs a command when it is loaded."""

    def __init__(self, target: Path) -> None:
        self._target = target

    def __reduce__(self) -> tuple[Callable[[str], str], tuple[str]]:
        return subprocess.getoutput, (f"touch {self._target}",)


def _raw(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    path.chmod(0o600)
    return path


def test_what_is_no_session_is_refused_and_nothing_of_it_runs(tmp_path: Path) -> None:
    target = tmp_path / "touched"
    bodies = {
        "malicious": pickle.dumps(_Malice(target)),
        "malicious within": pickle.dumps(COOKIES | {"x": _Malice(target)}),
        "malicious, old protocol": pickle.dumps(_Malice(target), protocol=0),
        "names a function": b"cposix\nsystem\n.",
        "names an extension": b"\x82\x01.",
        "names a persistent object": b"Psomewhere\n.",
        "list": pickle.dumps([1, 2]),
        "numbers": pickle.dumps({"sessionid": 1}),
        "dict within": pickle.dumps({"sessionid": {}}),
        "text": b"sessionid=1",
        "cut off": pickle.dumps(COOKIES)[:-5],
        "huge memo": b"\x80\x04r\xff\xff\xff\xff.",
        "huge text": b"\x8d" + (1 << 40).to_bytes(8, "little") + b"x.",
        "endless": b"(" * 60_000,
    }
    for name, body in bodies.items():
        with pytest.raises(FileError, match="is no session of Instaloader") as refused:
            read_session(str(_raw(tmp_path / "session-me", body)))
        assert "instaloader --login" in str(refused.value), name
        assert not target.exists(), name


def test_a_session_without_a_login_is_refused(tmp_path: Path) -> None:
    for missing in COOKIES:
        some = {name: value for name, value in COOKIES.items() if name != missing}
        with pytest.raises(FileError, match=f"it has no cookie {missing}"):
            read_session(str(save_session(tmp_path / "session-me", some)))
        with pytest.raises(FileError, match=f"it has no cookie {missing}"):
            read_session(str(save_session(tmp_path / "session-me", some | {missing: ""})))


def test_a_file_that_others_could_have_written_is_refused(tmp_path: Path) -> None:
    file = save_session(tmp_path / "session-me", COOKIES)
    for mode in (0o620, 0o602, 0o666):
        file.chmod(mode)
        with pytest.raises(FileError, match=r"may be written by others.*chmod 600"):
            read_session(str(file))
    file.chmod(0o644)  # read by others is their gain, not ours; they cannot change what is loaded
    assert read_session(str(file)).user == "me"


def test_a_folder_in_which_others_may_exchange_it_is_refused(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    file = save_session(shared / "session-me", COOKIES)
    shared.chmod(0o777)
    with pytest.raises(FileError, match="others may exchange it"):
        read_session(str(file))
    shared.chmod(0o1777)  # as /tmp: each takes away only what is his own
    assert read_session(str(file)).user == "me"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_file_of_another_user_is_refused(tmp_path: Path) -> None:
    file = save_session(tmp_path / "session-me", COOKIES)
    os.chown(file, 12345, -1)
    with pytest.raises(FileError, match="belongs to another user"):
        read_session(str(file))


def test_links_pipes_folders_and_files_of_the_wrong_size_are_refused_at_once(tmp_path: Path) -> None:
    file = save_session(tmp_path / "session-me", COOKIES)
    (tmp_path / "session-link").symlink_to(file)
    os.mkfifo(tmp_path / "session-pipe", 0o600)
    (tmp_path / "session-folder").mkdir(mode=0o700)
    _raw(tmp_path / "session-empty", b"")
    _raw(tmp_path / "session-large", bytes(100_000))
    cases = {
        "link": "cannot be read.*no link to it",
        "pipe": "is no file",
        "folder": "is no file",
        "empty": "is empty or far too large",
        "large": "is empty or far too large",
        "nothing": r"session-nothing: does not exist\. Make one .*SESSION_FILE",
    }
    for name, message in cases.items():
        with pytest.raises(FileError, match=message):
            read_session(str(tmp_path / f"session-{name}"))
    with pytest.raises(FileError, match=r"mine: does not exist\. Make one"):
        read_session(str(tmp_path / "mine"))  # before its name is asked for


def test_the_process_that_reads_it_has_no_files_and_no_network(tmp_path: Path) -> None:
    tries = {
        "file": "open('/etc/hostname')",
        "socket": "__import__('socket').socket()",
        "raw socket": "__import__('_socket').socket(2, 1, 0)",
        "command": "__import__('os').system('true')",
        "process": "__import__('os').fork()",
        "pipe": "__import__('os').pipe()",
    }
    for name, attempt in tries.items():
        program = (
            f"import runpy, _socket, os; shut = runpy.run_path({session_unpickler.__file__!r})['shut']\nshut()\n"
            f"try:\n    {attempt}\nexcept (OSError, PermissionError):\n    print('refused')\n"
        )
        done = subprocess.run([sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True)
        assert done.stdout == "refused\n", (name, done.stderr)


def test_a_session_never_shows_its_cookies() -> None:
    assert "canary" not in repr(InstagramSession("me", COOKIES)) + str(InstagramSession("me", COOKIES))


@pytest.fixture
def ask(session_file: Path, instagram: LoopbackInstagram) -> Callable[[str], str]:
    return UrlRefresher(read_session(str(session_file))).ask


def test_a_fresh_address_costs_one_request_with_the_session(
    instagram: LoopbackInstagram, ask: Callable[[str], str]
) -> None:
    instagram.says = {"CODE1": VIDEO}
    assert ask("CODE1") == VIDEO
    [asked] = instagram.asked
    assert (asked.method, asked.host, asked.path) == ("POST", "www.instagram.com", "/graphql/query")
    assert COOKIES["sessionid"] in asked.cookies


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (words.GONE, url_refresh.REEL_GONE),
        (words.MISSING, url_refresh.REEL_GONE),
        (words.OTHER, url_refresh.REEL_GONE),
        (words.PICTURE, url_refresh.NOT_A_VIDEO),
        (words.STRANGE, "is not understood"),
    ],
)
def test_a_reel_that_is_not_to_be_had_is_said_so_and_others_are_still_asked(
    instagram: LoopbackInstagram, ask: Callable[[str], str], said: str, reason: str
) -> None:
    instagram.says = {"CODE1": said, "CODE2": VIDEO}
    with pytest.raises(MediaFailedError, match=reason):
        ask("CODE1")
    assert ask("CODE2") == VIDEO
    assert instagram.shortcodes == ["CODE1", "CODE2"]


@pytest.mark.parametrize("said", [words.BROKEN, words.CUT])
def test_no_answer_is_a_passing_fault_that_is_not_tried_again(
    instagram: LoopbackInstagram, ask: Callable[[str], str], said: str
) -> None:
    instagram.says = {"CODE1": said, "CODE2": VIDEO}
    with pytest.raises(MediaTransientError, match="gave no answer"):
        ask("CODE1")
    assert instagram.shortcodes == ["CODE1"]
    assert ask("CODE2") == VIDEO


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (words.LOGIN, "Log in again"),
        (words.FORBIDDEN, "Log in again"),
        (words.CHECKPOINT, "asks for a checkpoint.*wait a day"),
    ],
)
def test_after_a_refusal_of_the_session_nothing_more_is_asked(
    instagram: LoopbackInstagram, ask: Callable[[str], str], said: str, message: str
) -> None:
    instagram.says = {"CODE1": said, "CODE2": VIDEO}
    for code in ("CODE1", "CODE2", "CODE3"):
        with pytest.raises(SessionRefusedError, match=message):
            ask(code)
    assert instagram.shortcodes == ["CODE1"]


@pytest.mark.parametrize("said", [words.LIMIT, words.WAIT])
def test_a_limit_is_told_at_once_with_the_seconds_to_wait(
    instagram: LoopbackInstagram, ask: Callable[[str], str], said: str
) -> None:
    instagram.says = {"CODE1": said}
    start = time.monotonic()
    with pytest.raises(RateLimitedError, match="wants fewer requests: ask again in 11 minutes") as limited:
        ask("CODE1")
    assert limited.value.seconds == url_refresh.WAIT
    assert time.monotonic() - start < 10
    assert instagram.shortcodes == ["CODE1"]


def test_instaloaders_own_limit_is_told_and_not_slept(instagram: LoopbackInstagram, ask: Callable[[str], str]) -> None:
    instagram.says = {"CODE1": VIDEO}
    for _ in range(200):
        ask("CODE1")
    with pytest.raises(RateLimitedError) as limited:
        ask("CODE1")
    assert 600 < limited.value.seconds <= 700
    assert len(instagram.asked) == 200


def test_no_cookie_is_logged_or_told(
    session_file: Path,
    instagram: LoopbackInstagram,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    told = ""
    for said in (words.GONE, words.BROKEN, words.STRANGE, words.LIMIT, words.CHECKPOINT, VIDEO):
        instagram.says = {"CODE1": said}
        try:
            UrlRefresher(read_session(str(session_file))).ask("CODE1")
        except Exception as error:
            told += f"{error!r} {error}"
    output = capfd.readouterr()
    assert "canary" not in told + caplog.text + output.out + output.err


def test_without_instaloader_the_command_that_installs_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(url_refresh, "find_spec", lambda _: None)
    with pytest.raises(SettingsError, match=r"pip install 'instagram_assets\[reels\]'"):
        UrlRefresher(InstagramSession("me", COOKIES))
