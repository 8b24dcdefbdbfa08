"""Images per second from nginx on loopback: the downloader against img2dataset, the first source's loop and curl.

`python -m benchmarks.download [--quick] [--json]`. Plain and over TLS, and with 100 ms of latency. Rates are
marginal: the difference between a small and a large run, so that starting up does not count. Bodies and results are
in memory (/dev/shm) where there is room, since peers never wait for the disk; what the disk costs is a line of its own.
"""

import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from benchmarks.downloaders import CONNECTIONS, curl, img2dataset, ours, peer_python, source
from benchmarks.measure import Report, options
from benchmarks.web_server import LATENCY, PeerError, Site, serving

_ROOT = Path(__file__).parents[1]
_WAYS = {"http": "http", "tls": "https"}


class Run(NamedTuple):
    """What one process and its children took."""

    seconds: float
    cpu: float
    peak_mb: float


@dataclass(frozen=True)
class Rate:
    """What one image more costs, and the highest memory of the large run."""

    per_second: float
    cpu_per_1000: float
    peak_mb: float

    def __str__(self) -> str:
        return f"{self.per_second:7,.0f} images/s  {self.cpu_per_1000:5.2f} CPU s/1000  {self.peak_mb:5.0f} MB"


class Bench:
    """Runs the sides against one server and keeps what they write apart."""

    def __init__(self, site: Site, folder: Path) -> None:
        self._site = site
        self._folder = folder

    def rates(
        self, way: str, sides: dict[Callable[..., None], str], small: int, large: int, rounds: int
    ) -> dict[str, Rate]:
        """The marginal rate of each side (function: its Python), alternated; raises when bytes are not the same."""
        runs: dict[tuple[str, int], list[Run]] = {}
        for turn in range(rounds):
            for count in (small, large):
                for side, python in sides.items():
                    check = self._same_bytes if turn == 0 and count == small else None
                    runs.setdefault((side.__name__, count), []).append(self.run(side, python, way, count, check=check))
        names = [side.__name__ for side in sides]
        return {name: _marginal(runs[name, small], runs[name, large], large - small) for name in names}

    def run(
        self,
        side: Callable[..., None],
        python: str,
        way: str,
        count: int,
        *more: object,
        check: Callable[[Path, int], None] | None = None,
    ) -> Run:
        """One side in a fresh process, `count` images over `way`."""
        target = self._folder / "out"
        arguments = [self._site.bases[way], count, str(target), *more]
        command = [python, "-m", "benchmarks.measure", f"benchmarks.downloaders:{side.__name__}", json.dumps(arguments)]
        _touch_memory(self._folder / "room", count * 150_000)
        environment = {**os.environ, "SSL_CERT_FILE": str(self._site.certificate), "NO_ALBUMENTATIONS_UPDATE": "1"}
        try:
            run = _watch(command, environment)
            if check is not None:
                check(target, count)
            return run
        finally:
            shutil.rmtree(target, ignore_errors=True)
            target.with_suffix(".txt").unlink(missing_ok=True)

    def _same_bytes(self, target: Path, count: int) -> None:
        wanted = {_sha256(self._site.files / f"{number}.jpg") for number in range(count)}
        found = {_sha256(path) for path in target.rglob("*.jpg")}
        if found != wanted:
            raise AssertionError(f"{target}: {len(found)} different images instead of {len(wanted)}")


def main() -> None:
    """Serve, measure, print."""
    chosen = options(__doc__ or "")
    small, large, rounds = (400, 3000, 3) if chosen.quick else (2000, 16_000, 3)
    report = Report("download", ["aiohttp"])
    memory = Path("/dev/shm")
    place = memory if memory.is_dir() and shutil.disk_usage(memory).free > large * 450_000 else None
    sides = {
        ours: sys.executable,
        source: peer_python("source"),
        img2dataset: peer_python("img2dataset"),
        curl: sys.executable,
    }
    with tempfile.TemporaryDirectory(dir=place) as name, serving(Path(name), large) as site:
        bench = Bench(site, Path(name))
        report.note(
            f"{large:,} JPEGs, {_average(site.files) / 1000:.0f} KB on average; marginal from {small:,} images on"
        )
        for label, way in _WAYS.items():
            rates = bench.rates(way, sides, small, large, rounds)
            _compare(report, label, rates)
            _note_limit(report, label, f"{site.bases[way]}/0.jpg", rates["ours"])
        _latency(report, bench, large, 1 if chosen.quick else rounds)
        if not chosen.quick:
            least = bench.run(ours, sys.executable, "http", 1000, CONNECTIONS, large).peak_mb
            most = bench.run(ours, sys.executable, "http", 50_000, CONNECTIONS, large).peak_mb
            report.figures["extra_mb_50000"] = most - least
            report.note(f"memory: {least:.0f} MB for 1,000 addresses, {most:.0f} MB for 50,000")
        _prices(report, site)
    report.show(as_json=chosen.json)


def _compare(report: Report, label: str, rates: dict[str, Rate]) -> None:
    for name, rate in rates.items():
        report.note(f"{label:<5}{name:<12}{rate}")
    mine = rates["ours"]
    for name in ("img2dataset", "source"):
        report.figures[f"ratio_vs_{name}_{label}"] = mine.per_second / rates[name].per_second
        report.figures[f"cpu_ratio_vs_{name}_{label}"] = rates[name].cpu_per_1000 / mine.cpu_per_1000
        report.figures[f"memory_ratio_vs_{name}_{label}"] = rates[name].peak_mb / mine.peak_mb
    report.figures[f"images_per_second_{label}"] = mine.per_second
    report.figures[f"cpu_seconds_per_1000_{label}"] = mine.cpu_per_1000


