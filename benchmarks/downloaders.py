"""The sides of the download benchmark, each called in a fresh process: `function(base, count, folder, ...)`.

They fetch `base/0.jpg` to `base/{count - 1}.jpg` into `folder`. The peers have their own virtual environments, so
nothing but the standard library is imported at the top.
"""

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

CONNECTIONS = 50
_PEERS = {"img2dataset": ["img2dataset==1.47.0"], "source": ["aiohttp==3.14.5", "aiofiles==25.1.0"]}


def peer_python(name: str) -> str:
    """The Python that has a peer's packages; made in the user's cache folder when it is not there yet.

    Raises subprocess.CalledProcessError when its packages cannot be installed.
    """
    packages = _PEERS[name]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "instagram_assets" / "peers"
    folder = cache / "+".join(packages)
    python = folder / "bin" / "python"
    ready = folder / "ready"
    if not ready.exists():
        print(f"Installing {', '.join(packages)} into {folder}", file=sys.stderr, flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "-q", *packages], check=True, stdout=sys.stderr)
        ready.touch()
    return str(python)


def ours(base: str, count: int, folder: str, connections: int = CONNECTIONS, distinct: int = 0) -> None:
    """The downloader of this package, every promise kept; with `distinct`, more addresses than there are files."""
    import asyncio

    from instagram_assets.media.download import DownloadOptions, MediaRequest, download
    from instagram_assets.media.event_loop import event_loop
    from instagram_assets.media.store import MediaStore

    options = DownloadOptions(allow_http=True, allow_loopback=True, max_concurrent_requests=connections, timeout=30)
    urls = (f"{base}/{number % (distinct or count)}.jpg?{number}" for number in range(count))

    async def fetch_all() -> None:
        with MediaStore(Path(folder)) as store:
            async for outcome in download((MediaRequest(None, url) for url in urls), store, options):
                if outcome.status != "ok":
                    raise RuntimeError(f"{outcome.url}: {outcome.reason}")

    with asyncio.Runner(loop_factory=event_loop) as runner:
        runner.run(fetch_all())


def source(base: str, count: int, folder: str, connections: int = CONNECTIONS) -> None:
    """The loop that data_refine describes: a semaphore, gather, aiofiles; nothing is checked."""
    import asyncio

    import aiofiles  # pyright: ignore[reportMissingModuleSource, reportMissingImports]  # in the peer's environment
    import aiohttp

    async def fetch_all() -> None:
        slots = asyncio.Semaphore(connections)

        async def fetch(session: aiohttp.ClientSession, number: int) -> None:
            async with slots, session.get(f"{base}/{number}.jpg") as answer:
                answer.raise_for_status()
                body = await answer.read()
                async with aiofiles.open(f"{folder}/{number}.jpg", "wb") as file:
                    await file.write(body)

        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None, sock_read=30)) as session:
            await asyncio.gather(*(fetch(session, number) for number in range(count)))

    Path(folder).mkdir()
    asyncio.run(fetch_all())


def img2dataset(base: str, count: int, folder: str, processes: int = 2, threads: int = 32) -> None:
    """img2dataset at its fastest: no re-encoding, a process per core, files as they came."""
    import img2dataset as package  # pyright: ignore[reportMissingImports]  # in the peer's environment

    addresses = Path(f"{folder}.txt")
    addresses.write_text("".join(f"{base}/{number}.jpg\n" for number in range(count)))
    package.download(
        url_list=str(addresses),
        output_folder=folder,
        processes_count=processes,
        thread_count=threads,
        number_sample_per_shard=max(1, -(-count // (2 * processes))),
        resize_mode="no",
        disable_all_reencoding=True,
        enable_wandb=False,
    )


def curl(base: str, count: int, folder: str) -> None:
    """curl with 50 parallel transfers: close to the limit of the server on this machine."""
    command = ["curl", "-sSf", "--parallel", "--parallel-max", str(CONNECTIONS), "--create-dirs"]
    command += ["--cacert", os.environ["SSL_CERT_FILE"], "-o", f"{folder}/#1.jpg", f"{base}/[0-{count - 1}].jpg"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
