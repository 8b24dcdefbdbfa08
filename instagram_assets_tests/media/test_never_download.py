"""Pictures that were forgotten are not asked for, and not stored whatever address leads to them."""

import hashlib
import io
from dataclasses import replace
from functools import partial

import pyarrow as pa

from instagram_assets.media.archive_images import STORED, store_archive_images
from instagram_assets.media.download import download_all
from instagram_assets.media.download_options import DownloadOptions
from instagram_assets.media.download_types import MediaRequest
from instagram_assets.media.never_download import WAS_FORGOTTEN
from instagram_assets.media.store import MediaStore
from instagram_assets.media.url_checks import url_identity
from instagram_assets.privacy.forgotten_identifiers import Identifiers
from instagram_assets.schemas import SEARCH_RESULTS
from instagram_assets.search.candidate_images import fetch_candidates
from instagram_assets_tests.media.pictures import picture
from instagram_assets_tests.media.test_store import files
from instagram_assets_tests.servers.hostile import HostileServer, answer

OPTIONS = DownloadOptions(allow_http=True, allow_loopback=True, retry_wait=0.01, timeout=0.5)
GOOD, GONE = picture(size=(200, 150)), picture(seed=9)
LARGE = picture(size=(900, 900), kind="PNG", seed=4)
IMAGES = frozenset(hashlib.sha256(content).hexdigest() for content in (GONE, LARGE))


def test_a_forgotten_address_is_not_asked(server: HostileServer, store: MediaStore) -> None:
    gone, good = server.on("/gone.jpg", answer(GONE)), server.on("/good.jpg", answer(GOOD))
    options = replace(OPTIONS, forgotten=Identifiers(urls=frozenset({url_identity(gone)})))
    found = download_all([MediaRequest(0, gone), MediaRequest(1, good)], store, options)
    assert [(outcome.status, outcome.reason) for outcome in found] == [("refused", WAS_FORGOTTEN), ("ok", None)]
    assert server.hits("/gone.jpg") == 0


def test_forgotten_bytes_are_not_stored_whatever_leads_to_them(server: HostileServer, store: MediaStore) -> None:
    addresses = [server.on(f"/{n}.jpg", answer(body)) for n, body in enumerate((GONE, LARGE, GOOD))]
    options = replace(OPTIONS, forgotten=Identifiers(images=IMAGES))
    found = download_all([MediaRequest(n, url) for n, url in enumerate(addresses)], store, options)
    assert [outcome.status for outcome in found] == ["refused", "refused", "ok"]
    assert [(store.root / path).read_bytes() for path in files(store)] == [GOOD]


def test_what_is_stored_and_forgotten_since_is_not_given(server: HostileServer, store: MediaStore) -> None:
    address = server.on("/gone.jpg", answer(GONE))
    assert download_all([MediaRequest(0, address)], store, OPTIONS)[0].status == "ok"
    options = replace(OPTIONS, forgotten=Identifiers(images=IMAGES))
    (again,) = download_all([MediaRequest(0, address)], store, options)
    assert (again.status, again.reason, again.path) == ("refused", WAS_FORGOTTEN, None)


def test_the_thumbnail_of_a_forgotten_picture_is_not_taken_for_it(server: HostileServer, store: MediaStore) -> None:
    gone, small = server.on("/gone.jpg", answer(GONE)), server.on("/small.jpg", answer(GOOD))
    results: pa.Table = SEARCH_RESULTS.table([{"rank": 1, "url": gone, "fallback_url": small}])
    options = replace(OPTIONS, forgotten=Identifiers(images=IMAGES))
    (found,) = fetch_candidates(results, store, options)
    assert (found.status, server.hits("/small.jpg")) == ("refused", 0)


def test_pictures_at_hand_are_refused_by_account_address_and_bytes(store: MediaStore) -> None:
    given = [
        (f"archive://{account}/media/posts/{number}.jpg", partial(io.BytesIO, content))
        for number, (account, content) in enumerate([("jane", GOOD), ("moon", GONE), ("moon", GOOD)])
    ]
    options = replace(OPTIONS, forgotten=Identifiers(accounts={"jane": "forgotten_1"}, images=IMAGES))
    assert store_archive_images(given, store, options) == {STORED: 1, WAS_FORGOTTEN: 2}
    assert [(store.root / path).read_bytes() for path in files(store)] == [GOOD]
