"""The image search assets: search results are downloaded, embedded and clustered, and one cluster's images exported."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa

from instagram_assets.assets.asset_helpers import contract_arguments, log_results
from instagram_assets.datasets.image_folder_card import why_not
from instagram_assets.datasets.manual_overrides import overrides_of, read_overrides
from instagram_assets.datasets.pseudonymous import declared_pseudonyms
from instagram_assets.errors import SearchRequestError
from instagram_assets.media.download_types import DownloadProgress
from instagram_assets.partitions import CANDIDATES_TAG, COUNTED_BY_TAG, KEPT_TAG, QUERY_TAG, search_tags
from instagram_assets.privacy.tombstones import load_tombstones
from instagram_assets.report.charts import line_chart
from instagram_assets.report.contact_sheets import labelled_sheet
from instagram_assets.report.progress import counter, download_update, show_progress
from instagram_assets.schemas import SEARCH_DATASET
from instagram_assets.search.candidate_images import embeddings_table, fetch_results, images_table
from instagram_assets.search.image_search import search_source
from instagram_assets.search.image_selection import select_images
from instagram_assets.search.result_folder import write_search_folder
from instagram_assets.search.search_requests import (
    SearchRequest,
    load_hits,
    load_search_request,
    refuse_forgotten_query,
    results_table,
    save_hits,
    save_request,
    search_folder,
    search_name,
    without_forgotten,
)
from instagram_assets.search.subject_cluster import clusters_table, model_of, query_warnings
from instagram_assets.settings import settings
from instagram_assets.storage.image_folder_state import check_growing, preferences
from instagram_assets.storage.lake import open_lake
from instagram_assets.vision import pipeline

overrides = dg.AssetSpec(
    "overrides",
    **contract_arguments("overrides", "search"),
    description="The images of a search, or of a list, that somebody kept or dropped by hand, in the web app, and why.",
)


class SearchConfig(dg.Config):
    """The parameters of an image search; None means the setting's value.

    Without a query, the stored request of the search is repeated, with the parameters that are not None changed.
    """

    query: str = ""
    limit: int | None = None
    min_side: int | None = None
    min_sharpness: float | None = None
    eps: float | None = None
    min_samples: int | None = None
    subject: str | None = None
    reencode: bool | None = None
    refresh: bool = False
    """Request the results page again, and remove images from the folder that are no longer selected."""


@dg.asset(**contract_arguments("search_results", "search", {"selenium"}))
def search_results(context: dg.AssetExecutionContext, config: SearchConfig) -> pa.Table:
    """The results that the search page shows for the query; cached until the request changes or `refresh` is set."""
    request = _asked(context.partition_key, config)
    if not config.refresh:
        by_hand = read_overrides(open_lake(settings()), request.search)
        check_growing(_folder(request.search), request.limit, request.min_side, request.min_sharpness, by_hand)
    save_request(open_lake(settings()), request)
    if QUERY_TAG not in context.run.tags:  # the run was started in the Dagster UI
        context.instance.add_run_tags(context.run.run_id, search_tags(request.query, request.limit, request.search))
    pipeline.find_embedder(settings())  # a missing model is reported before anything is downloaded
    source = search_source(settings())
    hits = None if config.refresh else load_hits(open_lake(settings()), request, source.site.name)
    if hits is None:
        with show_progress(context.log.info, counter("results")) as report:
            hits = source.search(request.query, request.candidates, report)
        hits = without_forgotten(hits, load_tombstones(settings().folder("privacy")))
        save_hits(open_lake(settings()), request, source.site.name, hits)
    else:
        context.log.info(f"results {len(hits)}, as the page showed them before")
    log_results(context, {"results": len(hits)})
    return results_table(request, source.site.name, hits)


@dg.asset(**contract_arguments("search_images", "search", {"jpeg", "opencv"}), pool="downloads")
def search_images(context: dg.AssetExecutionContext, search_results: pa.Table) -> pa.Table:
    """The images of the results, downloaded and quality-checked: the original, or its thumbnail if that fails."""
    request, last = _request(context), DownloadProgress()

    def note(progress: DownloadProgress) -> None:
        nonlocal last
        last = progress
        report(progress)

    with show_progress(context.log.info, download_update) as report:
        outcomes = fetch_results(search_results, settings(), note)
    with show_progress(context.log.info, counter("measured")) as measuring:
        table = images_table(outcomes, request, settings(), measuring)
    passed = sum(table["passed"].to_pylist())
    log_results(context, {**asdict(last), **Counter(table["status"].to_pylist()), "passed": passed})
    return table


@dg.asset(**contract_arguments("search_embeddings", "search", {"pytorch"}), pool="models")
def search_embeddings(context: dg.AssetExecutionContext, search_images: pa.Table) -> pa.Table:
    """The embedding of each distinct image that passed the quality filter."""
    with show_progress(context.log.info, counter("embeddings")) as report:
        table = embeddings_table(search_images, _request(context), settings(), report)
    log_results(context, {"images": table.num_rows, **Counter(table["status"].to_pylist())})
    return table


@dg.asset(**contract_arguments("search_clusters", "search", {"scikitlearn"}), pool="models")
def search_clusters(
    context: dg.AssetExecutionContext, search_embeddings: pa.Table, search_images: pa.Table
) -> pa.Table:
    """Clusters of images that show the same kind of thing, and which cluster is the search's subject."""
    found = clusters_table(search_embeddings, search_images, _request(context), settings())
    for warning in found.warnings:
        context.log.warning(warning)
    font = settings().text.font
    counts = Counter(found.table["cluster"].to_pylist())
    lines = _cluster_lines(found.table, search_images, found.choice.label)
    context.log.info(f"clusters {len(counts.keys() - {-1})}, the subject is {found.choice.label}")
    log_results(
        context,
        {
            "images": found.table.num_rows,
            "clusters": len(counts.keys() - {-1}),
            "noise": counts[-1],
            "subject": found.choice.label,
            "another fits as well": float(found.choice.tied),
            **{f"query score of cluster {label}": score for label, score in found.choice.scores.items()},
        },
        {
            "clusters": labelled_sheet(lines, font=font) if lines else None,
            "eps": line_chart(found.sweep, "clusters, and images in none, by eps", font=font) if found.sweep else None,
        },
    )
    return found.table


