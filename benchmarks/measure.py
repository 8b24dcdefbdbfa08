"""What every benchmark shares: fresh child processes, alternated rounds, medians, one report.

As a program (`python -m benchmarks.measure package.module:function ARGUMENTS`) it is that child process.
"""

import argparse
import importlib
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROUNDS = 3
_ROOT = Path(__file__).parents[1]
_MB = 1e6


@dataclass(frozen=True)
class Measured:
    """One call in a child process: seconds inside it, memory in MB, and what it returned.

    `cpu_seconds` are those of the processor, over all threads: they say more on a busy machine. `extra_mb` is the
    highest memory in use minus that just before the call.
    """

    seconds: float
    cpu_seconds: float
    peak_mb: float
    extra_mb: float
    result: Any


@dataclass
class Report:
    """The figures of one benchmark, and the lines that explain them to a reader."""

    name: str
    packages: Sequence[str]
    figures: dict[str, float] = field(default_factory=dict[str, float])
    lines: list[str] = field(default_factory=list[str])

    def note(self, line: str) -> None:
        """Say something to whoever reads along; kept out of standard output for `--json`."""
        self.lines.append(line)
        print(line, file=sys.stderr, flush=True)

    def show(self, *, as_json: bool) -> None:
        """Print one JSON object, or figures under the line about the machine."""
        versions = {"python": platform.python_version(), **{name: version(name) for name in self.packages}}
        figures = {key: round(value, 3) for key, value in self.figures.items()}
        if as_json:
            print(json.dumps({"name": self.name, "machine": machine(), "versions": versions, "figures": figures}))
            return
        print(f"{self.name} on {machine()}")
        print(", ".join(f"{name} {number}" for name, number in versions.items()))
        for key, value in figures.items():
            print(f"  {key:<34} {value:>12,.3f}")


def options(description: str, *, rounds: int | None = None) -> argparse.Namespace:
    """The two options of every benchmark, `quick` and `json`; also `rounds` where a default for it is given."""
    parser = argparse.ArgumentParser(description=description)
    if rounds is not None:
        parser.add_argument("--rounds", type=int, default=rounds, help=f"rounds of a full run; {rounds} if not given")
    parser.add_argument("--quick", action="store_true", help="at most three minutes; leaves out the sized figures")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser.parse_args()


def in_child(target: str, *arguments: object, environment: Mapping[str, str] | None = None) -> Measured:
    """Call "package.module:function" with JSON-like arguments in a fresh Python.

    Raises RuntimeError with the child's exit status and output when it fails.
    """
    command = [sys.executable, "-m", "benchmarks.measure", target, json.dumps(arguments)]
    done = subprocess.run(
        command,
        cwd=_ROOT,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"{target}{arguments} ended with {done.returncode}:\n{done.stderr[-3000:]}")
    return Measured(**json.loads(done.stdout.splitlines()[-1]))


def run_command(command: Sequence[str], environment: Mapping[str, str], folder: Path) -> Measured:
    """Run a program to its end in `folder`: seconds, processor time and memory of it and all that it started.

    The memory is the highest of any one of these processes. Raises RuntimeError with the program's exit status and
    output when it fails.
    """
    with tempfile.TemporaryFile() as output:
        start = time.perf_counter()
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            output.seek(0)
            said = output.read().decode("utf-8", "replace")[-3000:]
            raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}:\n{said}")
    peak = usage.ru_maxrss * 1024 / _MB
    return Measured(seconds, usage.ru_utime + usage.ru_stime, peak, peak, None)


def alternate(sides: Mapping[str, Callable[[], Measured]], rounds: int = ROUNDS) -> dict[str, list[Measured]]:
    """Measure each side once per round, so that a busy moment of the machine meets all of them.

    Raises AssertionError when the sides do not return the same.
    """
    measured: dict[str, list[Measured]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            measured[name].append(side())
        results = {name: runs[-1].result for name, runs in measured.items()}
        if len({json.dumps(result, sort_keys=True) for result in results.values()}) > 1:
            raise AssertionError(f"the sides do not give the same result: {results}")
    return measured


def median_seconds(runs: Sequence[Measured]) -> float:
    """The middle of the times."""
    return statistics.median(run.seconds for run in runs)


def median_cpu_seconds(runs: Sequence[Measured]) -> float:
    """The middle of the processor's times."""
    return statistics.median(run.cpu_seconds for run in runs)


def import_seconds(module: str) -> float:
    """Seconds to import `module`, in a process that has imported nothing else."""
    start = time.perf_counter()
    importlib.import_module(module)
    return time.perf_counter() - start


def machine() -> str:
    """The machine in one line: processor, cores, memory, system."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    cores = len(os.sched_getaffinity(0))
    processor = names[0] if names else platform.machine()
    return f"{processor}, {cores} cores, {memory:.0f} GB, {platform.system()} {platform.release()}"


def _memory_mb(key: str) -> float:
    # Of this program alone: ru_maxrss would also count the memory of the process that started it.
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(key))
    return int(line.split()[1]) * 1024 / _MB


def _child(target: str, arguments: str) -> None:
    module, name = target.split(":")
    function = getattr(importlib.import_module(module), name)
    before = _memory_mb("VmRSS")
    start, cpu_start = time.perf_counter(), time.process_time()
    result = function(*json.loads(arguments))
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
    peak = _memory_mb("VmHWM")
    measured = Measured(seconds, cpu_seconds, peak, peak - before, result)
    print(json.dumps(asdict(measured)))


if __name__ == "__main__":
    _child(*sys.argv[1:])
