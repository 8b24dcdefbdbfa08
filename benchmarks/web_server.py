"""nginx on loopback with many different JPEGs: plain, over TLS, and with 100 ms of latency.

with serving(folder, count) as site:
    site.urls("https", 100)
"""

import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

LATENCY = 0.1
_MODULES = Path("/usr/lib/nginx/modules")
_INSTALL = "apt-get install nginx libnginx-mod-http-lua openssl"

_CONFIG = """
load_module {modules}/ndk_http_module.so;
load_module {modules}/ngx_http_lua_module.so;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log error;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    open_file_cache max=4000;
    keepalive_requests 1000000;
    default_type image/jpeg;
    root {folder}/site;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    ssl_certificate {folder}/server.pem;
    ssl_certificate_key {folder}/server.key;
    ssl_session_cache shared:SSL:10m;
    server {{ listen 127.0.0.1:{http} backlog=4096; }}
    server {{ listen 127.0.0.1:{https} ssl backlog=4096; }}
    server {{
        listen 127.0.0.1:{slow} backlog=4096;
        location / {{ access_by_lua_block {{ ngx.sleep({latency}) }} }}
    }}
}}
"""


class PeerError(Exception):
    """Something that the comparison needs is not on this machine, or did not work."""


@dataclass(frozen=True)
class Site:
    """The running server: a base address per way, and the certificate that vouches for it."""

    bases: dict[str, str]
    certificate: Path
    files: Path

    def urls(self, way: str, count: int) -> list[str]:
        """`count` addresses, each another picture; `way` is http, https or slow."""
        return [f"{self.bases[way]}/{number}.jpg" for number in range(count)]


@contextlib.contextmanager
def serving(folder: Path, count: int) -> Generator[Site]:
    """nginx with `count` pictures until the block ends; it works below `folder`.

    Raises PeerError without nginx, its Lua module or openssl.
    """
    if not shutil.which("nginx") or not shutil.which("openssl") or not (_MODULES / "ngx_http_lua_module.so").exists():
        raise PeerError(f"nginx with its Lua module and openssl are needed: {_INSTALL}")
    folder.chmod(0o755)  # nginx gives up root's rights before it reads
    draw_pictures(folder / "site", count)
    certificate = _make_certificates(folder)
    http, https, slow = _free_ports(3)
    config = folder / "nginx.conf"
    config.write_text(
        _CONFIG.format(modules=_MODULES, folder=folder, http=http, https=https, slow=slow, latency=LATENCY)
    )
    command = ["nginx", "-p", str(folder), "-c", str(config), "-e", str(folder / "error.log"), "-g", "daemon off;"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for port in (http, https, slow):
            _wait_for(port, process, folder)
        bases = {"http": f"http://127.0.0.1:{http}", "https": f"https://localhost:{https}"}
        yield Site({**bases, "slow": f"http://127.0.0.1:{slow}"}, certificate, folder / "site")
    finally:
        process.terminate()
        process.wait()


def draw_pictures(folder: Path, count: int, kinds: int = 32) -> None:
    """`count` JPEGs of 100 to 250 KB, no two with the same bytes: `kinds` scenes, each file with its own comment."""
    import io

    import numpy as np
    from PIL import Image

    folder.mkdir(parents=True)
    chance = np.random.default_rng(3)
    scenes: list[bytes] = []
    while len(scenes) < kinds:
        # Coarse noise below fine noise gives a photograph's mixture of detail, and so its size.
        coarse = Image.fromarray(chance.integers(0, 256, (20, 20, 3), dtype=np.uint8)).resize((1080, 1080))
        fine = chance.normal(0, chance.uniform(4, 12), (1080, 1080, 3))
        pixels = np.clip(np.asarray(coarse, dtype=float) + fine, 0, 255).astype(np.uint8)
        file = io.BytesIO()
        Image.fromarray(pixels).save(
            file, "JPEG", quality=int(chance.integers(50, 75)), progressive=len(scenes) % 2 == 1
        )
        if 100_000 <= file.tell() <= 250_000:
            scenes.append(file.getvalue())
    for number in range(count):
        scene, comment = scenes[number % kinds], b"%08d" % number
        (folder / f"{number}.jpg").write_bytes(scene[:2] + b"\xff\xfe\x00\x0a" + comment + scene[2:])


def _make_certificates(folder: Path) -> Path:
    """A certificate authority of our own and a certificate of its for localhost; the authority's file."""
    authority, request = folder / "authority.pem", folder / "server.csr"
    extensions = folder / "extensions"
    extensions.write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    make_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    _openssl(
        "req",
        "-x509",
        *make_key,
        "-keyout",
        folder / "authority.key",
        "-out",
        authority,
        "-subj",
        "/CN=Test CA",
        "-days",
        "2",
    )
    _openssl("req", *make_key, "-keyout", folder / "server.key", "-out", request, "-subj", "/CN=localhost")
    signer = ["-CA", authority, "-CAkey", folder / "authority.key", "-CAcreateserial", "-days", "2"]
    _openssl("x509", "-req", "-in", request, *signer, "-extfile", extensions, "-out", folder / "server.pem")
    return authority


def _openssl(*arguments: object) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [listener.getsockname()[1] for listener in sockets]


def _wait_for(port: int, process: subprocess.Popen[bytes], folder: Path) -> None:
    for _ in range(200):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        if process.poll() is not None:
            log = folder / "error.log"
            raise PeerError(f"nginx ended at once: {log.read_text()[-1000:] if log.exists() else 'no message'}")
        time.sleep(0.05)
    raise PeerError(f"nginx does not answer on port {port}")
