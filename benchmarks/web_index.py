"""Gallery, posts and insights over lakes of up to a million posts and images: part of `benchmarks.web`.

For each size: a lake is written (`benchmarks.web_lake`), its index made and brought up to date after a day's news, each
in a process of its own; the web app is asked for every page and answer, each time with other accounts, words and days,
so that nothing kept of one answer gives the next. By itself: `python -m benchmarks.web_index [--quick] [--json]`.
"""

import json
import shutil
import tempfile
import time
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import numpy as np
import pyarrow as pa
from upath import UPath

from benchmarks.measure import Report, in_child, options
from benchmarks.posts import account_name
from benchmarks.web_asking import READERS, Timed, ask, read_by_many, timed_once_each
from benchmarks.web_index_peers import measure_peers, measure_recall
from benchmarks.web_lake import settings_of, write_lake
from benchmarks.web_lake_images import sentences
from benchmarks.web_lake_posts import LAST_DAY
from benchmarks.web_lake_words import vocabulary
from benchmarks.web_programs import browser, loaded, program
from instagram_assets.arrow import compute
from instagram_assets.storage.lake import read_table
from instagram_assets.storage.lake_writer import write_cells

SIZES = {"10k": 10_000, "100k": 100_000, "1m": 1_000_000}
_TIMES = {True: 5, False: 15}
"""Values that each address is asked with, quickly or not."""
_TARGETS = {
    "slowest_page_ms": 300,
    "text_search_ms": 300,
    "meaning_search_ms": 500,
    "first_60_thumbnails_ms": 1_000,
    "first_load_kb": 1_500,
    "errors_50_readers": 0,
}
_NOBODY = "http://127.0.0.1:1"
_INSIGHTS = ("words", "times", "growth", "viral", "groups")
_WORD_PLACES = (0, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000, 25_000)
"""Of the vocabulary: some words are in every second caption, some in a handful."""
_TILES = 60
# When the browser had the 60th thumbnail, in milliseconds since it was told the address.
_THUMBNAILS = """
const shown = [...document.images].filter(image => image.src.includes("/api/thumbnails/") && image.complete);
const entries = performance.getEntriesByType("resource").filter(entry => entry.name.includes("/api/thumbnails/"));
const ends = entries.map(entry => entry.responseEnd).sort((one, other) => one - other);
return [shown.filter(image => image.naturalWidth).length, ends.length >= arguments[0] ? ends[arguments[0] - 1] : 0];
"""


def measure_index(report: Report, *, quick: bool) -> None:
    """Each size in turn; the figures of the largest also by the names of the issue's."""
    for name, size in list(SIZES.items())[: 1 if quick else None]:
        with tempfile.TemporaryDirectory(prefix=f"benchmark-web-{name}-") as folder:
            data = Path(folder) / "data"
            start = time.perf_counter()
            write_lake(data, size)
            report.note(f"{size:,} posts and images: the lake is written in {time.perf_counter() - start:.0f} s")
            _measure_size(report, data, name, quick=quick)


def _measure_size(report: Report, data: Path, name: str, *, quick: bool) -> None:
    _measure_making(report, data, name)
    settings = settings_of(data)
    model = {"INSTAGRAM_ASSETS_MODELS__EMBEDDING_MODEL": settings.models.embedding_model}
    with program(["web", "--dagster", _NOBODY], data, "/openapi.json", model) as app:
        _store_pictures(app, data)
        paths = _measure_pages(report, app, name, _TIMES[quick])
        _measure_text_search(report, app, name, quick=quick)
        _measure_meaning(report, app, name, quick=quick)
        _measure_browser(report, app, data, name)
        answers = read_by_many(app, paths, 5 if quick else 20)
        wrong = {status: count for status, count in answers.items() if status != "200"}
        _figure(report, "errors_50_readers", name, sum(wrong.values()))
        report.figures["errors_50_readers"] = report.figures.get("errors_50_readers", 0) + sum(wrong.values())
        report.figures[f"index_requests_per_second_{name}"] = answers["200"] / (5 if quick else 20)
        report.note(f"{READERS} readers of the index: {answers['200']} answers, others: {wrong or 'none'}")
        pages = {path: ask(app + path) for path in ("/api/gallery?limit=60", "/api/posts?limit=60")}
        _check_counts(report, pages, data)
        words = vocabulary().words.to_pylist()
        measure_peers(report, app, data, name, [words[place] for place in _WORD_PLACES[2:5]])
    measure_recall(report, data, name)


