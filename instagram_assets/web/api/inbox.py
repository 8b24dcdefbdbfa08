"""REST API of the inbox: upload export files, and get the state of uploaded ones."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Query, Request, Response
from pydantic import AwareDatetime
from starlette.requests import ClientDisconnect

from instagram_assets.errors import FileError
from instagram_assets.web.dependencies import ServicesDep
from instagram_assets.web.inbox_state import InboxState, read_inbox
from instagram_assets.web.uploads import NotTakenError, Uploaded, take

router = APIRouter(prefix="/api", tags=["inbox"])

_LONGEST_LENGTH = 18
_MOST_READ_AWAY, _SECONDS_READ_AWAY = 256 << 20, 30
_BODY = {"requestBody": {"required": True, "content": {"application/octet-stream": {"schema": {"type": "string"}}}}}
_REFUSALS: dict[int | str, dict[str, str]] = {
    413: {"description": "Larger than `web.max_upload_mb`"},
    415: {"description": "Of a kind that the inbox does not read; the answer says which are taken"},
    507: {"description": "The disk is full; nothing of the file is left"},
}


@router.put("/inbox/{filename:path}", status_code=201, openapi_extra=_BODY, responses=_REFUSALS)
async def put_file(
    request: Request,
    response: Response,
    services: ServicesDep,
    filename: Annotated[str, Path(description="One plain name, such as `posts.json`")],
    modified_at: Annotated[
        AwareDatetime | None, Query(description="When the file was last written where it comes from")
    ] = None,
) -> Uploaded:
    """Put an export file into the inbox: its bytes are the body. 200 if the same file is there already.

    It appears in the inbox when it is complete, and is read by the next run. If other content has its name, a number is
    appended to the name.
    """
    _refuse_parts(request)
    length = request.headers.get("content-length", "")
    announced = int(length) if length.isdecimal() and len(length) <= _LONGEST_LENGTH else None
    body = request.stream()
    try:
        uploaded = await take(filename, body, services.settings, announced, modified_at)
    except (NotTakenError, FileError):
        await _read_away(body)
        raise
    if not uploaded.is_new:
        response.status_code = 200
    return uploaded


@router.get("/inbox")
def get_inbox(
    services: ServicesDep,
    page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
    size: Annotated[int, Query(ge=1, le=100, description="Entries of each list")] = 25,
) -> InboxState:
    """Files waiting in the inbox, files that have landed with their row counts, and rejected files with the reason."""
    return read_inbox(services.lake, services.settings, page, size)


def _refuse_parts(request: Request) -> None:
    """Raise HTTPException for a partial or encoded upload (RFC 9110, 14.5 and 15.5.16)."""
    if "content-range" in request.headers:
        raise HTTPException(400, "Parts of files are not taken. Send the whole file, without Content-Range.")
    if request.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise HTTPException(
            415, "Content-Encoding is not taken. Send the file as it is; .gz and .xz are names of files."
        )


async def _read_away(body: AsyncIterator[bytes]) -> None:
    """Read and discard the rest of a request body, since browsers show no response before they have sent it."""
    read = 0
    with suppress(ClientDisconnect, TimeoutError):
        async with asyncio.timeout(_SECONDS_READ_AWAY):
            async for chunk in body:
                read += len(chunk)
                if read > _MOST_READ_AWAY:
                    return
