"""The Delta tables kept quick and small: few large files, none of versions that are long gone."""

import dagster as dg

from instagram_assets.settings import settings
from instagram_assets.storage.lake import open_lake


@dg.op(name="delta_files", description="Merge small files of the Delta tables, take those of old versions.")
def delta_op(context: dg.OpExecutionContext) -> None:
    from instagram_assets.datasets import delta
    from instagram_assets.datasets.pseudonymous import declared_pseudonyms

    root, target, options = open_lake(settings()), delta.target_of(settings()), settings().delta
    pseudonyms = declared_pseudonyms(settings(), root)
    for table in delta.optimize(root, target, options.options, pseudonyms=pseudonyms, warn=context.log.warning):
        context.log.info(f"{table.uri}: {table.files:,} files, {table.written:,} of them new")
    keep = options.keep_hours
    for gone in delta.vacuum(root, target, options.options, keep_hours=keep, warn=context.log.warning):
        context.log.info(f"{gone.uri}: {gone.files:,} files went that no version of the last {keep} hours needs")


@dg.job(
    name="delta_upkeep",
    description="Merge small files of the Delta tables, and take those that only old versions need.",
    # As other jobs: a killed run stays "started" for ever unless a limit ends it.
    tags={"dagster/max_runtime": "21600"},
)
def delta_job() -> None:
    delta_op()
