"""The web app with a long history and a large lake: `python -m benchmarks.web [--quick] [--json]`.

A data folder with 200 accounts, an image search of 500 images and 10,000 runs in Dagster's history; a real Dagster
webserver and the web app, each a process of its own. Every page, part and answer of the REST API that GET gives is
asked 20 times after one more: the slowest page's median must stay below 300 ms. A first visit is Chromium's, its cache
empty: all bytes as they are sent. Then 50 readers ask for all pages at once for 20 s. The history is asked at 100,
1,000 and 10,000 runs, beside two others: the dashboard of the second source system in its simplest form, which sends
all jobs in one answer, and the list of runs of the Dagster UI. `--quick` reads for 5 s.

Then the gallery, the posts and the insights, with the index of lakes of 10,000, 100,000 and 1,000,000 posts and images
(`benchmarks.web_index`); `--quick` has 10,000 alone.
"""

import importlib
import json
import pkgutil
import re
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from benchmarks.measure import Report, options
from benchmarks.posts import account_name
from benchmarks.web_asking import READERS, Timed, ask, read_by_many, timed
from benchmarks.web_dashboard import dashboard, write_jobs
from benchmarks.web_data import add_history, write_platform
from benchmarks.web_index import measure_index
from benchmarks.web_programs import browser, loaded, program

_GROWTH = (100, 1_000, 10_000)
_TIMES = 20
_MOST_PAGE_MS, _MOST_KB = 300, 1_500
_HISTORY = "/jobs"
# As the Dagster UI 1.13 asks for its page of runs, 25 at a time.
_RUNS = """{ runsOrError(limit: 26) { ... on Runs { results {
  id runId status jobName canTerminate hasReExecutePermission creationTime startTime endTime updateTime
  tags { key value } repositoryOrigin { id repositoryName repositoryLocationName } assetSelection { path }
  stats { ... on RunStatsSnapshot { enqueuedTime launchTime startTime endTime } }
} } } }"""


def main() -> None:
    """Fill the folder, serve, ask, print."""
    chosen = options(__doc__ or "")
    report = Report("web", ["dagster", "dagster-webserver", "fastapi", "jinja2", "uvicorn"])
    with tempfile.TemporaryDirectory(prefix="benchmark-web-") as name:
        data = Path(name) / "data"
        write_platform(data)
        with (
            program(["dagster-ui"], data, "/server_info") as dagster,
            program(["web", "--dagster", dagster], data, "/") as app,
        ):
            growth, runs = _growth(report, data, app, dagster)
            _measure_pages(report, app, runs[-1])
            _measure_first_loads(report, app, dagster)
            _measure_readers(report, app, 5 if chosen.quick else 20)
            _measure_peers(report, data, growth[-1], dagster)
    measure_index(report, quick=chosen.quick)
    report.show(as_json=chosen.json)


def routes(kind: str) -> list[str]:
    """The paths that GET gives, of the `pages` or of the `api`."""
    package = importlib.import_module(f"instagram_assets.web.{kind}")
    found = pkgutil.iter_modules(package.__path__, f"{package.__name__}.")
    routers: list[Any] = [importlib.import_module(module.name).router for module in found]
    return sorted({route.path for router in routers for route in router.routes if "GET" in route.methods})


def _growth(report: Report, data: Path, app: str, dagster: str) -> tuple[list[Timed], list[str]]:
    """The history's page at each size of the history, and the ids of all runs."""
    runs: list[str] = []
    pages: list[Timed] = []
    for size in _GROWTH:
        runs += add_history(data / "dagster", size - len(runs), len(runs))
        pages.append(_timed(app, _HISTORY))
        report.figures[f"history_page_ms_{size}"] = pages[-1].median
        report.note(f"{size} runs: the history's page {pages[-1].median:.0f} ms, {pages[-1].bytes / 1e3:.0f} kB")
    return pages, runs


def _measure_pages(report: Report, app: str, run: str) -> None:
    """Every page, part and answer, and which of them is the slowest."""
    pages, answers = (_timed_all(report, app, [*routes(kind), *more], run) for kind, more in _KINDS.items())
    for kind, every in (("page", pages), ("answer", answers)):
        counting = [one for one in every if _counts_all(one.path)]
        timed = [one for one in every if one not in counting]
        report.figures[f"forget_preview_{kind}_ms"] = max(one.median for one in counting)
        slowest = max(timed, key=lambda one: one.median)
        report.note(f"the slowest {kind} is {slowest.path}")
        report.figures[f"slowest_{kind}_ms"] = slowest.median
        report.figures[f"slowest_{kind}_ms_of_{_TIMES}"] = max(one.slowest for one in timed)
    if (slowest := report.figures["slowest_page_ms"]) > _MOST_PAGE_MS:
        report.note(f"MISSED: {slowest:.0f} ms of a page, at most {_MOST_PAGE_MS}")


