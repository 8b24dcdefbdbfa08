"""Runs a function or a command in another process and breaks one of its file operations.

    with Worker("my_package.my_module:main") as worker:       # imports once, then forks each trial
        operations = worker.run(lake, [str(lake)]).operations
        for number in choose(len(operations), trials=20, seed=7):
            outcome = worker.run(fresh_lake, [str(fresh_lake)], Fault("kill", number))

Operations are counted below one folder, over all threads and child processes. What must hold afterwards
is the caller's business. The last operation of a function is called "end": a fault there comes after it
has returned, so that what it wrote must be there.
"""

import json
import mmap
import os
import random
import struct
import subprocess
import sys
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import IO, Literal, get_args

from instagram_assets_tests.faults.build import FaultToolError, library

Kind = Literal["kill", "torn", "enospc", "eio", "power"]
KINDS: tuple[Kind, ...] = get_args(Kind)

# The layout of `struct state` in faultio.c.
_HEADER = struct.Struct("6q464s")
_OPERATION = struct.Struct("16s240s")
_LOGGED = 20_000
_SIZE = _HEADER.size + _LOGGED * _OPERATION.size + 16_384 * 24
_MODES: dict[Kind, int] = {"kill": 1, "torn": 2, "enospc": 3, "eio": 4, "power": 5}
_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Fault:
    """What happens at file operation number `at`, counted from 1.

    kill: the process group dies before it. torn: half of the bytes are written, then it dies. enospc: from
    there on the disk is full. eio: that one operation fails. power: it dies and bytes without fsync are lost.
    """

    kind: Kind
    at: int


@dataclass(frozen=True)
class Outcome:
    """How a trial ended.

    `exit` is 0, 1 for an exception, or minus the signal. `operations` are the first 20,000 as
    (name, path below the root). `fired` says whether the fault was reached; `output` is what was printed.
    """

    exit: int
    count: int
    operations: list[tuple[str, str]]
    fired: bool
    output: str


class Worker:
    """A warm process under the shim: a trial costs a fork, not an import. Use as a context manager.

    `imports` names further modules to load before the first trial: those that the target imports only when called.
    """

    def __init__(self, target: str, imports: Sequence[str] = ()) -> None:
        self._target = target
        self._imports = imports

    def __enter__(self) -> "Worker":
        self._folder = tempfile.TemporaryDirectory(prefix="faults-")
        self._state = _State(Path(self._folder.name) / "state")
        command = [sys.executable, "-m", "instagram_assets_tests.faults.worker", self._target, *self._imports]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=self._state.environment()
        )
        if self._answer() != "ready":
            raise FaultToolError(f"{self._target} cannot be imported; see the message above.")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pipe(self._process.stdin).close()
        self._process.wait()
        self._pipe(self._process.stdout).close()
        self._state.close()
        self._folder.cleanup()

    def run(
        self, root: Path, arguments: Sequence[object], fault: Fault | None = None, *, seconds: int = 120
    ) -> Outcome:
        """Call the target with JSON-like `arguments` in a fresh process; operations below `root` are counted.

        Raises TimeoutError when it takes longer than `seconds`.
        """
        output = Path(self._folder.name) / "output"
        request = {"arguments": arguments, "output": str(output), "seconds": seconds}
        self._state.arm(root, fault)
        pipe = self._pipe(self._process.stdin)
        pipe.write(json.dumps(request) + "\n")
        pipe.flush()
        status: int = json.loads(self._answer())["exit"]
        text = output.read_text(errors="replace") if output.exists() else ""
        if status == -14:
            raise TimeoutError(f"{self._target} with {fault} took longer than {seconds} s:\n{text[-2000:]}")
        return self._state.outcome(status, text)

    def _answer(self) -> str:
        return self._pipe(self._process.stdout).readline().strip()

    @staticmethod
    def _pipe(stream: IO[str] | None) -> IO[str]:
        assert stream is not None
        return stream


def run_command(command: Sequence[str], root: Path, fault: Fault | None = None, *, seconds: int = 120) -> Outcome:
    """Run any program under the shim, in a session of its own; as `Worker.run`, without the warm start."""
    with _state() as state:
        state.arm(root, fault)
        done = subprocess.run(
            command,
            env=state.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            timeout=seconds,
        )
        return state.outcome(done.returncode, done.stdout)


def choose(count: int, trials: int, seed: int) -> list[int]:
    """Different operation numbers out of 1…count, spread evenly over the run, the same for the same seed."""
    chance = random.Random(seed)
    if trials >= count:
        return list(range(1, count + 1))
    edges = [1 + count * trial // trials for trial in range(trials + 1)]
    return [chance.randrange(low, high) for low, high in pairwise(edges)]


class _State:
    """The memory shared with faultio.c."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._library = library()
        path.write_bytes(bytes(0))
        os.truncate(path, _SIZE)
        with path.open("r+b") as stream:
            self._memory = mmap.mmap(stream.fileno(), _SIZE)

    def environment(self) -> dict[str, str]:
        paths = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        # People have their output buffered, so that what is not written yet is lost in other ways.
        own = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
        return {
            **own,
            "LD_PRELOAD": str(self._library),
            "FAULTIO_STATE": str(self._path),
            "PYTHONPATH": os.pathsep.join(paths),
            "PYTHONHASHSEED": "0",  # the same order of operations in every trial
        }

    def arm(self, root: Path, fault: Fault | None) -> None:
        at, mode = (fault.at, _MODES[fault.kind]) if fault else (0, 0)
        name = os.fsencode(root.absolute())
        if len(name) >= 464:
            raise FaultToolError(f"{root}: the path is too long for the fault tools")
        _HEADER.pack_into(self._memory, 0, 0, at, mode, 0, 0, 0, name)
        self._root = os.fsdecode(name)

    def outcome(self, status: int, output: str) -> Outcome:
        count, _, _, fired, *_ = _HEADER.unpack_from(self._memory, 0)
        return Outcome(status, count, [self._operation(i) for i in range(min(count, _LOGGED))], bool(fired), output)

    def close(self) -> None:
        self._memory.close()

    def _operation(self, index: int) -> tuple[str, str]:
        raw: tuple[bytes, bytes] = _OPERATION.unpack_from(self._memory, _HEADER.size + index * _OPERATION.size)
        name, path = (os.fsdecode(text.split(b"\0")[0]) for text in raw)
        return name, path.removeprefix(self._root).lstrip("/")


@contextmanager
def _state() -> Generator[_State, None, None]:
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        state = _State(Path(folder) / "state")
        try:
            yield state
        finally:
            state.close()
