"""A sandboxed program that reads an Instaloader session from standard input and writes its cookies as JSON.

Sessions are pickles, and a pickle can run code when it is loaded. Therefore it is loaded by this program, in a separate
process (`python -I -S session_unpickler.py`) that can open no file and no connection, by an unpickler that creates only
containers, strings and numbers. It imports no other module of this package.
"""

import json
import pickle
import resource
import sys
from io import BytesIO
from typing import Any, NoReturn

MAX_SESSION_BYTES = 65_536
EXIT_REFUSED = 3
"""The exit status for a file with anything but cookies."""
_MEMORY = 512_000_000
_SECONDS = 5
_HARMLESS = ("object.__getattr__", "pickle.find_class", "marshal.loads", "code.__new__")


class _PlainUnpickler(pickle.Unpickler):
    """An unpickler for containers, strings and numbers only: it refuses any class or function."""

    def find_class(self, module_name: str, global_name: str, /) -> NoReturn:
        raise pickle.UnpicklingError("names code")

    def persistent_load(self, pid: object) -> NoReturn:
        raise pickle.UnpicklingError("names an object elsewhere")


def shut() -> None:
    """Restricts this process for the rest of its life: no files, no connections, no subprocesses, little CPU time."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # The kernel then gives no further descriptor: neither file nor socket nor pipe.
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))

    def refuse(event: str, _: tuple[Any, ...]) -> None:
        if event not in _HARMLESS:
            raise PermissionError(event)

    sys.addaudithook(refuse)


def cookies_of(data: bytes) -> dict[str, str]:
    """Returns the cookies (name → value) in a pickled session. Raises ValueError for any other content."""
    found: Any = _PlainUnpickler(BytesIO(data)).load()
    if type(found) is not dict:
        raise ValueError("no dict")
    cookies: dict[str, str] = {}
    for name, value in found.items():
        if type(name) is not str or type(value) not in (str, type(None)):
            raise ValueError("no texts")
        if value is not None:
            cookies[name] = value
    return cookies


def main() -> int:
    """Writes the cookies to standard output and returns 0; on an error returns `EXIT_REFUSED` without output.

    No error message is written, since it might contain cookies.
    """
    data = sys.stdin.buffer.read(MAX_SESSION_BYTES + 1)
    shut()
    try:
        answer = json.dumps(cookies_of(data))
    except BaseException:
        return EXIT_REFUSED
    sys.stdout.write(answer)
    return 0


if __name__ == "__main__":
    sys.exit(main())
