from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instagram_assets.errors import MediaRefusedError
from instagram_assets.media.download_options import DownloadOptions
from instagram_assets.media.url_checks import check_url, is_public, signature_expiry
from instagram_assets.storage.fingerprints import url_identity

STRICT = DownloadOptions()
LOCAL = DownloadOptions(allow_http=True, allow_loopback=True)
CDN = "https://scontent-icn2-1.cdninstagram.com/v/t51.2885-15/525_132_401_n.jpg"


@pytest.mark.parametrize(
    "url",
    [
        CDN + "?stp=dst-jpg_e35_s1080x1080&oe=68A1B2C3&_nc_ohc=a%2Bb",
        "https://example.com:443/a.png",
        "https://example.com/그림.jpg",
        "https://8.8.8.8/a.png",
        "https://[2606:4700::1111]/a.png",
    ],
)
def test_a_public_https_address_is_taken_as_it_is(url: str) -> None:
    assert check_url(url, STRICT) == url


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        (None, "empty address"),
        ("", "empty address"),
        ("   ", "empty address"),
        ("a/b.jpg", "not a complete address"),
        ("/a.jpg", "not a complete address"),
        ("//example.com/a.jpg", "missing scheme, only https is fetched"),
        ("data:image/png;base64,AAAA", "data scheme, only https is fetched"),
        ("file:///etc/hostname", "file scheme, only https is fetched"),
        ("javascript:alert(1)", "javascript scheme, only https is fetched"),
        ("https:///a.jpg", "address without a host"),
        ("https://someone@example.com/a.jpg", "address with a user name"),
        ("https://a:b@example.com/a.jpg", "address with a user name"),
        ("https://bücher.example/a.jpg", "host name with other letters than ASCII"),
        ("https://example.com/" + "a" * 8000, "address longer than 8 kB"),
        ("http://example.com/a.jpg", "http address, only https is fetched"),
        ("https://example.com:22/a.jpg", "port 22, only 80 and 443 are asked"),
        ("https://example.com:99999/a.jpg", "not a valid address"),
        ("https://example.com/a b.jpg", "address with spaces or control characters"),
        ("https://example.com/a\r\nHost: b", "address with spaces or control characters"),
        ("https://example.com\\@127.0.0.1/", "address with spaces or control characters"),
        ("https://[::1/a.jpg", "not a valid address"),
        ("https://10.1.2.3/a.jpg", "address is not public"),
        ("https://169.254.169.254/latest", "address is not public"),
        ("https://exa_mple..com/a.jpg", "not a valid host name"),
    ],
)
def test_a_bad_address_is_refused_with_its_reason(url: str | None, reason: str) -> None:
    with pytest.raises(MediaRefusedError) as refusal:
        check_url(url, STRICT)
    assert refusal.value.reason == reason


def test_loopback_and_its_ports_are_open_only_by_option() -> None:
    url = "http://127.0.0.1:8123/a.jpg"
    assert check_url(url, LOCAL) == url
    assert check_url("http://localhost:8123/a.jpg", LOCAL)
    for refused in ("http://10.0.0.1/", "http://0.0.0.0:8123/", "http://example.com:8123/"):
        with pytest.raises(MediaRefusedError):
            check_url(refused, LOCAL)


@given(st.text(max_size=60), st.sampled_from(["", "https://", "http://", "https://example.com/", "https://["]))
def test_any_text_is_either_taken_unchanged_or_refused(text: str, start: str) -> None:
    try:
        url = check_url(start + text, LOCAL)
    except MediaRefusedError:
        return
    assert url == start + text
    assert url_identity(url) == url.partition("#")[0]
    assert signature_expiry(url) is None


@pytest.mark.parametrize(
    "ip",
    [
        *("0.0.0.0", "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1", "169.254.169.254", "172.16.0.1"),
        *("192.0.0.8", "192.88.99.1", "192.168.1.1", "198.18.0.1", "203.0.113.1", "224.0.0.1", "239.1.1.1"),
        *("240.0.0.1", "255.255.255.255", "::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:10.0.0.1"),
        *("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "3fff::1"),
        *(
            "2002:7f00:1::",
            "2002:a00:1::",
            "5f00::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "fe80::1%eth0",
            "fec0::1",
            "ff02::1",
        ),
        # IPv4 in the ways of RFC 2765, 4380 (Teredo, addresses inverted) and 4291, and what IANA has given to nobody
        *("::ffff:0:7f00:1", "::ffff:0:808:808", "64:ff9b::c0a8:101", "2001:0:7f00:1::", "2001:0:808:808::f5ff:fffe"),
        *("2002:c0a8:101::1", "2002:a9fe:a9fe::", "::808:808", "200::1", "4000::1", "64:ff9b:2::1", "fe00::1"),
    ],
)
def test_no_inner_address_counts_as_public(ip: str) -> None:
    assert not is_public(ip)


@pytest.mark.parametrize("ip", ["8.8.8.8", "157.240.1.1", "2606:4700::1111", "64:ff9b::808:808", "::ffff:8.8.8.8"])
def test_outer_addresses_count_as_public(ip: str) -> None:
    assert is_public(ip)


def test_the_identity_of_instagrams_media_outlives_signature_and_host() -> None:
    old = CDN + "?stp=dst-jpg_e35_s150x150&oh=00_AA&oe=68A1B2C3&_nc_sid=1"
    new = "https://scontent.fgmp1-1.fna.fbcdn.net/v/t51.2885-15/525_132_401_n.jpg?oe=68B1B2C3&stp=dst-jpg_e35_s150x150"
    assert url_identity(old) == url_identity(new)
    assert "oe=" not in url_identity(old)


def test_size_variants_of_one_picture_are_not_the_same() -> None:
    variants = [
        CDN,
        CDN + "?stp=dst-jpg_e35_s150x150",
        CDN.replace("/525", "/s150x150/525"),
        CDN.replace("/525", "/e35/s640x640/525"),
        CDN.replace("_n.jpg", "_a.jpg"),
    ]
    assert len({url_identity(url) for url in variants}) == len(variants)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/v/t51.2885-15/525_132_401_n.jpg?oe=68A1B2C3",
        "http://127.0.0.1:8000/v/t51.2885-15/525_132_401_n.jpg?oe=68A1B2C3",
        "https://evilcdninstagram.com/v/525_132_401_n.jpg?a=1",
        "https://static.cdninstagram.com/rsrc.php/v3/logo.png?x=1",
    ],
)
def test_elsewhere_the_whole_address_is_the_identity(url: str) -> None:
    assert url_identity(url + "#part") == url


@pytest.mark.parametrize(
    ("url", "moment"),
    [
        (CDN + "?oe=6576D61D", datetime(2023, 12, 11, 9, 27, 57, tzinfo=UTC)),
        (CDN.replace("/v/", f"/vp/{'0' * 32}/5CA4F5B5/"), datetime(2019, 4, 3, 18, 4, 37, tzinfo=UTC)),
        (CDN, None),
        (CDN + "?oe=utf-8", None),
        (CDN + "?oe=0000000F", None),
        ("https://example.com/?oe=6576D61D", None),
    ],
)
def test_the_expiry_is_read_from_the_address(url: str, moment: datetime | None) -> None:
    assert signature_expiry(url) == moment
