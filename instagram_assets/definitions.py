"""The Dagster definitions of the platform: all assets, checks, jobs, sensors, schedules, loggers and resources."""

import gc

import dagster as dg

from instagram_assets.assets import age, collect, datasets, engagement, images, ingest, reels, search, text
from instagram_assets.automation.checks import checks
from instagram_assets.automation.executor_and_retries import one_process
from instagram_assets.automation.jobs import jobs
from instagram_assets.automation.progress_logger import progress_logger
from instagram_assets.automation.schedules import schedules
from instagram_assets.automation.sensors import sensors
from instagram_assets.settings import settings
from instagram_assets.storage.lake import open_lake
from instagram_assets.storage.parquet_io import tables_of_run

defs = dg.Definitions(
    assets=dg.load_assets_from_modules(
        [collect, ingest, images, engagement, text, age, reels, datasets, search],
        include_specs=True,
    ),
    asset_checks=checks,
    jobs=jobs,
    sensors=sensors,
    schedules=schedules,
    executor=one_process,
    loggers={"console": dg.colored_console_logger, "stages": progress_logger},
    # Both have an empty config schema, since anyone who can reach the UI can edit a run's config.
    resources={
        "io_manager": dg.IOManagerDefinition(
            lambda _: tables_of_run(open_lake(settings())),  # pyright: ignore[reportArgumentType]  it ends with its run
            config_schema={},
        ),
        "landing_files": dg.ResourceDefinition(lambda _: (), config_schema={}),
    },
)

# What is loaded stays: the garbage collector need not look through it, which takes a second when the process ends.
gc.freeze()
