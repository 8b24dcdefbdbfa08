"""A real PostgreSQL cluster for one test session: 127.0.0.1, free port, temporary folder."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import psycopg2

from instagram_assets_tests.servers.free_ports import free_port

_USER = "postgres"


class Cluster(NamedTuple):
    """Where the server listens and how to log in; databases are made with `create`."""

    port: int
    user: str
    password: str
    binaries: Path
    account: list[str]
    folder: Path

    def create(self, database: str, template: str = "template1") -> dict[str, str]:
        """Make a database, empty or as another is that nobody uses; its `variables`."""
        connection = psycopg2.connect(
            host="127.0.0.1", port=self.port, user=self.user, password=self.password, dbname="postgres"
        )
        connection.autocommit = True  # a database cannot be made inside a transaction
        connection.cursor().execute(f'create database "{database}" template "{template}"')
        connection.close()
        return self.variables(database)

    def start(self) -> None:
        """Start the server; it answers when this returns."""
        # Durability is the server's promise, not ours: tests need not wait for the disk.
        options = (
            f"-c listen_addresses=127.0.0.1 -c port={self.port} -c unix_socket_directories={self.folder} -c fsync=off"
        )
        _run(self, "pg_ctl", "-D", self.folder / "data", "-w", "-l", self.folder / "log", "-o", options, "start")

    def stop(self, mode: str = "fast") -> None:
        """Stop the server; whoever is connected is no longer."""
        _run(self, "pg_ctl", "-D", self.folder / "data", "-w", "-m", mode, "stop")

    def variables(self, database: str) -> dict[str, str]:
        """The variables that `homes/postgres/dagster.yaml` asks for."""
        return {
            "POSTGRES_HOST": "127.0.0.1",
            "POSTGRES_PORT": str(self.port),
            "POSTGRES_USER": self.user,
            "POSTGRES_PASSWORD": self.password,
            "POSTGRES_DB": database,
        }


@contextmanager
def postgres_cluster() -> Generator[Cluster, None, None]:
    """Start a cluster and stop it at the end. Raises FileNotFoundError without PostgreSQL's server."""
    binaries = _server_binaries()
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    # The server refuses to run as root.
    account = ["runuser", "-u", _USER, "--"] if os.geteuid() == 0 else []
    password = folder / "password"
    password.write_text("a test's password")
    if account:
        owner = pwd.getpwnam(_USER)
        os.chown(folder, owner.pw_uid, owner.pw_gid)
        os.chown(password, owner.pw_uid, owner.pw_gid)
    cluster = Cluster(free_port(), "dagster", password.read_text(), binaries, account, folder)
    try:
        # A password is asked for; md5, since Dagster connects for each event, and SCRAM's hash takes longer than it.
        login = ["-U", cluster.user, f"--pwfile={password}", "-A", "md5"]
        _run(cluster, "initdb", "-D", folder / "data", *login, "-N", "-E", "UTF8")
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.stop("immediate")
    finally:
        shutil.rmtree(folder)


def _server_binaries() -> Path:
    found = shutil.which("initdb")
    folders = (
        [Path(found).resolve().parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    )
    for folder in folders:
        if (folder / "initdb").exists():
            return folder
    raise FileNotFoundError("PostgreSQL's server is missing (initdb). Install it: apt-get install postgresql")


def _run(cluster: Cluster, program: str, *arguments: object) -> None:
    command = [*cluster.account, str(cluster.binaries / program), *map(str, arguments)]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd="/"
    )
    if done.returncode:
        raise RuntimeError(f"{program} failed: {done.stdout}")
