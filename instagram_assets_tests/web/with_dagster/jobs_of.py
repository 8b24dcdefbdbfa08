"""The jobs of the web app, asked of the Dagster that the tests share."""

import asyncio
from time import monotonic

from instagram_assets.demo import MODELS
from instagram_assets.settings import load_settings
from instagram_assets.web.collection_jobs import Job, State, find_job
from instagram_assets.web.dagster_api import DagsterApi
from instagram_assets.web.dependencies import Services
from instagram_assets_tests.servers.dev import Dev

PATIENCE = 240
POLL_SECONDS = 0.5
"""Between two questions, each of which takes Dagster time that its runs need."""


def services_for(dev: Dev) -> Services:
    """The services of a web app beside `searching_dev`, with the settings that it has."""
    chosen = load_settings(
        data_dir=dev.data,
        search={"sites_file": str(dev.data.parent / "sites.toml"), "flags": "--no-sandbox"},
        models={"embedding_model": str(MODELS / "clip")},
    )
    url = f"http://127.0.0.1:{dev.port}"
    return Services(chosen, DagsterApi(url), url)


async def until(services: Services, job_id: str, *states: State) -> Job:
    """The job as soon as it is in one of the states."""
    give_up = monotonic() + PATIENCE
    while monotonic() < give_up:
        job = await find_job(services, job_id)
        if job.state in states:
            return job
        await asyncio.sleep(POLL_SECONDS)
    raise AssertionError(f"{job_id} does not come to {states}")