@dg.asset(**contract_arguments("search_dataset", "search", {"jpeg", "json"}))
def search_dataset(
    context: dg.AssetExecutionContext,
    search_results: pa.Table,
    search_images: pa.Table,
    search_clusters: pa.Table,
    overrides: pa.Table,
) -> pa.Table:
    """Exports the subject's images to a folder, and says for every candidate whether it is in it or why not.

    Images that users kept or dropped by hand stay so. Files that they added, changed or deleted in the folder are left
    as they are.
    """
    request, files = _request(context), pipeline.media_files(search_images, settings())
    folder, by_hand = _folder(request.search), overrides_of(overrides)
    rows = select_images(search_results, search_images, search_clusters, request.limit, preferences(folder), by_hand)
    written = write_search_folder(
        rows,
        files,
        {**request.model_dump(), "source": rows[0]["source"], "model": model_of(search_clusters)},
        by_hand,
        declared_pseudonyms(settings(), open_lake(settings())),
        query_warnings(search_clusters, request.query),
        folder=folder,
        if_none=settings().folder("reports") / "search" / request.search,
        reencoded=request.reencode,
        refresh=_refreshing(context),
    )
    for note in written.notes:
        context.log.warning(note)
    numbers = {"candidates": len(written.rows), "kept": len(written.kept)}
    log_results(context, {**numbers, **written.left_out}, written.sheets(settings().text.font))
    run_id = context.run.run_id
    tags = {CANDIDATES_TAG: str(len(written.rows)), KEPT_TAG: str(len(written.kept)), COUNTED_BY_TAG: run_id}
    context.instance.add_run_tags(context.run.run_id, tags)
    written.check()
    context.log.info(f"kept {len(written.kept)} of {len(written.rows)}")
    return SEARCH_DATASET.table(written.rows)


def _asked(search: str, config: SearchConfig) -> SearchRequest:
    given = config.model_dump(exclude={"query", "refresh"})
    if not config.query:
        request = load_search_request(open_lake(settings()), search)
        refuse_forgotten_query(request.query, load_tombstones(settings().folder("privacy")))
        return request.but(**given)
    if search_name(search) != search:
        raise SearchRequestError(f"{search!r} cannot name a folder. Call the partition {search_name(search)!r}.")
    return SearchRequest.of(settings(), config.query, search, **given)


def _refreshing(context: dg.AssetExecutionContext) -> bool:
    """Whether the run's config sets `refresh`, which requests the page again and can remove images from the folder."""
    config: Mapping[str, Any] = context.run.run_config
    return bool(config.get("ops", {}).get("search_results", {}).get("config", {}).get("refresh"))


def _folder(search: str) -> Path:
    return search_folder(settings(), search)


def _request(context: dg.AssetExecutionContext) -> SearchRequest:
    return load_search_request(open_lake(settings()), context.partition_key)


def _cluster_lines(clusters: pa.Table, images: pa.Table, subject: int, most: int = 6) -> list[tuple[str, list[Path]]]:
    """Lines of a contact sheet (label, files): the `most` largest clusters, rejected images by reason, and noise."""
    files = pipeline.media_files(images, settings())
    groups: dict[int, list[Path]] = {}
    for row in clusters.select(["cluster", "image_id"]).to_pylist():
        groups.setdefault(row["cluster"], []).append(files[row["image_id"]])
    noise = groups.pop(-1, [])
    largest = sorted(groups.items(), key=lambda group: (group[0] != subject, -len(group[1])))
    lines = [
        (f"cluster {label}{' (the subject)' if label == subject else ''}: {len(members)} images", members)
        for label, members in largest[:most]
    ]
    rejected = [row for row in images.to_pylist() if row["image_id"] and not row["passed"]]
    for reason, count in why_not([{"kept": False, "reason": row["reason"]} for row in rejected]).items():
        some = [files[row["image_id"]] for row in rejected if row["reason"].startswith(reason)]
        lines.append((f"{reason}: {count} images", some))
    return [*lines, (f"in no cluster: {len(noise)} images", noise)] if noise else lines
