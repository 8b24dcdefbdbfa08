"""One post, seen through the Graph API, in an Apify export and by the collector of the site, is one row."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from upath import UPath

from instagram_assets.collect.backoff import Backoff
from instagram_assets.collect.collect_one_site import collect
from instagram_assets.collect.collection_results import CollectionOutcome
from instagram_assets.collect.collection_scope import CollectionScope
from instagram_assets.collect.collector_database import CollectorDatabase
from instagram_assets.collect.graph_api_site import GraphApiSite
from instagram_assets.collect.http_client import HttpClient
from instagram_assets.collect.instagram_site import InstagramSite
from instagram_assets.collect.rate_limiter import Limiter
from instagram_assets.collect.retrying_requester import Requester
from instagram_assets.collect.site_adapter import Request, Response, SiteAdapter
from instagram_assets.demo.graph_api_data import GraphAccount, GraphMedium, GraphPost
from instagram_assets.ingest import landing
from instagram_assets.ingest.merge import merge_posts
from instagram_assets.ingest.observations import read_posts, read_profiles
from instagram_assets.settings import CollectionSettings, GraphApiSettings, load_settings
from instagram_assets.settings.rate_limits import parse_rates
from instagram_assets_tests.collect.virtual_clock import START, VirtualClock
from instagram_assets_tests.ingest.formats.writers import Medium, Plain, apify
from instagram_assets_tests.ingest.records import write
from instagram_assets_tests.servers.graph_api import FaultyGraph
from instagram_assets_tests.servers.instagram_people import SitePerson, SitePost
from instagram_assets_tests.servers.instagram_site import InstagramSiteServer

NAME = "sun_diary"
BEGAN = datetime.fromtimestamp(START, UTC)
HOUR = timedelta(hours=1)
MADE = SitePerson.made(NAME, 4, newest=BEGAN - timedelta(days=3))
"""Of its posts one is an image; the others are as they come."""
(IMAGE,) = (post for post in MADE.posts if post.kind == "image")


def test_one_post_of_three_sources_is_one_row_with_three_observations(tmp_path: Path) -> None:
    clock, database, inbox = VirtualClock(START), CollectorDatabase(tmp_path / "books"), tmp_path / "inbox"

    def gather(site: SiteAdapter, send: Callable[[Request], Response]) -> None:
        limiter = Limiter(database, site.identity, parse_rates("1,30"), clock, print)
        requester = Requester(site, send, database, limiter, Backoff(), clock, print)
        (found,) = collect(
            site, requester, [NAME], CollectionScope(), database=database, inbox=inbox, clock=clock, log=print
        )
        assert (found.outcome, found.posts) == (CollectionOutcome.COMPLETE, len(MADE.posts)), found

    account = GraphAccount(NAME, "17841400000000042", [in_the_api(post) for post in MADE.posts])
    with FaultyGraph([account], now=clock.now) as graph, HttpClient(graph.url) as client:
        settings = GraphApiSettings(api_url=graph.url, user_id=graph.own_id)
        gather(GraphApiSite(settings, graph.token, database, clock), client.send)
    clock.time = (BEGAN + HOUR).timestamp()
    liked = replace(MADE, posts=tuple(replace(post, likes=(post.likes or 0) + 10) for post in MADE.posts))
    with InstagramSiteServer({NAME: liked}, now=clock.now) as server, HttpClient(server.url) as client:
        gather(InstagramSite(CollectionSettings(instagram_url=server.url), clock=clock), client.send)

    lake = UPath(tmp_path / "lake")
    lake_settings = load_settings(start_day=date(2015, 1, 1))
    for file in sorted(inbox.iterdir()):
        landed = landing.land_file(file, lake, settings=lake_settings)
        assert (landed.format, landed.quarantined, landed.accounts) == ("collected", 0, (NAME,))
    export = write(tmp_path, json.dumps([apify(in_an_export(IMAGE))]), "dataset.json")
    landing.land_file(export, lake, settings=lake_settings, observed_at=BEGAN + 2 * HOUR)

    window = date(2010, 1, 1), date(2100, 1, 1)
    posts, reels = (read_posts(lake, kind, [NAME], *window) for kind in ("posts", "reels"))
    rows = merge_posts(posts, reels, read_profiles(lake, [NAME])).to_pylist()
    assert sorted(row["post_id"] for row in rows) == sorted(str(post.number) for post in MADE.posts)
    (row,) = (row for row in rows if row["post_id"] == str(IMAGE.number))
    assert (row["observations"], row["likes"], row["owner"], row["shortcode"]) == (3, 77, NAME, IMAGE.shortcode)
    assert row["observed_at"] == BEGAN + 2 * HOUR
    seen = [(each["observed_at"], each["likes"]) for each in posts.to_pylist() if each["post_id"] == row["post_id"]]
    assert seen == [(BEGAN, IMAGE.likes), (BEGAN + HOUR, (IMAGE.likes or 0) + 10), (BEGAN + 2 * HOUR, 77)]


def in_the_api(post: SitePost) -> GraphPost:
    """A post of the site as Meta's API has it: its id is another, its code the same."""
    kind = "VIDEO" if post.is_video else "CAROUSEL_ALBUM" if post.kind == "sidecar" else "IMAGE"
    return GraphPost(
        id=f"179{post.number % 10**13:013}",
        number=post.number,
        owner=post.owner,
        caption=post.caption,
        media_type=kind,
        is_reel=post.kind == "reel",
        taken_at=post.taken_at,
        likes=post.likes,
        comments=post.comments,
        media=tuple(GraphMedium(post.picture(place)) for place in range(2 if kind == "CAROUSEL_ALBUM" else 1)),
    )


def in_an_export(post: SitePost) -> Plain:
    """The same post two hours later, for a writer of Apify's form."""
    seconds = int(post.taken_at.timestamp())
    media = (Medium(post.picture()),)
    return Plain(post.number, post.owner, int(post.owner_id), seconds, post.caption, 77, 9, media, ())