_KINDS: Mapping[str, Sequence[str]] = {"pages": (), "api": ("/openapi.json",)}


def _counts_all(path: str) -> bool:
    """Of what counts in every file what forgetting an account would take; its page is there meanwhile, and says so."""
    return path.endswith("/forget/preview") or (path.startswith("/api/") and path.endswith("/forget"))


def _timed_all(report: Report, app: str, paths: Sequence[str], run: str) -> list[Timed]:
    timed = [_timed(app, _filled(app, path, run)) for path in paths]
    for one in timed:
        report.note(
            f"{one.median:7.1f} ms, slowest {one.slowest:7.1f}, {one.bytes / 1e3:8.1f} kB  {one.status} {one.path}"
        )
        if one.status >= 500:
            raise AssertionError(f"{one.path} is answered with {one.status}")
    return [one for one in timed if one.status == 200]


def _filled(app: str, path: str, run: str) -> str:
    """A route's path with what is there in the place of its parameters."""
    path = path.replace("{job_id}", run).replace("{name}", account_name(7))
    if "{filename" in path:
        _, content = ask(f"{app}/api/jobs/{run}/images")
        path = re.sub(r"\{filename[^}]*\}", quote(_first_name(json.loads(content))), path)
    return path


def _first_name(listed: Any) -> str:
    """The name of the first image of a list, or of the list in an object."""
    images = listed if isinstance(listed, list) else next(value for value in listed.values() if isinstance(value, list))
    first: Any = images[0]
    return str(first if isinstance(first, str) else first.get("filename") or first["name"])


def _timed(app: str, path: str) -> Timed:
    """Ask 20 times, or 3 times what takes long."""
    return timed(app, path, 3 if _counts_all(path) else _TIMES)


def _measure_first_loads(report: Report, app: str, dagster: str) -> None:
    """The largest first visit of all pages, and that of the Dagster UI's list of runs."""
    with browser() as driver:
        sizes = {path: sum(loaded(driver, app + path).values()) / 1e3 for path in _whole_pages(app)}
        peer = sum(loaded(driver, f"{dagster}/runs").values()) / 1e3
    largest = max(sizes, key=lambda path: sizes[path])
    report.note(f"first visits, kB: {', '.join(f'{path} {size:.0f}' for path, size in sizes.items())}")
    report.figures |= {
        "first_load_kb": sizes[largest],
        "dagster_ui_first_load_kb": peer,
        "first_load_ratio_vs_dagster_ui": peer / sizes[largest],
    }
    if sizes[largest] > _MOST_KB:
        report.note(f"MISSED: {sizes[largest]:.0f} kB, at most {_MOST_KB}")


def _whole_pages(app: str) -> list[str]:
    """Without the parts that pages fetch."""
    paths = [path for path in routes("pages") if "{" not in path]
    return [path for path in paths if ask(app + path)[1].lstrip()[:9].lower() == b"<!doctype"]


def _measure_readers(report: Report, app: str, seconds: float) -> None:
    pages = _whole_pages(app)
    answers = read_by_many(app, pages, seconds)
    wrong = {status: count for status, count in answers.items() if status != "200"}
    report.figures |= {
        "errors_50_readers": sum(wrong.values()),
        "requests_per_second": answers["200"] / seconds,
    }
    report.note(f"{READERS} readers for {seconds:.0f} s: {answers['200']} answers, others: {wrong or 'none'}")


def _measure_peers(report: Report, data: Path, ours: Timed, dagster: str) -> None:
    """The same history by others: one answer with all jobs, and the query of the Dagster UI's list."""
    database = data / "jobs.sqlite"
    write_jobs(database, _GROWTH[-1])
    with dashboard(database) as url:
        theirs = _timed(url, "")
    query = json.dumps({"query": _RUNS}).encode()
    seconds: list[float] = []
    for _ in range(_TIMES):
        start = time.perf_counter()
        _, content = ask(f"{dagster}/graphql", query)
        seconds.append(time.perf_counter() - start)
        if b'"errors"' in content:
            raise AssertionError(content.decode()[:2_000])
    runs = statistics.median(seconds) * 1e3
    report.note(f"all jobs in one answer: {theirs.median:.0f} ms, {theirs.bytes / 1e3:.0f} kB; Dagster: {runs:.0f} ms")
    report.figures |= {
        "dashboard_ms": theirs.median,
        "ratio_vs_dashboard": theirs.median / ours.median,
        "bytes_ratio_vs_dashboard": theirs.bytes / ours.bytes,
        "dagster_runs_query_ms": runs,
        "ratio_vs_dagster_runs_query": runs / ours.median,
    }


if __name__ == "__main__":
    main()
