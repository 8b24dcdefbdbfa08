"""What waits, failed, was refused or is missing, each with its remedy."""

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool

from instagram_assets.web.services import Given
from instagram_assets.web.status import PlatformStatus, counted, in_words, of_dagster
from instagram_assets.web.words import words_in

router = APIRouter(prefix="/api", tags=["status"])


@router.get("/status")
async def get_status(services: Given) -> PlatformStatus:
    """What there is, as `instagram-assets status` says it: what needs a person, what waits, and every table."""
    platform = await run_in_threadpool(counted(services).wait)
    return in_words(platform, await of_dagster(services), words_in("en"))
