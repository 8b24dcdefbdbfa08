"""The gallery as people use it, in Chromium: `python -m benchmarks.gallery [--quick] [--json] [--data INDEX_FOLDER]`.

Over a lake of 100,000 images, with `--quick` of 10,000, or over the data folder of one that was written before: the
first 60 thumbnails; scrolling by wheel, slowly and fast, dragging the bar to the middle, the keys End and Home: tiles
that are seen blank for more than 200 ms, the longest time without a frame, the memory of the page. All of it once while
no thumbnail was ever made, nor is made ahead (`fresh_`), and once with all of them made (`made_`), by another server
each. Then six tasks, each with its actions (a click, a key, a word typed) and the seconds until its result is seen.
"""

import argparse
import os
import shutil
import tempfile
import time
import urllib.request
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.gallery_person import Person
from benchmarks.measure import Report
from benchmarks.web_index import make
from benchmarks.web_lake import settings_of, write_lake
from benchmarks.web_programs import browser, program
from instagram_assets.lake_index.index_reader import IndexHandle
from instagram_assets.lake_index.thumbnails import small_jpeg

_NOBODY = "http://127.0.0.1:1"
_LIST = "benchmark"
_WORD = "bicycle"
_ALONE = {"INSTAGRAM_ASSETS_WEB__THUMBNAILS_AHEAD": "false"}
_BLANK_MS, _TILES, _ACTIONS = 200, 60, 3


