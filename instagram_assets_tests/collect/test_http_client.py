"""Requests of the collectors: each is sent once, whatever happens is an answer, and nothing goes elsewhere."""

import logging
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from instagram_assets.collect.cookies import Cookies
from instagram_assets.collect.http_client import HttpClient
from instagram_assets.collect.instagram_site import InstagramSite
from instagram_assets.collect.proxies import Proxies, Proxy
from instagram_assets.collect.site_adapter import Request, ResponseOutcome
from instagram_assets.errors import MediaRefusedError
from instagram_assets.settings import CollectionSettings
from instagram_assets_tests.collect.site_request_helper import outcome, profile, tls
from instagram_assets_tests.collect.virtual_clock import VirtualClock
from instagram_assets_tests.servers import hostile
from instagram_assets_tests.servers import instagram_site as words
from instagram_assets_tests.servers.forward_proxy import ForwardProxy
from instagram_assets_tests.servers.hostile import HostileServer
from instagram_assets_tests.servers.instagram_people import SitePerson
from instagram_assets_tests.servers.instagram_site import SESSION, InstagramSiteServer

LOGIN = Cookies("77", SESSION, "canary-token")
_BODY = b'{"data": {}}' * 10


@pytest.fixture
def server() -> Iterator[InstagramSiteServer]:
    with InstagramSiteServer({"sun_diary": SitePerson.made("sun_diary", 13)}, slow=2) as server:
        yield server


@pytest.fixture
def strange() -> Iterator[HostileServer]:
    with HostileServer() as server:
        yield server


def test_pages_come_through_with_all_that_was_asked(server: InstagramSiteServer) -> None:
    site = InstagramSite(CollectionSettings(instagram_url=server.url), LOGIN)
    with HttpClient(server.url) as client:
        pages = []
        while (request := site.next_request("sun_diary", pages)) is not None:
            pages.append(site.parse(request, site.classify(request, client.send(request)).content))

    assert sum(len(page.posts) for page in pages) == 13
    assert [one.method for one in server.asked] == ["GET", "POST", "POST"]
    assert {one.logged_in for one in server.asked} == {True}
    assert {one.headers["accept-encoding"] for one in server.asked} == {"gzip"}


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        *((word, ResponseOutcome.THROTTLED) for word in words.THROTTLING),
        *((word, ResponseOutcome.AUTH_GONE) for word in words.LOGGING_IN),
        *((word, ResponseOutcome.CHECKPOINT) for word in words.STOPPING),
        (words.HTML, ResponseOutcome.HTML),
        *((word, ResponseOutcome.TRANSIENT) for word in words.PASSING if word != words.HTML),
    ],
)
def test_every_refusal_arrives_as_what_it_is_after_one_request(
    server: InstagramSiteServer, word: str, expected: ResponseOutcome
) -> None:
    server.script = lambda _: word
    with HttpClient(server.url) as client:
        assert outcome(server, client) is expected
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("behaviour", "says"),
    [
        (hostile.silent(), "gave no answer within 0.3 seconds"),
        (hostile.silent_after(_BODY, 20), "gave no answer within 0.3 seconds"),
        (hostile.drip(_BODY, 0.02), "gave no answer within 0.3 seconds"),
        (hostile.answer(_BODY, length=9_000), "broke off its answer"),
        (hostile.reset_after(_BODY, 20), "broke off its answer|ended the connection"),
        (hostile.broken_chunks(_BODY), "broke off its answer|gave no valid HTTP answer"),
        (hostile.raw(b""), "ended the connection"),
        (hostile.raw(b"SSH-2.0-OpenSSH_9.6\r\n"), "gave no valid HTTP answer"),
        (hostile.raw(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 99_999 + b"\r\n\r\n"), "gave no valid HTTP answer"),
        (hostile.raw(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 9_999 + b"\r\n"), "gave no valid HTTP answer"),
        (hostile.endless(b"{"), "answered with more than 20 MB|gave no answer within 0.3 seconds"),
    ],
)
def test_whatever_a_server_does_is_an_answer_after_one_request(
    strange: HostileServer, behaviour: hostile.Behaviour, says: str
) -> None:
    strange.on("/", behaviour)
    with HttpClient(strange.url("/"), timeout=0.3) as client:
        response = client.send(Request(strange.url("/"), "x"))

    assert response.status == 0
    assert re.fullmatch(f"the site ({says})", response.body.decode())
    assert strange.hits("/") == 1


def test_a_packed_answer_cannot_fill_the_memory(server: InstagramSiteServer) -> None:
    server.script = lambda _: words.BOMB
    with HttpClient(server.url) as client:
        response = client.send(profile(server))

    assert (response.status, response.body) == (0, b"the site answered with more than 20 MB")


