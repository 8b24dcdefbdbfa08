"""A local image search engine that behaves like Naver's image search, and serves the images, too.

with SearchPage({"고양이": Results(subject(30))}) as server:
    site = server.site()              # the packaged selectors, at this server's address
    ... server.requests["/original/고양이/0.jpg"] ...   # how often that was asked for
"""

import base64
import json
import random
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from functools import lru_cache
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal, Self, cast
from urllib.parse import parse_qs, quote, unquote, urlsplit

from instagram_assets.demo.synthetic_images import CONTENT_TYPES, Scene, encode_image
from instagram_assets.search.search_sites import Site, load_site

Markup = Literal["new", "old", "unknown", "strange"]
"""Naver's markup since 2024, that before, one that only fallback selectors match, and one that no selector matches."""

_THUMBNAIL_WIDTH = 340
_TEMPLATE = Path(__file__).with_name("search_page.html")
_BLANK = base64.b64decode("R0lGODlhAQABAIAAAAAAAAAAACH5BAEAAAAALAAAAAABAAEAAAICRAEAOw==")


class Oddity(Enum):
    """Responses of the fake search page other than search results."""

    EMPTY = auto()
    """A page without results."""
    CONSENT = auto()
    """A consent form."""
    REDIRECT = auto()
    """A redirect to another host."""
    REFUSED = auto()
    """HTTP 403."""
    BROKEN = auto()
    """HTTP 500."""
    ENDLESS = auto()
    """An endless HTML response."""
    HANGING = auto()
    """A page whose only picture never loads."""


@dataclass(frozen=True)
class Results:
    """Search results in page order; scrolling to the end loads the next `batch` results."""

    pictures: Sequence[Scene]
    markup: Markup = "new"
    batch: int = 20
    advertisements: int = 0
    """Number of advertisement tiles, which repeat the page's first pictures."""
    polls: bool = False
    """True if the page polls the server endlessly."""


def subject(
    count: int, shape: str = "star", colour: str = "red", background: str = "white", first_seed: int = 1, **look: Any
) -> list[Scene]:
    """Return different images of one subject, large enough for a dataset.

    `look` are further arguments of `Scene`, such as blur=0.05.
    """
    look = {"width": 640, "height": 480} | look
    return [Scene(shape, colour, background, seed=first_seed + number, **look) for number in range(count)]