def _figure(report: Report, key: str, name: str, value: float) -> None:
    report.figures[f"{key}_{name}"] = value
    if value > _TARGETS.get(key, float("inf")):
        report.note(f"MISSED: {key}_{name} is {value:,.0f}, at most {_TARGETS[key]:,}")


def _measure_making(report: Report, data: Path, name: str) -> None:
    made = in_child("benchmarks.web_index:make", str(data))
    change_a_day(data)
    updated = in_child("benchmarks.web_index:make", str(data))
    again = in_child("benchmarks.web_index:make", str(data))
    _figure(report, "index_build_seconds", name, made.seconds)
    _figure(report, "index_build_peak_mb", name, made.peak_mb)
    _figure(report, "index_update_seconds", name, updated.seconds)
    _figure(report, "index_unchanged_seconds", name, again.seconds)
    files = [path for path in (data / "index").rglob("*") if path.is_file()]
    _figure(report, "index_mb", name, sum(path.stat().st_size for path in files) / 1e6)
    report.note(
        f"the index: {made.seconds:.1f} s, {made.peak_mb:.0f} MB of memory; after a new day {updated.seconds:.1f} s,"
        f" without {again.seconds:.1f} s; {report.figures[f'index_mb_{name}']:.0f} MB on disk"
    )


def make(data: str) -> str:
    """Bring the index up to date; in a process of its own."""
    from instagram_assets.lake_index.update import update_index

    settings = settings_of(Path(data))
    return str(update_index(UPath(settings.lake_uri), settings.folder("index"), settings.time_zone))


def change_a_day(data: Path) -> None:
    """Every account's last day as a morning's collecting changes it: its posts have more likes than before."""
    lake = UPath(settings_of(data).lake_uri)
    days = (LAST_DAY, LAST_DAY)
    for table in ("posts", "impressions"):
        rows = read_table(lake, table, days=days)
        more = compute.add(rows["likes"], pa.scalar(7, pa.int64()))
        place = rows.schema.get_field_index("likes")
        accounts = compute.unique(rows["account"]).to_pylist()
        write_cells(lake, table, accounts, days, rows.set_column(place, rows.schema.field(place), more))


def _values(number: int) -> dict[str, str]:
    """Another account, month, word and hashtag for each number."""
    known = vocabulary()
    last = LAST_DAY - timedelta(days=7 * number)
    return {
        "account": account_name(number * 37 % 200),
        "other": account_name((number * 53 + 11) % 200),
        "first": str(last - timedelta(days=30)),
        "last": str(last),
        "early": str(date(2022, 1, 1)),
        "word": quote(known.words[_WORD_PLACES[number % len(_WORD_PLACES)]].as_py()),
        "tag": quote(known.tags[number * 7].as_py()),
        "cluster": f"all/{number * 3}",
        "offset": str(number * 613),
    }


_PAGES = (
    "/gallery?account={account}&first={first}&last={last}",
    "/gallery?q={word}",
    "/posts?account={account}",
    "/posts?q={word}",
    "/morning?day={last}",
    "/age?account={account}",
    *(f"/insights/{page}?account={{account}}" for page in _INSIGHTS),
    *(f"/insights/{page}?first={{first}}&last={{last}}" for page in _INSIGHTS),
)
_ANSWERS = (
    "/api/gallery?limit=200&offset={offset}",
    "/api/gallery?account={account}&account={other}&first={first}&last={last}&quality=passed&limit=200",
    "/api/gallery?cluster={cluster}&sort=sharpest&limit=200",
    "/api/gallery?hashtag={tag}&sort=likes&limit=200",
    "/api/gallery?sharp=150&account={account}&sort=blurriest&limit=200",
    "/api/gallery?first={early}&last={last}&sort=impression&limit=200&offset={offset}",
    "/api/posts?account={account}&sort=likes&limit=60",
    "/api/posts?hashtag={tag}&limit=60",
    "/api/posts?first={early}&last={last}&kind=reel&limit=60&offset={offset}",
    "/api/gallery/facets?account={account}",
    "/api/gallery/facets?q={word}",
)


