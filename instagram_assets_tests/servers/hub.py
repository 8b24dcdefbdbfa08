"""A loopback stand-in of the model hub, for huggingface_hub's own client.

with HubServer() as hub:
    commit = hub.add("someone/clip", folder)              # a repository with these files at revision main
    hub.add("someone/clip", other, revision="refs/pr/3")  # a proposal
    ... HF_ENDPOINT=hub.url ...

It speaks what huggingface_hub 2.4 asks of a model: its info, its tree, its refs, and files with their headers and
parts. https://huggingface.co/docs/hub/api
"""

import hashlib
import json
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import unquote

LARGE = 10_000
"""Files from this size on are kept as the hub keeps large files: known by the SHA-256 of their bytes."""


@dataclass
class Repository:
    """Revisions → commit, and commit → file name → bytes."""

    refs: dict[str, str] = field(default_factory=dict[str, str])
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict[str, dict[str, bytes]])
    unreadable: set[str] = field(default_factory=set[str])


@dataclass(frozen=True)
class Request:
    """One request as it arrived."""

    method: str
    path: str
    range: str
    token: str


class HubServer:
    """Serves repositories, cuts connections and flips bits on request, and remembers what it was asked."""

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.requests: list[Request] = []
        self.cut_once: dict[str, int] = {}
        self.damaged: set[str] = set()
        self.private_to = ""
        server = self

        class Handler(_Handler):
            hub = server

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()

    def add(self, name: str, folder: Path, revision: str = "main") -> str:
        """Serve the files of a folder as this revision; its commit."""
        files = {file.name: file.read_bytes() for file in sorted(folder.iterdir())}
        commit = hashlib.sha1(b"".join(key.encode() + body for key, body in files.items())).hexdigest()
        repository = self.repositories.setdefault(name, Repository())
        repository.refs[revision] = commit
        repository.commits[commit] = files
        return commit

    def fetched(self) -> list[str]:
        """Names of the files whose bytes were asked for, in order."""
        return [
            request.path.rpartition("/")[2]
            for request in self.requests
            if request.method == "GET" and "/resolve/" in request.path
        ]


class _Handler(BaseHTTPRequestHandler):
    hub: HubServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def _answer(self) -> None:
        path = unquote(self.path.partition("?")[0])
        token = self.headers.get("authorization", "")
        self.hub.requests.append(Request(self.command, path, self.headers.get("range", ""), token))
        if self.hub.private_to and token != f"Bearer {self.hub.private_to}":
            self._refuse(401, "RepoNotFound")
        elif asked := re.fullmatch(r"/api/models/(?P<name>[^/]+/[^/]+)/refs", path):
            self._refs(asked["name"])
        elif asked := re.fullmatch(r"/api/models/(?P<name>[^/]+/[^/]+)/(?P<what>revision|tree)/(?P<rev>.+)", path):
            self._about(asked["name"], asked["what"], asked["rev"])
        elif asked := re.fullmatch(r"/(?P<name>[^/]+/[^/]+)/resolve/(?P<rev>.+)/(?P<file>[^/]+)", path):
            self._file(asked["name"], asked["rev"], asked["file"])
        else:
            self._refuse(404, "RepoNotFound")

    def _refs(self, name: str) -> None:
        refs = self.hub.repositories[name].refs
        listed = [{"name": ref, "ref": ref, "targetCommit": commit} for ref, commit in refs.items()]
        proposals = [ref for ref in listed if ref["ref"].startswith("refs/pr/")]
        branches = [ref for ref in listed if ref not in proposals]
        self._json({"branches": branches, "converts": [], "tags": [], "pullRequests": proposals})

    def _about(self, name: str, what: str, revision: str) -> None:
        if not (found := self._commit(name, revision)):
            return
        commit, files = found
        if what == "revision":
            self._json({"id": name, "sha": commit, "siblings": [{"rfilename": file} for file in files], "tags": []})
            return
        self._json([_tree_entry(file, body) for file, body in files.items()])

    def _file(self, name: str, revision: str, file: str) -> None:
        if not (found := self._commit(name, revision)):
            return
        commit, files = found
        if file not in files:
            self._refuse(404, "EntryNotFound")
            return
        if self.command == "GET" and file in self.hub.repositories[name].unreadable:
            self._refuse(403, "Unreadable")
            return
        body = files[file]
        headers = {"X-Repo-Commit": commit, "ETag": f'"{_object_id(body)}"', "Accept-Ranges": "bytes"}
        if len(body) >= LARGE:
            headers |= {"X-Linked-Size": str(len(body)), "X-Linked-ETag": f'"{hashlib.sha256(body).hexdigest()}"'}
        if file in self.hub.damaged:
            body = body[:-1] + bytes([body[-1] ^ 1])
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("range", ""))
        start = int(asked[1]) if asked else 0
        if asked:
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        self._send(206 if asked else 200, body[start:], headers, self._cut(file))

    def _cut(self, file: str) -> int | None:
        """After how many bytes the connection of this answer breaks."""
        return self.hub.cut_once.pop(file, None) if self.command == "GET" else None

    def _commit(self, name: str, revision: str) -> tuple[str, dict[str, bytes]] | None:
        repository = self.hub.repositories.get(name)
        if repository is None:
            self._refuse(401, "RepoNotFound")  # as for private ones: who has no token is not told which
            return None
        commit = repository.refs.get(revision, revision)
        if commit not in repository.commits:
            self._refuse(404, "RevisionNotFound")
            return None
        return commit, repository.commits[commit]

    def _refuse(self, status: int, code: str) -> None:
        self._send(status, b"{}", {"X-Error-Code": code, "X-Error-Message": code})

    def _json(self, content: Any) -> None:
        self._send(200, json.dumps(content).encode(), {"Content-Type": "application/json"})

    def _send(self, status: int, body: bytes, headers: dict[str, str], cut: int | None = None) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body[:cut])
        if cut is not None:
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        pass


def _object_id(body: bytes) -> str:
    """Git's name of a file's content."""
    return hashlib.sha1(b"blob %d\0%b" % (len(body), body)).hexdigest()


def _tree_entry(file: str, body: bytes) -> dict[str, Any]:
    entry: dict[str, Any] = {"type": "file", "oid": _object_id(body), "size": len(body), "path": file}
    if len(body) >= LARGE:
        entry["lfs"] = {"oid": hashlib.sha256(body).hexdigest(), "size": len(body), "pointerSize": 134}
    return entry
