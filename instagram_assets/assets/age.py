"""The age model assets: estimate the share of an audience at or above a cut-off age. Disabled by default, opt-in."""

from collections.abc import Callable
from typing import Any

import dagster as dg
import pyarrow as pa

from instagram_assets.age import pipeline
from instagram_assets.age.card import NOT_FOR_PERSONS
from instagram_assets.age.dataset import TrainingData
from instagram_assets.age.predict import AUTHOR_TEXT_COLUMNS, audience
from instagram_assets.age.presets import training_preset
from instagram_assets.assets.asset_helpers import OWNERS, contract_arguments, failing_clearly, log_results, whole_inputs
from instagram_assets.report.charts import histogram
from instagram_assets.report.progress import ProgressUpdate, show_progress
from instagram_assets.settings import settings

_BY_ACCOUNT: dict[str, Any] = {
    "backfill_policy": dg.BackfillPolicy.single_run(),
    # Posts are read by account. Without this mapping, Dagster would list all days of each account, which takes a
    # quarter of an hour for 10,000 accounts.
    "ins": whole_inputs(posts=AUTHOR_TEXT_COLUMNS),
}


@dg.asset(
    ins=whole_inputs(posts=AUTHOR_TEXT_COLUMNS), group_name="age", kinds={"pytorch"}, owners=OWNERS, pool="models"
)
def age_model(context: dg.AssetExecutionContext, posts: pa.RecordBatchReader) -> dg.MaterializeResult:
    """Classifier of whether an account's author is at or above the cut-off age; trained on labelled, tested on held-out
    people.

    Off by default. Not for decisions about a person: use the share of a group with its interval.
    """
    with failing_clearly(), show_progress(context.log.info, str) as progress:
        folder, trained, report = pipeline.train_model(settings(), posts, progress, on_data=_counts_to(context))
    if not trained:
        context.log.info(f"nothing changed: {folder} is kept, nothing was trained")
    log_results(context, {**report.numbers, "trained now": float(trained)}, report.pictures)
    return dg.MaterializeResult(
        metadata={
            "trained": str(training_preset(report.facts.options)),
            "model card": dg.MetadataValue.md(report.card),
            "use": NOT_FOR_PERSONS,
            "folder": dg.MetadataValue.path(str(folder)),
        }
    )


@dg.asset(**_BY_ACCOUNT, **contract_arguments("age_predictions", "age", {"pytorch"}), deps=["age_model"], pool="models")
def age_predictions(context: dg.AssetExecutionContext, posts: pa.RecordBatchReader) -> pa.Table:
    """Predicted probability that each account's author is at or above the cut-off age, and the estimated share of all.

    Off by default. Not for decisions about a person: use the share of a group with its interval.
    """
    keys = context.partition_keys
    with (
        failing_clearly(),
        show_progress(context.log.info, lambda done: ProgressUpdate("accounts", done, len(keys))) as progress,
    ):
        predicted = pipeline.predict_users(audience(keys, posts), settings(), progress)
    context.log.info(f"at or above the cut-off age: {predicted.share}")
    if predicted.audience.left_out:
        context.log.info(f"left out of the share: {predicted.audience.of_training}")
    for warning in predicted.warnings:
        context.log.warning(warning)
    font, probabilities = settings().text.font, predicted.table["probability"].drop_null().to_pylist()
    title = "probability of the cut-off age or older"
    picture = histogram(probabilities, title, font=font) if probabilities else None
    log_results(context, {**predicted.numbers, **predicted.words}, {"probabilities": picture})
    return predicted.table


def _counts_to(context: dg.AssetExecutionContext) -> Callable[[TrainingData], None]:
    """Returns a callback that logs the numbers of users and posts in each split, and the data that cannot be used."""

    def tell(data: TrainingData) -> None:
        for part, counts in data.counts.items():
            context.log.info(f"{part}: {counts['users']} users, {counts['posts']} posts")
        if data.warning:
            context.log.warning(data.warning)
        context.log.info("not used: " + ", ".join(f"{count} {what}" for what, count in data.left_out.items()))

    return tell
