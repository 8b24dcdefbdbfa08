"""Requests by way of a person's own proxies: unseen by them, never twice, and never without one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from instagram_assets.collect.cookies import Cookies
from instagram_assets.collect.http_client import HttpClient
from instagram_assets.collect.proxies import FIRST_PROXY_PAUSE, Proxies, Proxy
from instagram_assets.collect.site_adapter import Request, ResponseOutcome
from instagram_assets.errors import ProxiesError
from instagram_assets_tests.collect.site_request_helper import outcome, profile, tls
from instagram_assets_tests.collect.virtual_clock import VirtualClock
from instagram_assets_tests.servers import forward_proxy
from instagram_assets_tests.servers import instagram_site as words
from instagram_assets_tests.servers.forward_proxy import ForwardProxy
from instagram_assets_tests.servers.instagram_people import SitePerson
from instagram_assets_tests.servers.instagram_site import SESSION, InstagramSiteServer

CLOSED = Proxy("127.0.0.1", 9)
LOGIN = Cookies("77", SESSION, "canary-token")


@pytest.fixture
def server() -> Iterator[InstagramSiteServer]:
    with InstagramSiteServer({"sun_diary": SitePerson.made("sun_diary", 13)}, slow=2) as server:
        yield server


def proxies_of(*proxies: ForwardProxy | Proxy, clock: VirtualClock | None = None, login: bool = False) -> Proxies:
    given = [
        one if isinstance(one, Proxy) else Proxy("127.0.0.1", one.port, ("jane", "canary") if login else None)
        for one in proxies
    ]
    return Proxies(given, clock or VirtualClock())


def test_requests_go_through_the_proxy(server: InstagramSiteServer) -> None:
    with ForwardProxy() as proxy, HttpClient(server.url, proxies=proxies_of(proxy)) as client:
        assert outcome(server, client) is ResponseOutcome.OK

    assert len(proxy.asked) == len(server.asked) == 1


@pytest.mark.parametrize("kind", [forward_proxy.HONEST, forward_proxy.LOGIN])
def test_tls_goes_through_the_proxy_unseen_with_its_login_for_the_proxy_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    context = tls(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    people = {"sun_diary": SitePerson.made("sun_diary", 3)}
    with (
        InstagramSiteServer(people, tls=context) as server,
        ForwardProxy(kind) as proxy,
        HttpClient(server.url, proxies=proxies_of(proxy, login=True)) as client,
    ):
        assert outcome(server, client) is ResponseOutcome.OK

    assert [line.split()[0] for line in proxy.asked] == ["CONNECT"]
    assert proxy.logins[0].startswith("Basic ")
    assert "proxy-authorization" not in server.asked[0].headers


def test_a_proxy_that_reads_along_is_left_before_anything_is_said(tmp_path: Path) -> None:
    """Its certificate is not the site's: no cookie comes to it."""
    with (
        InstagramSiteServer({}, tls=tls(tmp_path)) as server,
        ForwardProxy() as proxy,
        HttpClient(server.url, proxies=proxies_of(proxy)) as client,
        pytest.raises(ProxiesError, match="certificate"),
    ):
        client.send(Request(f"{server.url}/", "x", headers=LOGIN.headers))

    assert server.asked == []


@pytest.mark.parametrize("kind", [forward_proxy.PAGE, forward_proxy.GARBAGE, forward_proxy.LOGIN, forward_proxy.CUT])
def test_a_proxy_that_answers_itself_is_set_aside_and_the_next_goes_on(server: InstagramSiteServer, kind: str) -> None:
    clock = VirtualClock()
    with (
        ForwardProxy(kind) as bad,
        ForwardProxy() as good,
        HttpClient(server.url, proxies=proxies_of(bad, good, clock=clock)) as client,
    ):
        assert outcome(server, client) is ResponseOutcome.TRANSIENT
        assert outcome(server, client) is ResponseOutcome.OK
        clock.sleep(FIRST_PROXY_PAUSE)
        assert outcome(server, client) is ResponseOutcome.OK

    assert (len(bad.asked), len(good.asked), len(server.asked)) == (1, 2, 2)


def test_a_proxy_that_never_comes_to_the_site_costs_no_request_of_it(server: InstagramSiteServer) -> None:
    with ForwardProxy() as good, HttpClient(server.url, proxies=proxies_of(CLOSED, CLOSED, good)) as client:
        assert outcome(server, client) is ResponseOutcome.OK

    assert len(server.asked) == 1


@pytest.mark.parametrize("kind", [forward_proxy.REFUSING, forward_proxy.LOGIN])
def test_a_proxy_that_refuses_the_tunnel_costs_no_request_of_the_site(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    context = tls(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    people = {"sun_diary": SitePerson.made("sun_diary", 3)}
    with (
        InstagramSiteServer(people, tls=context) as server,
        ForwardProxy(kind) as bad,
        ForwardProxy() as good,
        HttpClient(server.url, proxies=proxies_of(bad, good)) as client,
    ):
        assert outcome(server, client) is ResponseOutcome.OK

    assert len(server.asked) == 1


def test_when_no_proxy_works_it_is_said_and_nothing_goes_without_one(server: InstagramSiteServer) -> None:
    with (
        HttpClient(server.url, proxies=proxies_of(CLOSED)) as client,
        pytest.raises(ProxiesError, match=r"127\.0\.0\.1:9 cannot be connected to"),
    ):
        client.send(profile(server))

    assert server.asked == []


@pytest.mark.parametrize("word", [*words.THROTTLING, *words.LOGGING_IN, *words.STOPPING, words.MISSING])
def test_a_refusal_of_the_site_never_changes_the_proxy(server: InstagramSiteServer, word: str) -> None:
    server.script = lambda _: word
    with (
        ForwardProxy() as one,
        ForwardProxy() as other,
        HttpClient(server.url, proxies=proxies_of(one, other)) as client,
    ):
        for _ in range(2):
            outcome(server, client)

    assert (len(one.asked), len(other.asked)) == (2, 0)
