"""A program that reads a session of Instaloader from its standard input and writes its cookies as JSON.

Sessions are pickles, and a pickle is a program that runs when it is read. So it is read here, in a process of its own
(`python -I -S unpickle.py`) that can open no file and no connection, by an unpickler that makes nothing but dicts and
texts. It imports nothing of this package.
"""

import json
import pickle
import resource
import sys
from io import BytesIO
from typing import Any, NoReturn

MAX_SESSION_BYTES = 65_536
EXIT_REFUSED = 3
"""The exit status for what holds anything but cookies."""
_MEMORY = 512_000_000
_SECONDS = 5
_HARMLESS = ("object.__getattr__", "pickle.find_class", "marshal.loads", "code.__new__")


class _PlainUnpickler(pickle.Unpickler):
    """Makes containers, texts and numbers; whatever would name a class or a function is refused."""

    def find_class(self, module_name: str, global_name: str, /) -> NoReturn:
        raise pickle.UnpicklingError("names code")

    def persistent_load(self, pid: object) -> NoReturn:
        raise pickle.UnpicklingError("names an object elsewhere")


def shut() -> None:
    """From here on this process opens no file and no connection, starts no other, and ends soon."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # The kernel itself gives no further descriptor: neither file nor socket nor pipe.
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))

    def refuse(event: str, _: tuple[Any, ...]) -> None:
        if event not in _HARMLESS:
            raise PermissionError(event)

    sys.addaudithook(refuse)


def cookies_of(data: bytes) -> dict[str, str]:
    """The cookies that a pickled session holds. Raises ValueError for anything else."""
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
    """0 with JSON on the standard output, or `EXIT_REFUSED` with nothing: what was wrong may hold cookies."""
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
