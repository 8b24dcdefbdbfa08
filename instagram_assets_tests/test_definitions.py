"""The platform as a whole: what it consists of, and how lightly it loads."""

import ast
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest

import instagram_assets
from instagram_assets.assets.asset_helpers import inputs, whole_inputs
from instagram_assets.definitions import defs
from instagram_assets.errors import ContractError
from instagram_assets.schemas import CONTRACTS
from instagram_assets.schemas.account_names import is_word_of_ours
from instagram_assets.storage.parquet_io import COLUMNS_KEY

HEAVY = {
    *("torch", "transformers", "selenium", "cv2", "pandas", "pyarrow.dataset", "pyarrow.parquet", "aiohttp", "duckdb"),
    *("deltalake", "google.genai", "instaloader", "sklearn", "PIL", "matplotlib", "wordcloud"),
    *("kiwipiepy", "konlpy", "jpype", "emoji", "apify_client", "impit", "av"),
}


def test_importing_the_definitions_loads_no_heavy_module() -> None:
    program = "import sys, json, instagram_assets.definitions; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not HEAVY & set(json.loads(done.stdout))


def test_no_file_below_the_top_floor_reads_the_settings_of_the_process() -> None:
    package = Path(instagram_assets.__file__).parent
    top = {"assets", "automation", "cli", "web"}
    one_by_one = {"definitions", "partitions", "runs"}
    found = {
        str(path.relative_to(package))
        for path in package.rglob("*.py")
        if path.relative_to(package).parts[0].removesuffix(".py") not in top | one_by_one and _imports_settings(path)
    }
    assert not found


def _imports_settings(path: Path) -> bool:
    """True when a file imports the function that reads the settings once for the whole process."""
    return any(
        isinstance(node, ast.ImportFrom)
        and node.module == "instagram_assets.settings"
        and "settings" in {name.name for name in node.names}
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
    )


def test_the_graph_is_the_one_that_the_design_draws() -> None:
    graph = defs.resolve_asset_graph()
    edges = {key.path[-1]: {up.path[-1] for up in graph.get(key).parent_keys} for key in graph.get_all_asset_keys()}
    assert edges == {
        "collected_accounts": set(),
        "landed_files": set(),
        "quarantine": set(),
        "raw_ads": set(),
        "raw_comments": set(),
        "raw_posts": {"landed_files"},
        "raw_reels": {"landed_files"},
        "raw_profiles": {"landed_files"},
        "posts": {"raw_posts", "raw_reels", "raw_profiles"},
        "images": {"posts"},
        "image_quality": {"images"},
        "captions": {"image_quality", "images"},
        "embeddings": {"image_quality", "images"},
        "clusters": {"embeddings", "image_quality", "images"},
        "search_results": set(),
        "search_images": {"search_results"},
        "search_embeddings": {"search_images"},
        "search_clusters": {"search_embeddings", "search_images"},
        "overrides": set(),
        "search_dataset": {"search_results", "search_images", "search_clusters", "overrides"},
        "reel_videos": {"posts"},
        "reel_analyses": {"reel_videos"},
        "viral_hypotheses": {"posts", "reel_videos", "reel_analyses", "viral_labels"},
        "tokens": {"posts"},
        "token_counts": {"tokens"},
        "topics": {"clusters", "captions", "images", "tokens"},
        "impressions": {"posts"},
        "post_metrics": {"raw_posts", "raw_reels"},
        "viral_labels": {"posts", "raw_ads"},
        "age_model": {"posts"},
        "age_predictions": {"posts", "age_model"},
        "dataset_json": {"posts", "images", "captions"},
        "dataset_csv": {"posts", "images", "captions"},
        "dataset_parquet": {"posts", "images", "captions", "impressions"},
        "dataset_delta": {"posts", "reel_analyses", "viral_labels", "viral_hypotheses", "raw_ads"},
    }


def test_every_asset_made_of_posts_names_the_columns_that_it_uses() -> None:
    made = [asset for asset in defs.assets or [] if isinstance(asset, dg.AssetsDefinition)]
    used = {asset.key.path[-1]: asset.op.input_dict["posts"] for asset in made if "posts" in asset.op.input_dict}
    read = {name: entry.metadata for name, entry in used.items() if not entry.dagster_type.is_nothing}
    assert read.keys() == {
        "images",
        "impressions",
        "tokens",
        "age_model",
        "age_predictions",
        "viral_labels",
        "reel_videos",
        "viral_hypotheses",
    }
    assert all(0 < len(metadata[COLUMNS_KEY]) < 12 for metadata in read.values())


@pytest.mark.parametrize("named", [inputs, whole_inputs])
def test_an_asset_that_asks_for_a_column_that_its_table_lacks_is_refused_when_it_is_defined(
    named: Callable[..., dict[str, dg.AssetIn]],
) -> None:
    with pytest.raises(ContractError, match=r"posts has no column likess\. It has post_id, .*likes, "):
        named(images=["image_id"], posts=["post_id", "likess"])


def test_every_asset_has_a_group_kinds_owners_and_a_description() -> None:
    graph = defs.resolve_asset_graph()
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        assert node.group_name != "default", key
        assert node.kinds, key
        assert node.owners, key
        assert node.description, key


def test_every_table_shows_its_columns_with_their_meaning() -> None:
    graph = defs.resolve_asset_graph()
    for name, contract in CONTRACTS.items():
        schema = graph.get(dg.AssetKey(name)).metadata["dagster/column_schema"]
        assert [column.name for column in schema.columns] == contract.schema.names
        assert all(column.description for column in schema.columns)


def test_every_asset_that_a_run_makes_belongs_to_one_job() -> None:
    jobs = [
        "landing",
        "profiles",
        "box",
        "reels",
        "datasets",
        "search",
        "age_training",
        "age_estimates",
        "collect_accounts",
    ]
    held = [key for name in jobs for key in defs.resolve_job_def(name).asset_layer.executable_asset_keys]
    by_hand = [dg.AssetKey("overrides")]
    assert sorted([*held, *by_hand]) == sorted(defs.resolve_asset_graph().get_all_asset_keys())


def test_the_ui_can_load_all_definitions_together() -> None:
    # Names of jobs and assets share one space, which only a whole repository checks.
    defs.get_repository_def().load_all_definitions()


def test_whatever_dagster_calls_by_a_name_is_a_word_of_ours_when_an_account_is_forgotten() -> None:
    repository = defs.get_repository_def()
    names = {key.path[-1] for key in repository.asset_graph.get_all_asset_keys()}
    names |= {key.name for key in repository.asset_graph.asset_check_keys}
    names |= {each.name for each in (*repository.sensor_defs, *repository.schedule_defs)}
    for job in repository.get_all_jobs():
        names |= {job.name, *(node.name for node in job.nodes), *(tag.rpartition("/")[2] for tag in job.tags)}
    assert {name for name in names if not is_word_of_ours(name)} == {"__ASSET_JOB"}
