"""A login out of a file of cookies, in each of the forms in which people have one, and nothing of it ever shown."""

import json
import os
import pickle
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instagram_assets.collect.cookies import Cookies, read_cookies
from instagram_assets.errors import FileError

NOW = 1_795_000_000.0
SESSION = "77%3Acanary%3A28%3AAY"
TOKEN = "canarytoken"
LIVES, ENDED = NOW + 1_000_000, NOW - 1


def netscape(session_until: float = LIVES, host: str = ".instagram.com", end: str = "\n") -> str:
    lines = [
        "# Netscape HTTP Cookie File",
        "# https://curl.se/docs/http-cookies.html",
        "",
        f"#HttpOnly_{host}\tTRUE\t/\tTRUE\t{session_until:.0f}\tsessionid\t{SESSION}",
        f"{host}\tTRUE\t/\tTRUE\t0\tcsrftoken\t{TOKEN}",
        f"{host}\tTRUE\t/\tTRUE\t{LIVES:.0f}\tds_user_id\t77",
        f"{host}\tTRUE\t/\tTRUE\t{LIVES:.0f}\tmid\tsomething",
    ]
    return end.join([*lines, ""])


def objects(**more: Any) -> list[dict[str, Any]]:
    pairs = {"sessionid": SESSION, "csrftoken": TOKEN, "ds_user_id": "77"}
    return [{"domain": ".instagram.com", "name": name, "value": value, **more} for name, value in pairs.items()]


def written(folder: Path, content: str | bytes, mode: int = 0o600) -> str:
    file = folder / "cookies"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    file.chmod(mode)
    return str(file)


@pytest.mark.parametrize(
    "content",
    [
        netscape(),
        netscape(end="\r\n"),
        "\ufeff" + netscape(),
        netscape().encode("utf-16"),
        netscape(0),
        netscape(host="www.instagram.com"),
        netscape() + ".youtube.com\tTRUE\t/\tTRUE\t0\tsessionid\tother\n",
        json.dumps(objects(expirationDate=LIVES + 0.25)),
        json.dumps(objects(expirationDate=LIVES * 1_000)),
        json.dumps({"cookies": objects(expires=-1), "origins": []}),
        json.dumps(objects(host="x")),
        json.dumps({"sessionid": SESSION, "csrftoken": TOKEN, "ds_user_id": "77"}),
        json.dumps({"cookies": {"sessionid": SESSION, "csrftoken": TOKEN}, "uuids": {}}),
        "\ufeff" + json.dumps(objects()),
    ],
)
def test_a_login_is_read_in_each_of_its_forms(tmp_path: Path, content: str | bytes) -> None:
    cookies = read_cookies(written(tmp_path, content), NOW)

    assert cookies == Cookies("77", SESSION, TOKEN)
    assert cookies.headers == {
        "Cookie": f"sessionid={SESSION}; csrftoken={TOKEN}; ds_user_id=77",
        "X-CSRFToken": TOKEN,
    }


