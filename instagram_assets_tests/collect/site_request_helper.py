"""What tests ask Instagram's stand-in, and what encrypts it."""

import ssl
from pathlib import Path

import trustme

from instagram_assets.collect.http_client import HttpClient
from instagram_assets.collect.instagram_site import InstagramSite
from instagram_assets.collect.site_adapter import Request, ResponseOutcome
from instagram_assets.settings import CollectionSettings
from instagram_assets_tests.servers.instagram_site import InstagramSiteServer


def profile(server: InstagramSiteServer) -> Request:
    request = InstagramSite(CollectionSettings(instagram_url=server.url)).next_request("sun_diary", [])
    assert request is not None
    return request


def outcome(server: InstagramSiteServer, client: HttpClient) -> ResponseOutcome:
    """What one request for a profile comes to."""
    site = InstagramSite(CollectionSettings(instagram_url=server.url))
    return site.classify(profile(server), client.send(profile(server))).outcome


def tls(folder: Path) -> ssl.SSLContext:
    """A server's certificate for this machine; whose authority `authority.pem` in the folder is."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context
