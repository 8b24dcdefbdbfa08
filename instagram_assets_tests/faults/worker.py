"""A process that has its imports done and forks one child per request; started by `harness.Worker`.

Requests and answers are one line of JSON each, on standard input and output.
"""

import ctypes
import faulthandler
import gc
import importlib
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NoReturn


def main(target: str, *imports: str) -> None:
    """Serve requests until standard input closes. `target` is "package.module:function"."""
    module, name = target.split(":")
    for heavy in imports:
        importlib.import_module(heavy)
    function = getattr(importlib.import_module(module), name)
    gc.collect()
    gc.freeze()  # no child looks through, and so copies, what is loaded
    print("ready", flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if child == 0:
            _run(function, **request)
        _, status = os.waitpid(child, 0)
        with suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)  # what the child left running
        print(json.dumps({"exit": os.waitstatus_to_exitcode(status)}), flush=True)


def _run(function: Callable[..., object], arguments: list[Any], output: str, seconds: int) -> NoReturn:
    os.setsid()  # a fault kills the whole group: the child and what it starts
    signal.alarm(seconds)
    descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for standard in (1, 2):
        os.dup2(descriptor, standard)
    status = 1
    try:
        function(*arguments)
        ctypes.CDLL(None).faultio_end()
        status = 0
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    faulthandler.enable()
    main(*sys.argv[1:])