def test_a_plain_answer_cannot_fill_the_memory(strange: HostileServer) -> None:
    strange.on("/", hostile.answer(b" " * 5_000))
    with HttpClient(strange.url("/"), most_bytes=4_999) as client:
        assert b"more than" in client.send(Request(strange.url("/"), "x")).body


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip"])
def test_an_answer_that_is_packed_otherwise_or_wrongly_is_none(strange: HostileServer, encoding: str) -> None:
    strange.on("/", hostile.answer(b"no such packing", Content_Encoding=encoding))
    with HttpClient(strange.url("/")) as client:
        response = client.send(Request(strange.url("/"), "x"))

    assert response.status == 0
    assert b"packed" in response.body


def test_a_redirect_is_not_followed(server: InstagramSiteServer) -> None:
    server.script = lambda _: words.LOGIN
    with HttpClient(server.url) as client:
        response = client.send(profile(server))

    assert (response.status, response.headers["location"].removeprefix(server.url)[:16]) == (302, "/accounts/login/")
    assert len(server.asked) == 1


def test_cookies_that_the_site_sets_are_not_kept(strange: HostileServer) -> None:
    strange.on("/", hostile.answer(b"{}", Set_Cookie="tracking=1"))
    with HttpClient(strange.url("/")) as client:
        for _ in range(2):
            client.send(Request(strange.url("/"), "x"))

    assert [seen.headers.get("cookie") for seen in strange.seen] == [None, None]


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_the_environment_sets_no_proxy(
    server: InstagramSiteServer, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "http://127.0.0.1:9")
    with HttpClient(server.url) as client:
        assert outcome(server, client) is ResponseOutcome.OK


def test_nothing_goes_to_another_site(server: InstagramSiteServer, strange: HostileServer) -> None:
    with HttpClient(server.url) as client, pytest.raises(ValueError, match="not the site"):
        client.send(Request(strange.url("/"), "x", headers=LOGIN.headers))

    assert strange.seen == []


@pytest.mark.parametrize(
    "site",
    [
        *("http://www.instagram.com", "https://10.0.0.1", "https://169.254.169.254", "https://[fd00::1]"),
        *("https://2130706433", "file:///etc/passwd", "https://jane:secret@www.instagram.com", ""),
    ],
)
def test_a_site_that_is_not_public_or_not_encrypted_is_refused(site: str) -> None:
    with pytest.raises(MediaRefusedError):
        HttpClient(site)


def test_a_site_that_cannot_be_reached_is_an_answer() -> None:
    with HttpClient("http://127.0.0.1:9", timeout=2) as client:
        response = client.send(Request("http://127.0.0.1:9/", "x"))

    assert response.status == 0
    assert response.body == b"the site cannot be connected to (Connection refused)"


def test_a_certificate_that_is_not_valid_ends_it(tmp_path: Path) -> None:
    with InstagramSiteServer({}, tls=tls(tmp_path)) as server, HttpClient(server.url, timeout=5) as client:
        response = client.send(Request(f"{server.url}/", "x", headers=LOGIN.headers))

    assert (response.status, response.body) == (0, b"the site shows a TLS certificate that is not valid")
    assert server.asked == []


def test_a_site_without_the_encryption_that_was_asked_for_gets_nothing(server: InstagramSiteServer) -> None:
    site = server.url.replace("http:", "https:")
    with HttpClient(site, timeout=5) as client:
        response = client.send(Request(f"{site}/", "x", headers=LOGIN.headers))

    assert (response.status, response.body) == (0, b"the site speaks no TLS that is safe")


def test_a_client_can_be_closed_unused_and_twice() -> None:
    client = HttpClient("https://www.instagram.com")
    client.close()
    client.close()


def test_no_secret_is_logged(
    server: InstagramSiteServer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONASYNCIODEBUG", "1")
    caplog.set_level(logging.DEBUG)
    site = InstagramSite(CollectionSettings(instagram_url=server.url), LOGIN)
    request = site.next_request("sun_diary", [])
    assert request is not None
    server.script = lambda asked: [None, words.DROP, words.SLOW, words.CUT][asked.number - 1]
    logged = list[str]()
    with ForwardProxy() as proxy:
        proxies = Proxies([Proxy("127.0.0.1", proxy.port, ("jane", "canary"))], VirtualClock(), logged.append)
        with HttpClient(server.url, timeout=0.2) as client:
            responses = [client.send(request) for _ in range(3)]
        with HttpClient(server.url, proxies=proxies) as client:
            responses.append(client.send(request))

    shown = f"{caplog.text} {logged} {[response.body for response in responses[1:]]}"
    assert not any(secret in shown for secret in ("canary", SESSION, LOGIN.token))
    assert [response.status for response in responses] == [200, 0, 0, 0]


def test_ctrl_c_ends_a_request_and_leaves_nothing_open(server: InstagramSiteServer) -> None:
    server.script = lambda _: words.SLOW
    server.before = lambda _: signal.raise_signal(signal.SIGINT)
    with HttpClient(server.url) as client:
        with pytest.raises(KeyboardInterrupt):
            client.send(profile(server))
        server.script, server.before = (lambda _: None), (lambda _: None)
        assert outcome(server, client) is ResponseOutcome.OK