def _measure_pages(report: Report, app: str, name: str, times: int) -> list[str]:
    """Every page and answer with different values; the addresses that were answered, for readers to ask."""
    timed: list[Timed] = []
    values = [_values(number) for number in range(times)]
    templates = [*_PAGES, *_ANSWERS, *_charts(app), *_of_posts(app, values), *_of_images(app, values)]
    for template in templates:
        ask(app + template.format(**{**values[-1], **_values(times)}))  # what all ask for is made at the first question
        one = timed_once_each(app, template, [template.format(**some) for some in values])
        report.note(
            f"{one.median:7.1f} ms, slowest {one.slowest:7.1f}, {one.bytes / 1e3:8.1f} kB  {one.status} {template}"
        )
        if one.status == 200:
            timed.append(one)
    slowest = max(timed, key=lambda one: one.median)
    report.note(f"the slowest of {len(timed)} pages and answers is {slowest.path}")
    _figure(report, "slowest_page_ms", name, slowest.median)
    _figure(report, f"slowest_page_ms_of_{times}", name, max(one.slowest for one in timed))
    return [one.path.format(**some) for one in timed for some in values[:3]]


def _charts(app: str) -> list[str]:
    """Each chart of the insights: of all posts, of an account, of a month."""
    from instagram_assets.insights.chart_data import CHARTS_BY_NAME

    wanted = ("account={account}", "first={first}&last={last}")
    return [f"/insights/charts/{chart}?{some}" for chart in CHARTS_BY_NAME for some in wanted]


