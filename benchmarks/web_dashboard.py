"""The dashboard of the second source system in its simplest form, as far as `benchmarks.web` asks it.

Its jobs lie in one table; its page asks for all of them in one answer and lists them.
python -m benchmarks.web_dashboard DATABASE
"""

import random
import sqlite3
import sys
import urllib.request
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

_COLUMNS = "id, query, request_limit, out_dir, status, count, error, log, started_at, finished_at"
_ROOT = Path(__file__).parents[1]


def write_jobs(database: Path, count: int) -> None:
    """Make the table, with as many jobs as the history has runs."""
    chance = random.Random(1)
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(f"create table jobs ({_COLUMNS})")
        rows = (
            (
                f"{number:08x}",
                f"펭귄 {number % 500}",
                50,
                f"data/naver_collected/{number:08x}",
                chance.choice(("done", "failed", "cancelled")),
                chance.randrange(50),
                "",
                "\n".join(f"{line} of 50: https://blog.example/{chance.getrandbits(60)}.jpg" for line in range(20)),
                f"2026-01-01T09:{number % 60:02}:00",
                f"2026-01-01T09:{number % 60:02}:41",
            )
            for number in range(count)
        )
        connection.executemany(f"insert into jobs values ({','.join('?' * 10)})", rows)


@contextmanager
def dashboard(database: Path) -> Generator[str]:
    """Serve it until the block ends; the address of its list of jobs."""
    command = [sys.executable, "-m", "benchmarks.web_dashboard", str(database)]
    process = Popen(command, cwd=_ROOT, stdout=PIPE, text=True)
    assert process.stdout
    try:
        url = process.stdout.readline().strip() + "/api/jobs"
        urllib.request.urlopen(url, timeout=60).close()
        yield url
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def _serve(database: str) -> None:
    import socket

    import uvicorn
    from fastapi import FastAPI

    app = FastAPI()
    with closing(sqlite3.connect(database)) as connection:
        connection.row_factory = sqlite3.Row
        jobs: dict[str, dict[str, Any]] = {row["id"]: dict(row) for row in connection.execute("select * from jobs")}

    @app.get("/api/jobs")
    def list_jobs() -> list[dict[str, Any]]:  # pyright: ignore[reportUnusedFunction]
        return [{name: value for name, value in job.items() if name != "log"} for job in jobs.values()]

    listener = socket.create_server(("127.0.0.1", 0))
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listener])


if __name__ == "__main__":
    _serve(sys.argv[1])
