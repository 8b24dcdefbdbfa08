"""What tests ask Instagram's stand-in, and what encrypts it."""

import ssl
from pathlib import Path

import trustme

from instagram_assets.collect.asking import Ask, Outcome
from instagram_assets.collect.http import Client
from instagram_assets.collect.instagram import InstagramSite
from instagram_assets.settings import CollectionSettings
from instagram_assets_tests.servers.instagram_site import InstagramSiteServer


def profile(server: InstagramSiteServer) -> Ask:
    ask = InstagramSite(CollectionSettings(instagram_url=server.url)).next_ask("sun_diary", [])
    assert ask is not None
    return ask


def outcome(server: InstagramSiteServer, client: Client) -> Outcome:
    """What one request for a profile comes to."""
    site = InstagramSite(CollectionSettings(instagram_url=server.url))
    return site.judge(profile(server), client.send(profile(server))).outcome


def tls(folder: Path) -> ssl.SSLContext:
    """A server's certificate for this machine; whose authority `authority.pem` in the folder is."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context
