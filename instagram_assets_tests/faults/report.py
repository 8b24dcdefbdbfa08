"""The result of a fault campaign, printed as the benchmarks print theirs: for a reader, or as one JSON object."""

import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path


def note(line: str) -> None:
    """Print a line to standard error, so that standard output stays one JSON object under `--json`."""
    print(line, file=sys.stderr, flush=True)


def print_figures(name: str, packages: Sequence[str], figures: Mapping[str, float], *, as_json: bool) -> None:
    """Print the figures of the campaign `name` with this machine, and with the versions of Python and `packages`."""
    versions = {"python": platform.python_version(), **{package: version(package) for package in packages}}
    rounded = {key: round(value, 3) for key, value in figures.items()}
    if as_json:
        print(json.dumps({"name": name, "machine": _machine(), "versions": versions, "figures": rounded}))
        return
    print(f"{name} on {_machine()}")
    print(", ".join(f"{package} {number}" for package, number in versions.items()))
    for key, value in rounded.items():
        print(f"  {key:<34} {value:>12,.3f}")


def _machine() -> str:
    """Processor, cores, memory and system, in one line."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    cores = len(os.sched_getaffinity(0))
    processor = names[0] if names else platform.machine()
    return f"{processor}, {cores} cores, {memory:.0f} GB, {platform.system()} {platform.release()}"
