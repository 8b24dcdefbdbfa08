"""Compiles `faultio.c` once per source text."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

_SOURCE = Path(__file__).with_name("faultio.c")


class FaultToolError(Exception):
    """The fault tools cannot be made or used on this machine."""


def library() -> Path:
    """The compiled shared library, made in the user's cache folder when it is not there yet.

    Raises FaultToolError without Linux or a C compiler.
    """
    if sys.platform != "linux":
        raise FaultToolError("Faults are injected with LD_PRELOAD, which needs Linux.")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "instagram_assets"
    made = cache / f"faultio-{hashlib.sha256(_SOURCE.read_bytes()).hexdigest()[:16]}.so"
    if made.exists():
        return made
    compiler = shutil.which(os.environ.get("CC", "cc")) or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise FaultToolError("No C compiler found (cc, gcc or clang). Install one: apt-get install gcc libc6-dev")
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        output = Path(folder) / "faultio.so"
        command = [compiler, "-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-o", str(output), str(_SOURCE), "-ldl"]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode:
            raise FaultToolError(f"{compiler} could not compile {_SOURCE.name}:\n{done.stdout}")
        os.replace(output, made)
    return made