def mixed(count: int, seed: int = 1) -> list[Scene]:
    """Return realistic search results in random order: two subjects, and blurred, small and duplicate images.

    About 60 % of `count` are good images of red stars on white, 20 % of green rings on black; the others are red stars
    that are blurred, too small, exact duplicates, or re-encoded duplicates.
    """
    tenth = count // 10
    main = subject(count - 4 * tenth)
    pictures = [
        *main,
        *subject(2 * tenth, "ring", "green", "black", first_seed=10_001),
        *subject(tenth - tenth // 2, first_seed=20_001, blur=0.06),
        *subject(tenth // 2, first_seed=30_001, width=240, height=180),
        *main[: tenth // 2],
        *(replace(scene, quality=55) for scene in main[tenth // 2 : tenth]),
    ]
    random.Random(seed).shuffle(pictures)
    return pictures


class SearchPage:
    """Context manager: a server with search results for `words` (search term → results); other terms have no results.

    Each image response is delayed by `delay` seconds. `requests` counts the requests by path, without the query except
    for the results page.
    """

    def __init__(self, words: Mapping[str, Results | Oddity], delay: float = 0) -> None:
        self.words = words
        self.delay = delay
        self.requests: Counter[str] = Counter()
        self.stopping = threading.Event()
        self._picture = lru_cache(4096)(encode_image)
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), self)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def url(self) -> str:
        """Return the server's base URL, without a slash at the end."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def original(self, word: str, number: int) -> str:
        """Return the URL of a result's full-size image; `number` is its position on the page, from 0."""
        return f"{self.url}/original/{quote(word, safe='')}/{number}.jpg"

    def thumbnail(self, word: str, number: int) -> str:
        """Return the URL of a result's thumbnail, which contains the URL of the full-size image, as on Naver."""
        return f"{self.url}/common/?src={quote(self.original(word, number), safe='')}&type=a340"

    def site(self, **changes: Any) -> Site:
        """Return the packaged site configuration for this server, with short waits; `changes` replace its fields."""
        here = {
            "url": f"{self.url}/search.naver?where=image&query={{query}}",
            "thumbnail_hosts": ("127.0.0.1",),
            "patience": 0.6,
        }
        return Site.model_validate(load_site("naver").model_dump() | here | changes)

    def site_file(self, folder: Path, **changes: Any) -> Path:
        """Write the configuration of `site` to a file, for the setting `sites_file`; returns its path."""
        file = folder / "sites.toml"
        fields = self.site(**changes).model_dump(exclude={"name"})
        # JSON's strings, numbers and lists are also valid TOML.
        lines = [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in fields.items()]
        file.write_text("\n".join(["[naver]", *lines]), encoding="utf-8")
        return file

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def count(self, path: str) -> None:
        with self._lock:
            self.requests[path] += 1

    def picture(self, path: str, thumbnail: bool) -> Scene | None:
        """Return the image for a path below /original/, scaled down for a thumbnail; None if there is none."""
        word, _, file = unquote(path).removeprefix("/original/").rpartition("/")
        results, number = self.words.get(word), file.removesuffix(".jpg")
        if not isinstance(results, Results) or not number.isdecimal() or int(number) >= len(results.pictures):
            return None
        scene = results.pictures[int(number)]
        if not thumbnail:
            return scene
        return replace(scene, width=_THUMBNAIL_WIDTH, height=_THUMBNAIL_WIDTH * scene.height // scene.width)

    def draw(self, scene: Scene) -> bytes:
        return self._picture(scene)

    def batch(self, word: str, start: int) -> dict[str, Any]:
        """Return the results from `start` on as JSON, which the page requests when it is scrolled to the end."""
        results = cast(Results, self.words[word])
        end = min(start + results.batch, len(results.pictures))
        numbers = [*range(start, end), *(range(results.advertisements) if start == 0 else ())]
        items = [{"thumbnail": self.thumbnail(word, number), "number": number} for number in numbers]
        return {"items": items, "next": end if end < len(results.pictures) else None}


class _Server(ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True

    def __init__(self, address: tuple[str, int], page: SearchPage) -> None:
        self.page = page
        super().__init__(address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Suppress errors: a browser closes its connections when it is terminated."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 30

    def do_GET(self) -> None:
        page = cast(_Server, self.server).page
        parts = urlsplit(self.path)
        query = parse_qs(parts.query)
        page.count(parts.path)
        match parts.path:
            case "/search.naver":
                self._results(page, query["query"][0])
            case "/more":
                self._send(json.dumps(page.batch(query["query"][0], int(query["start"][0]))), "application/json")
            case "/common/":
                self._picture(page, urlsplit(query["src"][0]).path, thumbnail=True)
            case "/poll":
                page.stopping.wait(0.2)
                self._send("{}", "application/json")
            case "/never.jpg":
                page.stopping.wait(60)
            case "/blank.gif":
                self._send(_BLANK, "image/gif")
            case path if path.startswith("/original/"):
                self._picture(page, path, thumbnail=False)
            case _:
                self._send("nothing here", status=HTTPStatus.NOT_FOUND)

    def _results(self, page: SearchPage, word: str) -> None:
        answer = page.words.get(word, Oddity.EMPTY)
        if isinstance(answer, Results):
            setup = json.dumps({"word": word, "markup": answer.markup, "polls": answer.polls})
            self._send(_TEMPLATE.read_text("utf-8").replace("{setup}", setup))
            return
        match answer:
            case Oddity.EMPTY:
                logo = '<img src="/blank.gif" data-source="https://logo.example/logo.png" alt="">'
                self._send(
                    f"<title>{_escaped(word)}</title>{logo}<div class=api_noresult_wrap><p>"
                    f"'{_escaped(word)}'에 대한 검색결과가 없습니다.</div>"
                )
            case Oddity.CONSENT:
                self._send("<title>동의</title><form action='/consent/save'><button>동의합니다</button></form>")
            case Oddity.REDIRECT:
                elsewhere = page.url.replace("127.0.0.1", "localhost") + "/search.naver?query=login"
                self._send("", status=HTTPStatus.FOUND, Location=elsewhere)
            case Oddity.REFUSED:
                self._send("<title>Forbidden</title>", status=HTTPStatus.FORBIDDEN)
            case Oddity.BROKEN:
                self._send("<title>Oops</title>", status=HTTPStatus.INTERNAL_SERVER_ERROR)
            case Oddity.HANGING:
                self._send("<title>slow</title><p>Loading…</p><img src=/never.jpg>")
            case Oddity.ENDLESS:
                self.send_response(HTTPStatus.OK)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", "1000000")
                self.end_headers()
                self.wfile.write(b"<title>endless</title><p>Loading")
                page.stopping.wait(60)

    def _picture(self, page: SearchPage, path: str, thumbnail: bool) -> None:
        if not thumbnail and page.delay:
            page.stopping.wait(page.delay)
        scene = page.picture(path, thumbnail)
        if not scene:
            self._send("nothing here", status=HTTPStatus.NOT_FOUND)
            return
        self._send(page.draw(scene), CONTENT_TYPES[scene.format])

    def _send(
        self,
        body: str | bytes,
        content_type: str = "text/html; charset=utf-8",
        status: HTTPStatus = HTTPStatus.OK,
        **headers: str,
    ) -> None:
        data = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Suppress the log of `http.server`: requests are counted instead."""


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")