def main() -> None:
    """Write the lake where none is named, serve it, look at it, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="10,000 images instead of 100,000")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--data", type=Path, help="a folder of benchmarks.web_lake; its list `benchmark` is deleted")
    chosen = parser.parse_args()
    report = Report("gallery", ["fastapi", "uvicorn", "duckdb", "pillow"])
    with _data(report, chosen.data, 10_000 if chosen.quick else 100_000) as data:
        for state in ("fresh", "made"):
            if state == "made":
                _give_thumbnails(data)
            with program(["web", "--dagster", _NOBODY], data, "/openapi.json", _ALONE) as app, browser() as driver:
                person = Person(driver, app)
                _measure_first(report, person, state)
                _measure_scrolling(report, person, state)
                if state == "made":
                    _measure_tasks(report, person)
    report.show(as_json=chosen.json)


@contextmanager
def _data(report: Report, given: Path | None, size: int) -> Generator[Path]:
    if given is not None:
        make(str(given))
        _give_pictures(given)
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="benchmark-gallery-") as folder:
        data = Path(folder) / "data"
        start = time.perf_counter()
        write_lake(data, size)
        make(str(data))
        _give_pictures(data)
        report.note(f"{size:,} images: the lake and its index are written in {time.perf_counter() - start:.0f} s")
        yield data


def _give_pictures(data: Path) -> None:
    """Lay the picture of each image where its hash says, too: thumbnails are found by it and made of real files."""
    settings = settings_of(data)
    media = settings.folder("media")
    shutil.rmtree(settings.folder("thumbnails"), ignore_errors=True)
    index = IndexHandle(settings.folder("index")).newest()
    for row in index.rows("SELECT DISTINCT image_id, path FROM images WHERE image_id IS NOT NULL AND path IS NOT NULL"):
        place = media / row["image_id"][:2] / f"{row['image_id']}.jpg"
        if not place.exists():
            place.parent.mkdir(exist_ok=True)
            os.link(media / row["path"], place)


def _give_thumbnails(data: Path) -> None:
    """Lay the thumbnail of each image: made once of each different file, of which the images are links."""
    settings = settings_of(data)
    media, folder = settings.folder("media"), settings.folder("thumbnails")
    made: dict[int, Path] = {}
    for path in media.rglob("*.jpg"):
        place = folder / path.parent.name / path.name
        place.parent.mkdir(parents=True, exist_ok=True)
        number = path.stat().st_ino
        place.unlink(missing_ok=True)
        if number in made:
            os.link(made[number], place)
        else:
            place.write_bytes(small_jpeg(path, settings.download.max_megapixels))
            made[number] = place


def _measure_first(report: Report, person: Person, state: str) -> None:
    """From the address to the 60th thumbnail, of a server that was just started."""
    person.opens("/gallery")
    ends = "performance.getEntriesByType('resource').filter(each => each.name.includes('/api/thumbnails/'))"
    script = f"const ends = {ends}.map(each => each.responseEnd).sort((a, b) => a - b); return ends[{_TILES - 1}] ?? 0"
    report.figures[f"{state}_first_60_thumbnails_ms"] = person.until(
        lambda: person.runs(script), f"{_TILES} thumbnails"
    )
    report.figures["images"] = person.runs("return Number(document.querySelector('.grid-tile').ariaSetSize)")
    report.figures["page_height_px"] = person.runs("return document.documentElement.scrollHeight")


def _measure_scrolling(report: Report, person: Person, state: str) -> None:
    """Each way to move, with what was seen meanwhile."""
    ways: dict[str, Callable[[], None]] = {
        "wheel_slow": lambda: person.wheels(120, 60, 0.05),
        "wheel_fast": lambda: person.wheels(480, 60, 0.05),
        "drag_to_middle": lambda: person.drags(0.5),
        "key_end": lambda: person.presses_in_grid("End"),
        "key_home": lambda: person.presses_in_grid("Home"),
    }
    person.until_quiet()
    before = person.memory_mb()
    for name, move in ways.items():
        person.watches()
        move()
        person.until_quiet()
        seen = person.watched()
        report.figures |= {
            f"{state}_{name}_blank_tiles": seen.blank_tiles,
            f"{state}_{name}_longest_blank_ms": seen.longest_blank,
            f"{state}_{name}_longest_frame_ms": seen.longest_frame,
        }
        report.note(
            f"{state}, {name}: {seen.tiles} tiles seen, {seen.blank_tiles} blank over {_BLANK_MS} ms, the longest "
            f"{seen.longest_blank:.0f} ms; {seen.frames} frames, the longest {seen.longest_frame:.0f} ms"
        )
    report.figures |= {
        f"{state}_memory_before_mb": before,
        f"{state}_memory_after_mb": person.memory_mb(),
        "tiles_held": person.tiles(),
    }


def _measure_tasks(report: Report, person: Person) -> None:
    """The six tasks, one after another, as somebody does them."""
    person.opens("/gallery")
    person.runs("localStorage.setItem('gallery-list', arguments[0])", _LIST)
    person.opens("/gallery")
    person.until_quiet()
    tasks: dict[str, Callable[[], object]] = {
        "find_by_caption_word": lambda: _find(person),
        "open_its_post": lambda: _open(person),
        "neighbours": lambda: _neighbours(person),
        "drop_three": lambda: _drop_three(person),
        "undo": lambda: _undo(person),
        "export_a_list": lambda: _export(person),
    }
    try:
        for name, task in tasks.items():
            person.actions, start = 0, time.perf_counter()
            task()
            seconds = time.perf_counter() - start
            report.figures |= {f"{name}_actions": person.actions, f"{name}_seconds": seconds}
            if person.actions > _ACTIONS:
                report.note(f"MISSED: {name} takes {person.actions} actions, at most {_ACTIONS}")
    finally:
        person.asks("DELETE", f"/api/lists/{_LIST}")


def _find(person: Person) -> None:
    person.types("input[name=q]", _WORD)
    person.presses("Enter", leaves=True)
    person.sees(".chips")
    person.until_quiet()


def _open(person: Person) -> None:
    person.clicks("#tile-0")
    person.sees("#panel .caption-text")


def _neighbours(person: Person) -> None:
    person.clicks("#panel a[href*='cluster=']", leaves=True)
    person.until(lambda: "cluster=" in person.runs("return location.search"), "the cluster")
    person.until_quiet()


def _drop_three(person: Person) -> None:
    person.clicks("#tile-0")
    person.until(lambda: person.runs("return document.querySelector('#panel .post') !== null"), "the panel")
    person.actions = 0
    person.clicks("#tile-2", "Shift")
    person.until(lambda: person.count(".grid-tile[aria-selected=true]") == 3, "three are selected")
    person.presses("d")
    person.until(lambda: person.text("#dropped") == "3", "three are dropped")


def _undo(person: Person) -> None:
    person.presses("u")
    person.until(lambda: person.text("#dropped") == "0", "it was taken back")


def _export(person: Person) -> Any:
    person.presses("k")
    person.until(lambda: person.text("#kept") != "0", "one is kept")
    person.clicks(".menu summary")
    person.actions += 1  # the click on the link, whose file is fetched here
    link = person.runs("return document.querySelector('.menu a[data-form=zip]').href")
    with urllib.request.urlopen(link) as answer:
        return answer.read()


if __name__ == "__main__":
    main()
