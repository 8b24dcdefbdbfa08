"""Optimistic concurrency for objects in a store: each write is conditional on the version that it replaces.

S3 has no locks. A `put_object` with the ETag of the bytes that were read succeeds only if they are still the newest
version; otherwise the change is repeated on the new version. s3fs drops this condition for large writes, so its client
is called directly, with one request per object.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

from upath import UPath

from instagram_assets.errors import StorageError

LARGEST = 100 << 20
"""Maximum bytes of an object that is written with one request."""

_TRIES = 50
_LOST = {"PreconditionFailed", "412", "ConditionalRequestConflict", "409", "NoSuchKey", "404"}
_MISSING = {"NoSuchKey", "404"}


class _Version(NamedTuple):
    data: bytes
    tag: str


def change_object(path: UPath, change: Callable[[bytes | None], bytes]) -> None:
    """Replace an object by the result of `change` on its bytes (None if it does not exist), safely with other writers.

    `change` is called again if another writer was first. Nothing is written if the bytes are unchanged. Raises
    StorageError if the store does not support conditional writes or cannot be reached, or if the object becomes too
    large.
    """
    for _ in range(_TRIES):
        before = _get(path)
        after = change(before.data if before else None)
        if before and after == before.data:
            return
        if len(after) > LARGEST:
            raise StorageError(
                f"{path}: it would have {len(after) >> 20} MB, and on object stores {LARGEST >> 20} MB is the most. "
                "Put the lake on a disk, or split the account's posts over two accounts."
            )
        if _put(path, after, before.tag if before else None):
            return
    raise StorageError(
        f"{path}: other runs wrote it {_TRIES} times while this one tried. Run again when they are done."
    )


def read_object(path: UPath) -> bytes:
    """Returns the bytes of an object. Raises FileNotFoundError, or StorageError if the store cannot be reached."""
    found = _get(path)
    if found is None:
        raise FileNotFoundError(str(path))
    return found.data


def object_names(folder: UPath) -> list[str]:
    """Returns the names of objects and folders in a folder, without s3fs's listing cache: other processes write too."""
    return [name.rstrip("/").rpartition("/")[2] for name in folder.fs.ls(folder.path, detail=False, refresh=True)]


@cache
def check_conditions(root: UPath) -> None:
    """Test once whether the store of `root` supports conditional writes. Raises StorageError if it does not."""
    if root.protocol not in ("s3", "s3a"):
        raise StorageError(
            f"{root}: only disks and S3 with its conditional writes keep two runs apart, not {root.protocol}. "
            "Set INSTAGRAM_ASSETS_LAKE to a folder or to s3://…"
        )
    probe = root / "_conditions"
    _put(probe, b"", None)
    if _put(probe, b"", None) or _put(probe, b"", '"0"'):
        raise StorageError(
            f"{root}: this store ignores conditions on writes (If-None-Match, If-Match), so two runs could lose each "
            "other's rows. Use a store that knows them, as S3 does since 2024, or a disk: INSTAGRAM_ASSETS_LAKE."
        )


def _get(path: UPath) -> _Version | None:
    async def get(client: Any, bucket: str, key: str) -> _Version:
        found = await client.get_object(Bucket=bucket, Key=key)
        async with found["Body"] as body:
            return _Version(await body.read(), found["ETag"])

    return _called(path, get, _MISSING, None)


def _put(path: UPath, data: bytes, tag: str | None) -> bool:
    """Write an object if its ETag is still `tag`, or if it does not exist and `tag` is None; returns whether it did."""

    async def put(client: Any, bucket: str, key: str) -> bool:
        condition = {"IfNoneMatch": "*"} if tag is None else {"IfMatch": tag}
        await client.put_object(Bucket=bucket, Key=key, Body=data, **condition)
        return True

    return _called(path, put, _LOST, False)


def _called(path: UPath, request: Callable[..., Any], expected: set[str], otherwise: Any) -> Any:
    """Returns the result of one S3 request; `otherwise` if it fails with one of the `expected` error codes."""
    from botocore.exceptions import BotoCoreError, ClientError
    from fsspec.asyn import sync

    store: Any = path.fs
    bucket, key, _ = store.split_path(path.path)

    async def call() -> Any:
        await store.set_session()
        return await request(await store.get_s3(bucket), bucket, key)

    try:
        return sync(store.loop, call)
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in expected:
            return otherwise
        raise StorageError(
            f"{path}: the store refuses ({error}). Check its address and keys, then run again."
        ) from error
    except (BotoCoreError, OSError) as error:
        raise StorageError(f"{path}: the store cannot be reached ({error}). Run again when it answers.") from error
