"""Proxies of the user's own list: every line understood or named with its fault, and a broken one left for a while."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instagram_assets.collect.proxies import (
    FIRST_PROXY_PAUSE,
    MAX_PROXY_PAUSE,
    Proxies,
    Proxy,
    parse_proxy,
    read_proxies,
)
from instagram_assets.errors import FileError, ProxiesError
from instagram_assets_tests.collect.virtual_clock import VirtualClock

ONE, TWO = Proxy("10.0.0.1", 8080), Proxy("10.0.0.2", 8080)
PASSWORD = "canary-pässword"


@pytest.mark.parametrize(
    ("text", "proxy"),
    [
        ("http://proxy.example:8080", Proxy("proxy.example", 8080)),
        ("HTTP://Proxy.Example:8080/", Proxy("proxy.example", 8080)),
        ("proxy.example:3128", Proxy("proxy.example", 3128)),
        ("http://10.0.0.1:1", Proxy("10.0.0.1", 1)),
        ("http://[2001:db8::1]:65535", Proxy("2001:db8::1", 65535)),
        ("http://jane:secret@proxy.example:80", Proxy("proxy.example", 80, ("jane", "secret"))),
        ("http://jane:a%40b%3A%2F@proxy.example:80", Proxy("proxy.example", 80, ("jane", "a@b:/"))),
        ("http://jane@proxy.example:80", Proxy("proxy.example", 80, ("jane", ""))),
    ],
)
def test_a_proxy_is_understood_in_each_of_its_forms(text: str, proxy: Proxy) -> None:
    assert parse_proxy(text) == proxy


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("socks5://10.0.0.1:1080", "SOCKS"),
        ("SOCKS4A://10.0.0.1:1080", "SOCKS"),
        ("https://proxy.example:443", "begins with http://"),
        ("ftp://proxy.example:21", "begins with http://"),
        ("http://proxy.example", "no port"),
        ("http://proxy.example:0", "no port"),
        ("http://proxy.example:70000", "no address"),
        ("http://proxy.example:eighty", "no address"),
        ("http://:8080", "no host"),
        ("http://-x-:8080", "no host"),
        ("http://[::1:8080", "no address"),
        ("http://proxy.example:80/path", "ends with its port"),
        ("http://jane:a/b@proxy.example:80", "no address"),
        ("http://jane:a#b@proxy.example:80", "no address"),
        ("proxy.example:80:jane:canary", "http://user:password@host:port"),
        ("http://proxy.example:80 http://other.example:80", "a blank"),
        ("http://proxy\u200b.example:80", "a sign that is in no address"),
        ("http://jane:%0d%0aX-Evil@proxy.example:80", "cannot be in it"),
        ("http://ja%3Ane:x@proxy.example:80", "cannot be in it"),
    ],
)
def test_what_is_no_proxy_is_refused_with_words(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says) as refusal:
        parse_proxy(text)
    assert "canary" not in str(refusal.value)


@given(st.text() | st.from_regex(r"(http://)?[a-z.:@%/\[\]0-9]{0,30}", fullmatch=True))
def test_any_line_is_a_proxy_or_refused(text: str) -> None:
    try:
        proxy = parse_proxy(text)
    except ValueError:
        return
    assert parse_proxy(proxy.url) == Proxy(proxy.host, proxy.port)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_file_may_have_comments_blank_lines_and_repetitions(tmp_path: Path, encoding: str, end: str) -> None:
    lines = ["# ours", "", "http://10.0.0.1:8080", "  10.0.0.2:8080  # the second", "http://10.0.0.1:8080", "\t"]
    file = tmp_path / "proxies.txt"
    file.write_bytes(end.join(lines).encode(encoding))

    assert read_proxies(file) == (ONE, TWO)


def test_every_faulty_line_is_named_with_its_number_and_without_its_password(tmp_path: Path) -> None:
    file = tmp_path / "proxies.txt"
    file.write_text(f"http://10.0.0.1:8080\nsocks5://x:1\n\nhttp://jane:{PASSWORD}@10.0.0.1:80\nhttp://10.0.0.1\n")

    with pytest.raises(FileError) as refusal:
        read_proxies(file)

    said = str(refusal.value)
    assert [part in said for part in ("line 2:", "line 4:", "line 5:", "SOCKS", "line 1:")] == [True] * 4 + [False]
    assert "canary" not in said


def test_many_faults_are_counted(tmp_path: Path) -> None:
    file = tmp_path / "proxies.txt"
    file.write_text("socks5://x:1\n" * 30)

    with pytest.raises(FileError, match=r"line 5: .*; and 25 more"):
        read_proxies(file)


@pytest.mark.parametrize("content", [b"", b"# nothing\n", b"\xff\xfe\x00", b"\x80\x81"])
def test_a_file_without_proxies_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "proxies.txt"
    file.write_bytes(content)

    with pytest.raises(FileError):
        read_proxies(file)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="nowhere"):
        read_proxies(tmp_path / "nowhere")


def test_a_proxy_that_works_is_kept() -> None:
    proxies = Proxies([ONE, TWO], VirtualClock())
    for _ in range(5):
        proxies.worked(proxies.choose())

    assert proxies.choose() == ONE


def test_one_that_fails_is_set_aside_longer_each_time_and_the_next_is_used() -> None:
    clock, logged = VirtualClock(), list[str]()
    proxies = Proxies([ONE, TWO], clock, logged.append)
    proxies.failed(proxies.choose(), "cannot be connected to")

    assert proxies.choose() == TWO
    assert logged == ["The proxy 10.0.0.1:8080 cannot be connected to; it is set aside for 1 min."]


def test_one_that_fails_again_and_again_is_set_aside_for_ever_longer() -> None:
    clock = VirtualClock()
    proxies = Proxies([ONE], clock)
    rests: list[float] = []
    for _ in range(8):
        proxies.failed(proxies.choose(), "is gone")
        with pytest.raises(ProxiesError) as refusal:
            proxies.choose()
        rests.append(refusal.value.until - clock.now())
        clock.sleep(rests[-1])

    assert rests == [60, 120, 240, 480, 960, 1920, MAX_PROXY_PAUSE, MAX_PROXY_PAUSE]


def test_a_proxy_that_works_again_begins_anew() -> None:
    clock = VirtualClock()
    proxies = Proxies([ONE], clock)
    for _ in range(3):
        proxies.failed(ONE, "is gone")
        clock.sleep(MAX_PROXY_PAUSE)
    proxies.worked(proxies.choose())
    proxies.failed(ONE, "is gone")

    with pytest.raises(ProxiesError) as refusal:
        proxies.choose()
    assert refusal.value.until == clock.now() + FIRST_PROXY_PAUSE


def test_when_none_works_it_is_said_of_each_why_and_when_to_go_on() -> None:
    proxies = Proxies([ONE, TWO, Proxy("jane.example", 80, ("jane", PASSWORD))], VirtualClock())
    for reason in ("cannot be connected to", "answers itself", "refuses"):
        proxies.failed(proxies.choose(), reason)

    with pytest.raises(ProxiesError) as refusal:
        proxies.choose()

    said = str(refusal.value)
    assert "10.0.0.1:8080 cannot be connected to; 10.0.0.2:8080 answers itself; jane.example:80 refuses" in said
    assert "UTC" in said
    assert PASSWORD not in said


def test_a_password_is_shown_nowhere() -> None:
    proxy = Proxy("jane.example", 80, ("jane", PASSWORD))

    assert PASSWORD not in f"{proxy!r} {proxy} {proxy.name} {proxy.url}"
