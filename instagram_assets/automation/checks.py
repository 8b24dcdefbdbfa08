"""The asset checks that follow each run; each reads only the partitions of its run, and the columns that it needs."""

from collections import Counter
from collections.abc import Callable, Iterator

import dagster as dg
import pyarrow as pa

# Private in dagster 1.13.27, and the type of a field of a public class.
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluationTargetMaterializationData

from instagram_assets.age.card import is_clearly_better
from instagram_assets.age.pipeline import stored_report
from instagram_assets.arrow import compute
from instagram_assets.automation.collect_job import may_go_on, no_hours_missing
from instagram_assets.automation.pseudonym_checks import identifier_checks
from instagram_assets.calendar import day_of
from instagram_assets.ingest.field_drift import newest_field_changes
from instagram_assets.ingest.manifests import manifests
from instagram_assets.partitions import PARTITION, RANGE_END, RANGE_START, known_accounts, selection
from instagram_assets.schemas import POSTS
from instagram_assets.settings import settings
from instagram_assets.storage.lake import open_lake
from instagram_assets.storage.parquet_io import PartitionSelection
from instagram_assets.text.part_of_speech import POS_CLASSES

_CHANGES = ("missing", "new", "retyped")
_MOST, _LONGEST = 100, 1_000


def schema(posts: pa.Table) -> dg.AssetCheckResult:
    """Columns, types and keys are as the schema says; if not, nothing is computed from these posts."""
    problems = broken_promises(posts)
    return dg.AssetCheckResult(
        passed=not problems, severity=dg.AssetCheckSeverity.ERROR, metadata={"problems": problems}
    )


def each_post_once(posts: pa.Table) -> dg.AssetCheckResult:
    """`post_id` is unique in its account, and `day` is the day of `taken_at` in the time zone."""
    doubled = posts.num_rows - posts.group_by(["account", "post_id"]).aggregate([]).num_rows
    moments, days, zone = posts["taken_at"].to_pylist(), posts["day"].to_pylist(), settings().zone
    misplaced = sum(day_of(moment, zone) != day for moment, day in zip(moments, days, strict=True))
    return dg.AssetCheckResult(
        passed=not doubled and not misplaced,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"doubled": doubled, "misplaced": misplaced},
    )


def downloads(images: pa.Table) -> dg.AssetCheckResult:
    """Few images failed to download."""
    missing = compute.sum(compute.not_equal(images["status"], "ok")).as_py() or 0
    return _share("failed", missing, images.num_rows, settings().checks.max_failed_share)


def captioned(captions: pa.Table) -> dg.AssetCheckResult:
    """Few images failed to be captioned; images that the quality filter rejected do not count."""
    wanted = captions.filter(compute.not_equal(captions["status"], "skipped"))
    failed = compute.sum(compute.equal(wanted["status"], "failed")).as_py() or 0
    return _share("failed", failed, wanted.num_rows, settings().checks.max_failed_share)


def known_parts_of_speech(tokens: pa.Table) -> dg.AssetCheckResult:
    """Every part-of-speech tag is documented in `text.pos.CLASSES`."""
    words = compute.struct_field(compute.list_flatten(tokens["tokens"]), "pos")
    strange = sorted(set(words.unique().to_pylist()) - POS_CLASSES.keys(), key=str)
    return dg.AssetCheckResult(
        passed=not strange,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"unknown parts of speech": strange},
    )


@dg.asset_check(asset="age_model")
def better_than_the_larger_class() -> dg.AssetCheckResult:
    """On the test users, the age model is significantly more accurate than the majority-class baseline."""
    report = stored_report(settings())
    if report is None:
        return dg.AssetCheckResult(passed=False, severity=dg.AssetCheckSeverity.WARN, description="No test users")
    model, base = (report.evaluations[name].accuracy for name in ("model", "majority"))
    return dg.AssetCheckResult(
        passed=is_clearly_better(model, base),
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"accuracy, low": model.low, "accuracy of the larger class, high": base.high},
    )


def quarantined(landed_files: pa.Table) -> dg.AssetCheckResult:
    """Few records of the export files were invalid and put into quarantine."""
    bad, records = (compute.sum(landed_files[name]).as_py() or 0 for name in ("quarantined", "records"))
    return _share("quarantined", bad, records, settings().checks.max_quarantined_share)


