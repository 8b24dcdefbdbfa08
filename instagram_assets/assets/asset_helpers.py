"""Helpers that all assets share: arguments from the table contracts (schemas), inputs, errors, and images in the UI."""

import base64
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, BinaryIO

import dagster as dg
import pyarrow as pa

from instagram_assets.errors import ContractError, InstagramAssetsError
from instagram_assets.media.never_download import rows_past_retention
from instagram_assets.partitions import definition_of, known_accounts, selection
from instagram_assets.report.fonts import FONT_REMEDY, font_problem
from instagram_assets.schemas import CONTRACTS, VIEWS
from instagram_assets.settings import settings
from instagram_assets.storage.atomic import write_atomic
from instagram_assets.storage.dagster_history.embedded_images import image_name
from instagram_assets.storage.lake import open_lake, read_table
from instagram_assets.storage.parquet_io import COLUMNS_KEY, add_to_newest_event
from instagram_assets.storage.retention_horizon import read_horizon

OWNERS = ["team:data"]
_PARTITIONS_OF_RUN = "all partitions of the run that made this one"
# One policy for every account × day asset, so that a backfill from the UI puts them in the same runs.
PER_CELL: dict[str, Any] = {
    "backfill_policy": dg.BackfillPolicy.single_run(),
    "retry_policy": dg.RetryPolicy(max_retries=2, delay=5, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.FULL),
}


def contract_arguments(name: str, group: str, kinds: set[str] | None = None) -> dict[str, Any]:
    """Arguments for `dg.asset` from the table's contract: partitions, and metadata for the UI (columns, key, …)."""
    contract, view = CONTRACTS[name], VIEWS.get(name)
    columns = [dg.TableColumn(c.name, str(c.type), description=c.meaning) for c in contract.columns]
    definition = definition_of(contract)
    return {
        **({"partitions_def": definition} if definition else {}),
        "group_name": group,
        "kinds": {"duckdb" if view else "parquet"} | (kinds or set()),
        "owners": OWNERS,
        "metadata": {
            "dagster/column_schema": dg.TableSchema(columns=columns),
            "one row is": contract.row,
            "key": ", ".join(contract.key),
            **(
                {"SQL": dg.MetadataValue.md(f"```sql\n{view.sql.strip()}\nORDER BY {view.order}\n```")}
                if view
                else {"dagster/uri": f"{settings().lake_uri}/{name}"}
            ),
        },
    }


# Whole-table inputs depend on no partition, since Dagster would else list every account × day partition for each run.
_NO_CELLS = dg.SpecificPartitionsPartitionMapping([])


def whole_table_deps(*tables: str) -> list[dg.AssetDep]:
    """Dependencies of an unpartitioned asset on all rows of these tables, which are partitioned by account × day."""
    return [dg.AssetDep(table, partition_mapping=_NO_CELLS) for table in tables]


def inputs(**tables: Sequence[str]) -> dict[str, dg.AssetIn]:
    """Inputs of an asset: for each table, the columns to read.

    Raises ContractError if a table has no such column.
    """
    return {table: dg.AssetIn(metadata={COLUMNS_KEY: _known(table, names)}) for table, names in tables.items()}


def whole_inputs(**tables: Sequence[str]) -> dict[str, dg.AssetIn]:
    """Inputs of an unpartitioned asset that reads all rows of account × day tables: for each, the columns to read.

    Raises ContractError if a table has no such column.
    """
    return {
        table: dg.AssetIn(metadata={COLUMNS_KEY: _known(table, names)}, partition_mapping=_NO_CELLS)
        for table, names in tables.items()
    }


def _known(table: str, names: Sequence[str]) -> list[str]:
    known = CONTRACTS[table].schema.names
    if missing := sorted(set(names) - set(known)):
        raise ContractError(f"{table} has no column {', '.join(missing)}. It has {', '.join(known)}.")
    return list(names)


def unchanged_rows(context: dg.AssetExecutionContext, setting: str) -> pa.Table:
    """The asset's stored rows in the run's partitions, returned if the stage is disabled, so that they are kept.

    Logs a warning that names the `setting` which disables it.
    """
    name = context.asset_key.path[-1]
    context.log.warning(f"{setting} is off: {name} stays as it is")
    return earlier_rows(context)


def earlier_rows(context: dg.AssetExecutionContext) -> pa.Table:
    """The rows stored for the asset in the run's account × day partitions, before the run replaces them."""
    chosen = selection(context.partition_key_range, known_accounts(context.instance))
    name = context.asset_key.path[-1]
    return read_table(open_lake(settings()), name, chosen.accounts, (chosen.first_day, chosen.last_day))


def media_past_retention(context: dg.AssetExecutionContext, posts: pa.Table) -> pa.Table | None:
    """The asset's stored rows in the run's partitions whose media files retention has deleted; None if there are none.

    `posts` needs the columns account, post_id and observed_at.
    """
    before = read_horizon(open_lake(settings())).media
    if before is None:
        return None
    rows = rows_past_retention(earlier_rows(context), posts, before)
    return rows if rows.num_rows else None


@contextmanager
def failing_clearly() -> Generator[None]:
    """Context manager: errors of this package fail the run with their message only, and without retries."""
    try:
        yield
    except InstagramAssetsError as error:
        raise dg.Failure(str(error), allow_retries=False) from error


def log_results(
    context: dg.AssetExecutionContext,
    numbers: Mapping[str, float | str],
    pictures: Mapping[str, bytes | None] | None = None,
) -> None:
    """Log numbers, texts and images (JPEG or PNG, at most 100 kB each) of a run as metadata, once for all partitions.

    The metadata is added to the asset's newest materialization, which its page in the UI shows. But if the asset is
    partitioned, that event is about one partition, and `numbers`, about the whole run, are logged as an observation.

    Images are also written to the reports folder; those that are None are left out.
    """
    shown = _shown(context.asset_key.path[-1], pictures or {})
    if context.assets_def.partitions_def is None:
        context.add_output_metadata({**numbers, **shown})
        return
    context.log_event(dg.AssetObservation(context.asset_key, metadata=numbers))
    if shown:
        add_to_newest_event(context, {"the pictures show": _PARTITIONS_OF_RUN, **shown})


def _shown(name: str, pictures: Mapping[str, bytes | None]) -> dict[str, Any]:
    """Write images to the reports folder; returns metadata that shows them in the UI, with their paths."""
    metadata: dict[str, Any] = {}
    if any(pictures.values()) and (problem := font_problem(settings().text.font)):
        metadata["font of the pictures"] = f"{problem}. {FONT_REMEDY}"
    for title, picture in pictures.items():
        if not picture:
            continue
        kind = "png" if picture.startswith(b"\x89PNG") else "jpeg"
        kept = settings().folder("reports") / f"{image_name(name, title)}.{kind}"
        write_atomic(kept, partial(_write, picture))
        data = base64.b64encode(picture).decode()
        metadata[title] = dg.MetadataValue.md(f"![{title}](data:image/{kind};base64,{data})")
        metadata[f"{title}: file"] = dg.MetadataValue.path(str(kept))
    return metadata


def _write(data: bytes, stream: BinaryIO) -> None:
    stream.write(data)
