"""Keeping and dropping images by hand, and writing the folder so that it follows."""

from collections.abc import Collection, Sequence
from datetime import datetime

from starlette.concurrency import run_in_threadpool

from instagram_assets.automation.run_states import ACTIVE_STATUSES
from instagram_assets.automation.search_runs import search_run_tags
from instagram_assets.datasets.overrides import check_decision, decide
from instagram_assets.errors import ConflictError, NotFoundError, SearchRequestError
from instagram_assets.partitions import PARTITION
from instagram_assets.schemas.search import Decision
from instagram_assets.search.requests import load_request
from instagram_assets.web.folder_locks import alone_with
from instagram_assets.web.pictures import Picture, find_image, images_of
from instagram_assets.web.services import Services


def decide_about(
    services: Services,
    search: str,
    image_ids: Sequence[str],
    names: Sequence[str],
    decision: Decision | None,
    why: str,
    at: datetime,
) -> tuple[Collection[str], list[Picture]]:
    """Decide about images of a search; which these are by their hashes, and all its images as they are now.

    Raises NotFoundError for an image that the search does not have, and SearchRequestError where none is named.
    """
    check_decision(decision, why)
    every = images_of(services, search)
    known = {picture.image_id for picture in every}
    if missing := [image_id for image_id in image_ids if image_id not in known]:
        raise NotFoundError(f"There is no image {missing[0]!r} here.")
    chosen = {*image_ids, *(find_image(every, name).image_id for name in names)}
    if not chosen:
        raise SearchRequestError("No image is named. Give image_ids or filenames.")
    decide(services.lake, search, chosen, decision, why, at)
    return chosen, images_of(services, search)


async def apply_decisions(services: Services, search: str) -> str:
    """Start a run that only writes the folder of a search; its id.

    Raises NotFoundError for what is no search, and ConflictError while another run works on the folder.
    """
    if not search:
        raise NotFoundError("This collection has no folder of images.")
    request = await run_in_threadpool(lambda: load_request(services.lake, search))
    async with alone_with(services, [search]):
        if await services.dagster.runs({PARTITION: search}, limit=1, statuses=ACTIVE_STATUSES):
            raise ConflictError(f"A run works on the folder {search}. Wait until it has ended, or cancel it.")
        return await services.dagster.launch("search", {}, search_run_tags(request), assets=["search_dataset"])