def _of_posts(app: str, values: list[dict[str, str]]) -> list[str]:
    found = _answer(app, "/api/posts?limit=100").get("posts", [])
    for some, post in zip(values, found[:: max(len(found) // len(values), 1)], strict=False):
        some["post"] = f"{post['account']}/{post['post_id']}"
    return ["/posts/{post}", "/api/posts/{post}"] if all("post" in some for some in values) else []


def _of_images(app: str, values: list[dict[str, str]]) -> list[str]:
    found = _answer(app, "/api/gallery?limit=500&quality=passed&status=ok").get("images", [])
    for some, image in zip(values, found[:: max(len(found) // len(values), 1)], strict=False):
        some["image"] = image["image_id"]
    if not all("image" in some for some in values):
        return []
    return [
        *("/gallery/images/{image}", "/api/thumbnails/{image}", "/api/pictures/{image}"),
        "/api/gallery?near={image}&limit=200",
    ]


def _store_pictures(app: str, data: Path) -> None:
    """Give the images that are looked at files under their own hashes: of the lake's JPEGs there are a few hundred."""
    files = sorted((data / "media").glob("*/*.jpg"))
    shown = [
        image["image_id"]
        for query in ("limit=200", "limit=500&quality=passed&status=ok")
        for image in _answer(app, f"/api/gallery?{query}").get("images", [])
        if image["image_id"]
    ]
    for number, image_id in enumerate(dict.fromkeys(shown)):
        place = data / "media" / image_id[:2] / f"{image_id}.jpg"
        place.parent.mkdir(exist_ok=True)
        if not place.exists():
            place.hardlink_to(files[number % len(files)])
    if (status := ask(f"{app}/api/thumbnails/{shown[0]}")[0]) != 200:
        raise AssertionError(f"a thumbnail is answered with {status}")


def _answer(app: str, path: str) -> Any:
    status, content = ask(app + path)
    return json.loads(content) if status == 200 else {}


def _measure_text_search(report: Report, app: str, name: str, *, quick: bool) -> None:
    """Words of captions, from those in every second to those in a few, and two words at once."""
    words = vocabulary().words.to_pylist()
    texts = [words[place + 1] for place in _WORD_PLACES] + [f"{words[place]} {words[2]}" for place in _WORD_PLACES]
    for kind in ("gallery", "posts"):
        paths = [f"/api/{kind}?{urlencode({'q': text, 'limit': 60})}" for text in texts[:: 3 if quick else 1]]
        one = timed_once_each(app, kind, paths)
        report.note(f"text search of {kind}: {one.median:.0f} ms, slowest {one.slowest:.0f}, status {one.status}")
        _figure(report, f"text_search_{kind}_ms", name, one.median)
    _figure(
        report, "text_search_ms", name, max(report.figures[f"text_search_{k}_ms_{name}"] for k in ("gallery", "posts"))
    )


def _measure_meaning(report: Report, app: str, name: str, *, quick: bool) -> None:
    texts = sentences(np.arange(1_000, 1_000 + 2 * _TIMES[quick])).to_pylist()
    until = time.monotonic() + 120
    while (first := ask(f"{app}/api/gallery?{urlencode({'like': texts[0]})}"))[0] == 409 and time.monotonic() < until:
        time.sleep(0.2)
    if first[0] != 200 or not json.loads(first[1])["images"]:
        raise AssertionError(f"search by meaning is answered with {first[0]}: {first[1][:500]!r}")
    paths = [f"/api/gallery?{urlencode({'like': text, 'limit': 60})}" for text in texts[1:]]
    one = timed_once_each(app, "like", paths)
    ids = [image["image_id"] for image in _answer(app, "/api/gallery?limit=200&quality=passed&status=ok")["images"]]
    other = timed_once_each(app, "to", [f"/api/gallery?to={each}&limit=60" for each in ids[: _TIMES[quick]]])
    report.note(
        f"search by a text's meaning: {one.median:.0f} ms, slowest {one.slowest:.0f}; "
        f"by an image's: {other.median:.0f} ms"
    )
    _figure(report, "meaning_search_ms", name, max(one.median, other.median))
    _figure(report, "meaning_search_slowest_ms", name, max(one.slowest, other.slowest))


def _measure_browser(report: Report, app: str, data: Path, name: str) -> None:
    """The first 60 thumbnails of the gallery, made by now or not, and what first visits load."""
    with browser() as driver:
        driver.set_window_size(1_440, 2_400)  # as high as 60 tiles need
        for key in ("first_60_thumbnails_unmade_ms", "first_60_thumbnails_ms"):
            if "unmade" in key:
                shutil.rmtree(data / "thumbnails", ignore_errors=True)
            _figure(report, key, name, _thumbnails_ms(driver, f"{app}/gallery"))
        driver.set_window_size(1_440, 1_000)
        pages = ("/gallery", "/posts", "/morning", "/age", *(f"/insights/{page}" for page in _INSIGHTS))
        there = [path for path in pages if ask(app + path)[0] == 200]
        sizes = {path: sum(loaded(driver, app + path).values()) / 1e3 for path in there}
    report.note(f"first visits, kB: {', '.join(f'{path} {size:.0f}' for path, size in sizes.items())}")
    largest = max(sizes.values())
    _figure(report, "first_load_kb", name, largest)
    report.figures["first_load_kb"] = max(largest, report.figures.get("first_load_kb", 0))


def _thumbnails_ms(driver: Any, url: str) -> float:
    driver.execute_cdp_cmd("Network.clearBrowserCache", {})
    driver.get(url)
    until, shown = time.monotonic() + 30, 0
    while time.monotonic() < until:
        shown, end = driver.execute_script(_THUMBNAILS, _TILES)
        if shown >= _TILES and end:
            return float(end)
        time.sleep(0.02)
    raise TimeoutError(f"{url} shows {shown} thumbnails after 30 seconds, not {_TILES}")


def _check_counts(report: Report, pages: Mapping[str, tuple[int, bytes]], data: Path) -> None:
    """What is asked here is what was written: all images of posts and searches, all posts."""
    lake = UPath(settings_of(data).lake_uri)
    written = {
        "/api/posts?limit=60": read_table(lake, "posts", columns=["post_id"]).num_rows,
        "/api/gallery?limit=60": sum(
            read_table(lake, table, columns=[key]).num_rows
            for table, key in (("images", "post_id"), ("search_images", "rank"))
        ),
    }
    for path, (_, content) in pages.items():
        if (total := json.loads(content)["total"]) != written[path]:
            raise AssertionError(f"{path} has {total}, and {written[path]} were written")
    report.note("as many posts and images are found as were written")


def main() -> None:
    """This part alone."""
    chosen = options(__doc__ or "")
    report = Report("web", ["duckdb", "fastapi", "numpy", "pyarrow"])
    measure_index(report, quick=chosen.quick)
    report.show(as_json=chosen.json)


if __name__ == "__main__":
    main()