def _latency(report: Report, bench: Bench, distinct: int, rounds: int) -> None:
    """How much of connections / latency is reached, at 50 connections and at 256."""
    for connections in (CONNECTIONS, 256):
        counts = connections * 10, connections * 60
        few, many = (
            [bench.run(ours, sys.executable, "slow", n, connections, distinct) for _ in range(rounds)] for n in counts
        )
        rate, bound = _marginal(few, many, counts[1] - counts[0]), connections / LATENCY
        report.note(
            f"{LATENCY * 1000:.0f} ms, {connections} connections: {rate}, {rate.per_second / bound:.0%} of the bound"
        )
        name = "share_of_latency_bound" + ("" if connections == CONNECTIONS else f"_{connections}")
        report.figures[name] = rate.per_second / bound


def _note_limit(report: Report, label: str, url: str, mine: Rate) -> None:
    """What the server gives to a client that throws everything away."""
    if not shutil.which("wrk"):
        report.note("wrk is not installed: the server's limit was not measured")
        return
    done = subprocess.run(
        ["wrk", "-t1", f"-c{CONNECTIONS}", "-d3s", url], stdout=subprocess.PIPE, text=True, check=True
    )
    [line] = [line for line in done.stdout.splitlines() if line.startswith("Requests/sec:")]
    limit = float(line.split()[1])
    report.note(f"{label:<5}wrk         {limit:7,.0f} requests/s; ours reaches {mine.per_second / limit:.0%} of it")


def _prices(report: Report, site: Site) -> None:
    """Microseconds per image of each promise, measured alone."""
    from instagram_assets.media.download_options import DownloadOptions, SizeLimits
    from instagram_assets.media.store import MediaStore
    from instagram_assets.media.url_checks import check_url, signature_expiry
    from instagram_assets.media.verify import check_media
    from instagram_assets.storage.fingerprints import url_identity

    local = DownloadOptions(allow_http=True, allow_loopback=True)
    bodies = [(site.files / f"{number}.jpg").read_bytes() for number in range(256)]
    urls = site.urls("https", len(bodies))

    def keep(fsync: Callable[[int], None]) -> None:
        real, os.fsync = os.fsync, fsync
        try:
            with tempfile.TemporaryDirectory() as folder, MediaStore(Path(folder)) as store:
                for start in range(0, len(bodies), 64):
                    batch = [
                        (str(number), store.receiver(SizeLimits("image", 10**9, 100)))
                        for number in range(start, start + 64)
                    ]
                    for number, incoming in batch:
                        incoming.write(bodies[int(number)])
                    store.add([(number, incoming.finish()) for number, incoming in batch])
        finally:
            os.fsync = real

    def each(work: Callable[[], object]) -> float:
        return statistics.median(_timed(work) for _ in range(5)) / len(bodies) * 1e6

    unsynced = each(lambda: keep(lambda descriptor: None))
    prices = {
        "address": each(lambda: [(check_url(url, local), url_identity(url), signature_expiry(url)) for url in urls]),
        "verify": each(lambda: [check_media(body, "image", 40) for body in bodies]),
        "hash": each(lambda: [hashlib.sha256(body).hexdigest() for body in bodies]),
        "write": unsynced,
        "fsync": each(lambda: keep(os.fsync)) - unsynced,
    }
    for name, microseconds in prices.items():
        where = f" in {tempfile.gettempdir()}" if name in ("write", "fsync") else ""
        report.note(f"price of {name:<8}{microseconds:7.0f} us per image{where}")
        report.figures[f"price_us_{name}"] = microseconds


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _watch(command: list[str], environment: dict[str, str]) -> Run:
    """Run a command to its end; its seconds, CPU seconds and highest memory, children included."""
    with tempfile.TemporaryFile() as output:
        start = time.perf_counter()
        process = subprocess.Popen(command, cwd=_ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT)
        peak = 0.0
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            peak = max(peak, _memory_mb(process.pid))
            time.sleep(0.02)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            output.seek(0)
            raise PeerError(f"{command} failed:\n{output.read()[-3000:].decode(errors='replace')}")
    return Run(seconds, usage.ru_utime + usage.ru_stime, peak)


def _memory_mb(pid: int) -> float:
    """Memory of a process and its descendants; pages that they share count once, in parts."""
    total, waiting = 0, [pid]
    while waiting:
        one = waiting.pop()
        try:
            lines = Path(f"/proc/{one}/smaps_rollup").read_text().splitlines()
            waiting += map(int, Path(f"/proc/{one}/task/{one}/children").read_text().split())
        except OSError:
            continue  # it ended meanwhile
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total * 1024 / 1e6


def _marginal(small: list[Run], large: list[Run], count: int) -> Rate:
    seconds = statistics.median(run.seconds for run in large) - statistics.median(run.seconds for run in small)
    cpu = statistics.median(run.cpu for run in large) - statistics.median(run.cpu for run in small)
    return Rate(count / seconds, cpu / count * 1000, statistics.median(run.peak_mb for run in large))


def _touch_memory(file: Path, size: int) -> None:
    """Fill and free as much as a run will write: a virtual machine makes whoever is first wait for the memory."""
    piece = bytes(4 << 20)
    with open(file, "wb", buffering=0) as stream:
        for _ in range(size // len(piece) + 1):
            stream.write(piece)
    file.unlink()


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _average(folder: Path) -> float:
    return statistics.mean(path.stat().st_size for path in folder.iterdir())


if __name__ == "__main__":
    main()