@dg.asset_check(asset="landed_files")
def fields_as_before() -> dg.AssetCheckResult:
    """Files of the newest day have the same fields and types as earlier files of their format.

    New fields are reported without a warning, since exporters add fields all the time.
    """
    found = newest_field_changes(manifests(open_lake(settings())))
    kinds = Counter(change.change for change in found)
    return dg.AssetCheckResult(
        passed=not kinds["missing"] and not kinds["retyped"],
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join(str(change) for change in found if change.change != "new")[:_LONGEST],
        metadata={f"{kind} fields": [str(one) for one in found if one.change == kind][:_MOST] for kind in _CHANGES},
    )


def broken_promises(posts: pa.Table) -> list[str]:
    """Messages about violations of the schema `schemas.POSTS` by a table; empty if there are none."""
    problems = [f"column {field.name} is missing" for field in POSTS.schema if field.name not in posts.column_names]
    problems += [
        f"column {field.name} is {posts.schema.field(field.name).type}, not {field.type}"
        for field in POSTS.schema
        if field.name in posts.column_names and posts.schema.field(field.name).type != field.type
    ]
    if problems:
        return problems
    required = (*POSTS.key, "day", "taken_at", "observed_at", "kind")
    problems += [f"{name} is null in {posts[name].null_count} rows" for name in required if posts[name].null_count]
    strange = set(posts["kind"].drop_null().unique().to_pylist()) - {"post", "reel"}
    return problems + [f"kind is {value!r}" for value in sorted(strange)]


def _share(what: str, count: int, total: int, largest: float) -> dg.AssetCheckResult:
    share = count / total if total else 0.0
    return dg.AssetCheckResult(
        passed=share <= largest,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={what: count, "of": total, "share": share, "largest share allowed": largest},
    )


def of_run(
    asset: str, judge: Callable[[pa.Table], dg.AssetCheckResult], *columns: str, blocking: bool = False
) -> dg.AssetChecksDefinition:
    """Create an asset check that applies `judge` to the rows that a run wrote to `asset`; it reads only `columns`.

    The check is unpartitioned, since Dagster shows no results of partitioned checks. It takes no input and yields its
    evaluation itself, since otherwise Dagster would list every account × day partition.
    """

    @dg.asset_check(  # pyright: ignore[reportArgumentType]  it may be a generator
        asset=asset,
        name=judge.__name__,
        description=judge.__doc__,
        blocking=blocking,
        required_resource_keys={"io_manager"},
    )
    def check(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckEvaluation | dg.Output[None]]:
        found, key = judge(_rows(context, asset, columns)), dg.AssetKey(asset)
        yield dg.Output(None)
        yield dg.AssetCheckEvaluation(
            key,
            judge.__name__,
            passed=found.passed,
            metadata=found.metadata,
            target_materialization_data=_newest(context.instance, key),
            severity=found.severity,
            blocking=blocking,
        )

    return check


def _newest(instance: dg.DagsterInstance, asset: dg.AssetKey) -> AssetCheckEvaluationTargetMaterializationData | None:
    """The newest materialization of an asset, to which the Dagster UI attaches the check result; None without one."""
    for record in instance.get_asset_records([asset]):
        if newest := record.asset_entry.last_materialization_record:
            return AssetCheckEvaluationTargetMaterializationData(
                storage_id=newest.storage_id, run_id=newest.run_id, timestamp=newest.timestamp
            )
    return None


def _rows(context: dg.AssetCheckExecutionContext, asset: str, columns: tuple[str, ...]) -> pa.Table:
    """Read the rows of an asset in the run's partitions (all rows if the run has no partitions)."""
    tags, tables = context.run.tags, context.resources.io_manager
    first, last = (tags.get(name) or tags.get(PARTITION) for name in (RANGE_START, RANGE_END))
    chosen = PartitionSelection()
    if first and last:
        accounts, first_day, last_day = selection(dg.PartitionKeyRange(first, last), known_accounts(context.instance))
        chosen = PartitionSelection(tuple(accounts), (first_day, last_day))
    step = context.get_step_execution_context().step.key
    return tables.rows(context.run.run_id, asset, chosen, columns or None, step=step)


checks = [
    of_run("posts", schema, blocking=True),
    of_run("posts", each_post_once, "account", "post_id", "day", "taken_at"),
    of_run("images", downloads, "status"),
    of_run("captions", captioned, "status"),
    of_run("tokens", known_parts_of_speech, "tokens"),
    better_than_the_larger_class,
    of_run("landed_files", quarantined, "quarantined", "records"),
    fields_as_before,
    no_hours_missing,
    may_go_on,
    *(identifier_checks() if settings().privacy.pseudonymous_exports else ()),
]
