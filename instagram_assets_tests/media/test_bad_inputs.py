"""What a server may answer in place of an image, and what the machine may refuse: rows of `docs/bad-inputs.md`."""

import gzip
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from instagram_assets.media.download import DownloadOptions, DownloadOutcome, MediaRequest, download_all
from instagram_assets.media.store import MediaStore
from instagram_assets.storage.atomic import temporary_beside
from instagram_assets_tests.faults.harness import Fault, run_command
from instagram_assets_tests.media.pictures import picture
from instagram_assets_tests.servers import hostile
from instagram_assets_tests.servers.hostile import Behaviour, HostileServer, answer

OPTIONS = DownloadOptions(allow_http=True, allow_loopback=True, retry_wait=0.01, retry_count=1, timeout=0.3, deadline=3)
GOOD, PNG = picture(size=(200, 150)), picture("PNG")
HEIC, AVIF = (b"\0\0\0\x18ftyp" + brand + b"\0\0\0\0mif1miaf" for brand in (b"heic", b"avif"))


def fetch(store: MediaStore, *urls: str | None, options: DownloadOptions = OPTIONS) -> list[DownloadOutcome]:
    return download_all([MediaRequest(number, url) for number, url in enumerate(urls)], store, options)


ANSWERS: dict[str, tuple[Behaviour, str, str | None, str | None]] = {
    "empty answer: zero bytes": (answer(b""), "failed", "empty body", None),
    "page instead of an image: html": (
        answer(b"<!doctype html><title>Log in", Content_Type="image/jpeg"),
        "refused",
        "HTML instead of an image",
        None,
    ),
    "page instead of an image: json": (
        answer(b'{"message": "login_required"}'),
        "refused",
        "JSON instead of an image",
        None,
    ),
    "broken transfer: truncated": (answer(GOOD[:-2]), "failed", "image ends early", None),
    "broken transfer: wrong length": (answer(GOOD, length=len(GOOD) + 9), "failed", "connection lost", None),
    "broken transfer: reset": (hostile.reset_after(GOOD, 900), "failed", "connection lost", None),
    "broken transfer: zeros in a png": (answer(PNG[:-900] + bytes(888) + PNG[-12:]), "failed", "damaged PNG", None),
    "wrong file ending: png named jpg": (answer(PNG, Content_Type="image/jpeg"), "ok", None, ".png"),
    "animation: animated gif": (
        answer(picture("GIF", mode="L", animated=True)),
        "ok",
        "animated, only the first frame counts",
        ".gif",
    ),
    "HEIC or AVIF: heic": (answer(HEIC), "refused", "HEIC is not supported", None),
    "HEIC or AVIF: avif": (answer(AVIF), "refused", "AVIF is not supported", None),
    "active content: svg": (
        answer(b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
        "refused",
        "SVG instead of an image",
        None,
    ),
    "active content: eps": (answer(b"%!PS-Adobe-3.0 EPSF-3.0\n"), "refused", "EPS instead of an image", None),
    "active content: pdf": (answer(b"%PDF-1.7\n"), "refused", "PDF instead of an image", None),
    "two files in one: polyglot": (answer(GOOD + b"PK\x03\x04<html>"), "ok", "trailing bytes after the image", ".jpg"),
    "tracking pixel: tracking pixel": (answer(picture("GIF", mode="L", size=(1, 1))), "ok", None, ".gif"),
    "image with too many pixels: bomb": (
        answer(PNG[:16] + (60_000).to_bytes(4, "big") * 2 + PNG[24:]),
        "refused",
        "60000 x 60000 pixels, more than 40 megapixels",
        None,
    ),
    "odd metadata: huge exif": (answer(picture(exif=b"Exif\0\0" + bytes(60_000))), "ok", None, ".jpg"),
    "expired address: expired": (
        answer(b"URL signature expired", status=403),
        "expired",
        "URL signature expired; collect the post again",
        None,
    ),
    "compressed answer: gzip bomb": (
        answer(gzip.compress(bytes(10**6)), Content_Encoding="gzip"),
        "refused",
        "compressed body that was not asked for",
        None,
    ),
    "compressed answer: wrong gzip": (
        answer(GOOD, Content_Encoding="gzip"),
        "refused",
        "compressed body that was not asked for",
        None,
    ),
    "endless redirect: redirect loop": (
        answer(b"", status=302, Location="/x.jpg"),
        "failed",
        "more than 5 redirects",
        None,
    ),
}


@pytest.mark.parametrize("row", ANSWERS)
def test_what_a_server_may_answer(server: HostileServer, store: MediaStore, row: str) -> None:
    behaviour, status, reason, ending = ANSWERS[row]
    [outcome] = fetch(store, server.on("/x.jpg", behaviour))
    assert (outcome.status, outcome.reason) == (status, reason)
    assert (Path(outcome.path).suffix if outcome.path else None) == ending
    assert len(list(store.root.glob("??/*"))) == (status == "ok")
    assert list((store.root / "incoming").iterdir()) == []


@pytest.mark.bad_input("endless redirect")
def test_a_redirect_does_not_leave_https(server: HostileServer, store: MediaStore) -> None:
    strict = replace(OPTIONS, allow_http=False)
    assert fetch(store, "http://example.com/x.jpg", options=strict)[0].reason == "http address, only https is fetched"
    url = server.on("/x.jpg", answer(b"", status=302, Location="ftp://127.0.0.1/x.jpg"))
    assert fetch(store, url)[0].reason == "redirect refused: ftp scheme, only https is fetched"


@pytest.mark.bad_input("two addresses of one image")
def test_two_addresses_of_the_same_bytes_are_one_file(server: HostileServer, store: MediaStore) -> None:
    one, two = (server.on(path, answer(GOOD)) for path in ("/1.jpg", "/2.jpg"))
    first, second = fetch(store, one, two)
    assert first.path == second.path
    assert len(list(store.root.glob("??/*"))) == 1


@pytest.mark.parametrize(
    "url",
    [None, "", "a.jpg", "data:image/png;base64,AA", "file:///etc/hostname", "https://a@b.example/", "https://bücher.example/",
     "https://b.example/" + "a" * 8000, "https://b.example:22/"],
    ids=lambda url: f"address that is none: {str(url)[:24]}",
)  # fmt: skip
@pytest.mark.bad_input("address that is none")
def test_an_address_that_is_none_is_refused(store: MediaStore, url: str | None) -> None:
    [outcome] = fetch(store, url)
    assert (outcome.status, outcome.attempts) == ("refused", 0)


@pytest.mark.bad_input("leftover of a killed process")
def test_leftovers_are_no_images_and_are_swept(tmp_path: Path) -> None:
    dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    (tmp_path / "incoming").mkdir(parents=True)
    mine = temporary_beside(tmp_path / "incoming" / "body")
    mine.with_name(mine.name.replace(f".{os.getpid()}.", f".{int(dead.stdout)}.")).write_bytes(GOOD[:100])
    with MediaStore(tmp_path):
        assert list((tmp_path / "incoming").iterdir()) == []


@pytest.mark.parametrize(
    "damage", [b"", GOOD[::-1]], ids=["damaged stored image: zero bytes", "damaged stored image: wrong hash"]
)
@pytest.mark.bad_input("damaged stored image")
def test_a_damaged_file_is_fetched_again(server: HostileServer, store: MediaStore, damage: bytes) -> None:
    url = server.on("/a.jpg", answer(GOOD))
    [first] = fetch(store, url)
    assert first.path is not None
    (store.root / first.path).write_bytes(damage)
    [second] = fetch(store, url)
    assert (second.path, second.cached, server.hits("/a.jpg")) == (first.path, False, 2)
    assert (store.root / first.path).read_bytes() == GOOD


@pytest.mark.bad_input("damaged index")
def test_a_malformed_index_is_moved_aside_and_made_again(server: HostileServer, tmp_path: Path) -> None:
    url = server.on("/a.jpg", answer(GOOD))
    with MediaStore(tmp_path) as store:
        fetch(store, url)
    (tmp_path / "index.sqlite").write_bytes(b"\xff" * 9000)
    with MediaStore(tmp_path) as store:
        assert [outcome.status for outcome in fetch(store, url) + fetch(store, url)] == ["ok", "ok"]
    assert server.hits("/a.jpg") == 2
    assert (tmp_path / "index.sqlite.damaged").exists()


LIMITED = """
import resource, signal, sys
from pathlib import Path
from instagram_assets.errors import StorageError
from instagram_assets_tests.faults.harness import Fault, run_command
from instagram_assets.media.download import DownloadOptions, MediaRequest, download_all
from instagram_assets.media.store import MediaStore
base, root, kind = sys.argv[1:]
options = DownloadOptions(allow_http=True, allow_loopback=True, retry_count=0, timeout=1, max_image_mb=500)
def use(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1]) * 1024
with MediaStore(Path(root)) as store:
    download_all([MediaRequest("warm", f"{base}/warm.jpg")], store, options)
    if kind == "limit of the machine: open files":
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    if kind == "limit of the machine: file size":
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))
    if kind == "limit of the machine: memory":
        size = use("VmSize") + 6_000_000
        resource.setrlimit(resource.RLIMIT_AS, (size, size))
    try:
        download_all([MediaRequest(n, f"{base}/{n}.jpg") for n in range(60)], store, options)
    except StorageError as error:
        print(error)
        sys.exit(7)
"""
LIMITS = {
    "limit of the machine: open files": "ulimit -n",
    "limit of the machine: file size": "ulimit -f",
    "limit of the machine: memory": "ulimit -v",
    "limit of the machine: full disk": "Free space",
}


@pytest.mark.parametrize("row", LIMITS)
@pytest.mark.bad_input("limit of the machine")
def test_a_limit_of_the_machine_is_a_clear_error_and_the_store_stays(
    server: HostileServer, tmp_path: Path, row: str
) -> None:
    server.on("/warm.jpg", answer(PNG))
    large = GOOD[:-2] + bytes(8_000_000) + GOOD[-2:]
    for number in range(60):
        behaviour = {
            "limit of the machine: open files": hostile.silent_after(GOOD, 500),
            "limit of the machine: memory": answer(large),
        }
        server.on(f"/{number}.jpg", behaviour.get(row, answer(GOOD)))
    command = [sys.executable, "-W", "error", "-c", LIMITED, server.url("")]
    fault = None
    if row == "limit of the machine: full disk":
        fresh = run_command([*command, str(tmp_path / "fresh"), row], tmp_path / "fresh").operations
        written = [number for number, (name, path) in enumerate(fresh, 1) if name == "write" and ".body." in path]
        fault = Fault("enospc", written[1])
    done = run_command([*command, str(tmp_path / "media"), row], tmp_path / "media", fault)
    assert done.exit == 7, done.output
    assert LIMITS[row] in done.output
    assert list((tmp_path / "media" / "incoming").iterdir()) == []
    assert [path.read_bytes() for path in tmp_path.glob("media/??/*")] == [PNG]


INTERRUPTED = """
import signal
import sys
# Tests that run in the background pass on that these are ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGTERM, signal.SIG_DFL)
from pathlib import Path
from instagram_assets_tests.faults.harness import Fault, run_command
from instagram_assets.media.download import DownloadOptions, MediaRequest, download_all
from instagram_assets.media.store import MediaStore
base, root = sys.argv[1:]
options = DownloadOptions(allow_http=True, allow_loopback=True, timeout=60)
urls = [f"{base}/good.jpg", *(f"{base}/{n}.jpg" for n in range(5))]
try:
    with MediaStore(Path(root)) as store:
        wanted = [MediaRequest(n, url) for n, url in enumerate(urls)]
        download_all(wanted, store, options, lambda progress: print("one", flush=True))
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.mark.parametrize(
    ("number", "times"),
    [(signal.SIGINT, 1), (signal.SIGTERM, 1), (signal.SIGINT, 2), (signal.SIGTERM, 2)],
    ids=["signal: SIGINT", "signal: SIGTERM", "signal: SIGINT twice", "signal: SIGTERM twice"],
)
@pytest.mark.bad_input("signal")
def test_a_signal_ends_the_run_and_keeps_what_was_reported(
    server: HostileServer, tmp_path: Path, number: int, times: int
) -> None:
    server.on("/good.jpg", answer(GOOD))
    for name in range(5):
        server.on(f"/{name}.jpg", hostile.silent_after(GOOD, 700))
    command = [sys.executable, "-c", INTERRUPTED, server.url(""), str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "one\n"
        for _ in range(times):
            process.send_signal(number)
        code = process.wait(timeout=10)
    assert code in ({130, -number} if times == 2 or number == signal.SIGINT else {-number})
    with MediaStore(tmp_path) as store:
        [outcome] = fetch(store, server.url("/good.jpg"))
    assert outcome.cached
    assert list((tmp_path / "incoming").iterdir()) == []


@pytest.mark.bad_input("two processes at once")
def test_two_processes_fill_one_store_with_the_same_files(server: HostileServer, tmp_path: Path) -> None:
    bodies = {f"/{number}.jpg": picture(seed=number) for number in range(40)}
    urls = [server.on(path, answer(body)) for path, body in bodies.items()]
    script = INTERRUPTED.replace("range(5)", "range(40)")
    server.on("/good.jpg", answer(GOOD))
    command = [sys.executable, "-c", script, server.url(""), str(tmp_path)]
    both = [subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    for process in both:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
    assert sorted(path.read_bytes() for path in tmp_path.glob("??/*")) == sorted([GOOD, *bodies.values()])
    with MediaStore(tmp_path) as store:
        assert all(outcome.cached for outcome in fetch(store, *urls))