def test_the_newest_of_several_logins_counts(tmp_path: Path) -> None:
    old = f".instagram.com\tTRUE\t/\tTRUE\t{ENDED:.0f}\tsessionid\told\n"

    assert read_cookies(written(tmp_path, netscape() + old), NOW).session == SESSION
    assert read_cookies(written(tmp_path, old + netscape()), NOW).session == SESSION


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        ("# Netscape HTTP Cookie File\n", "holds no cookies"),
        (netscape(host=".youtube.com"), "holds cookies of youtube.com and none of instagram.com"),
        (netscape(host=".notinstagram.com"), "none of instagram.com"),
        (netscape(host=".instagram.com.evil.example"), "none of instagram.com"),
        (json.dumps(objects()).replace(".instagram.com", ".facebook.com"), "holds cookies of facebook.com"),
        (netscape(ENDED), "holds a login that ended on 2026-11-18"),
        (json.dumps(objects(expirationDate=ENDED)), "holds a login that ended"),
        (json.dumps(objects(expirationDate=ENDED * 1_000)), "holds a login that ended"),
        (netscape().replace("sessionid", "sessionid_"), "nobody who is logged in: it has no cookie sessionid"),
        (netscape().replace(SESSION, ""), "it has no cookie sessionid"),
        (json.dumps({"user": "jane"}), "no cookie sessionid and no csrftoken"),
        (json.dumps([]), "holds no cookies"),
        (json.dumps([1, None, {"name": 1}]), "holds no cookies"),
        ('{"sessionid": "canary', "is no valid JSON"),
        ("[" * 100_000, "is no valid JSON"),
        (pickle.dumps({"sessionid": SESSION}), "is a pickle"),
        (b"\x1f\x8b\x08rubbish\xff", "is no text"),
        ("user,password\njane,canary\n", "is no file of cookies"),
        (netscape().replace(SESSION, "canary%3Ax").replace("\t77\n", "\tcanary\n"), "which account is logged in"),
        (json.dumps(objects()).replace("%3Acanary", r"%3Acanary\r\nX-Evil: 1"), "signs that are in no cookie"),
        (netscape().replace(TOKEN, "canary; a=b"), "cookie csrftoken with signs"),
        (netscape().replace(TOKEN, "canaryé"), "cookie csrftoken with signs"),
        (b" " * 6_000_000 + b"x", "far too large"),
    ],
)
def test_what_holds_no_valid_login_is_refused_with_a_remedy(tmp_path: Path, content: str | bytes, says: str) -> None:
    with pytest.raises(FileError) as refusal:
        read_cookies(written(tmp_path, content), NOW)

    said = str(refusal.value)
    assert says in said
    assert refusal.value.remedy
    assert "canary" not in said


def test_a_browsers_own_database_is_refused_with_a_remedy(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "cookies.sqlite") as database:
        database.execute("CREATE TABLE moz_cookies (name TEXT)")
    database.close()

    with pytest.raises(FileError, match=r"database of cookies.*cookies\.txt or JSON"):
        read_cookies(str(tmp_path / "cookies.sqlite"), NOW)


def test_a_place_without_a_file_is_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, says in (("nowhere", "does not exist"), (".", "is no file"), ("pipe", "is no file"), ("\0", "possible")):
        with pytest.raises(FileError, match=says):
            read_cookies(str(tmp_path / name), NOW)


@pytest.mark.parametrize(("mode", "warnings"), [(0o600, 0), (0o400, 0), (0o644, 1), (0o640, 1), (0o602, 1)])
def test_a_login_that_others_may_read_is_warned_of(tmp_path: Path, mode: int, warnings: int) -> None:
    cookies = read_cookies(written(tmp_path, netscape(), mode), NOW)

    assert len(cookies.warnings) == warnings
    assert all("chmod 600" in warning and "canary" not in warning for warning in cookies.warnings)


def test_an_identity_is_the_same_for_every_session_of_an_account_and_tells_no_secret() -> None:
    one, again, other = Cookies("77", "a", "b"), Cookies("77", "c", "d"), Cookies("78", "a", "b")

    assert one.identity == again.identity != other.identity
    assert one.identity.startswith("instagram:")
    assert "77" not in repr(one)


def test_no_text_shows_a_secret() -> None:
    cookies = Cookies("770077", SESSION, TOKEN)

    for shown in (repr(cookies), str(cookies), f"{cookies}", cookies.identity):
        assert not any(secret in shown for secret in (SESSION, TOKEN, "770077"))


@given(st.binary(max_size=300) | st.text(alphabet='\t\n.#instagram.com{}[]":,0sessionid', max_size=120).map(str.encode))
def test_any_file_is_a_login_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    file = tmp_path_factory.getbasetemp() / "any"
    file.write_bytes(content)
    with pytest.raises(FileError):
        read_cookies(str(file), NOW)
