"""Every file that the platform writes into a data folder stands at a place that says what it holds of whom."""

from pathlib import Path

import pytest

from instagram_assets.privacy.data_inventory import INVENTORY, inventory_entry_of, inventory_markdown

PAGE = Path(__file__).parents[2] / "docs" / "privacy.md"
HEADING = "## Every place, and what forgetting does there\n\n"

TREE = {
    "accounts.toml": "whom to collect",
    "age/age/test_users.parquet": "no names",
    "age/age/model.safetensors": "age model",
    "age/age/training_people.json": "salted hashes",
    "alerts/sent.json": "told",
    "dagster/dagster.yaml": "runs",
    "dagster/history/runs.db": "runs",
    "dagster/history/runs/05bb9114-8833-44e8-a9a6-312a8e3e59fa.db": "runs",
    "dagster/storage/05bb9114/compute_logs/x.err": "runs",
    "datasets/post.csv": "go out",
    "datasets/merged_dataset_all_with_images.json": "go out",
    "datasets/parquet/demo.byeol_cat/part-0.parquet": "go out",
    "datasets/selection/posts.json": "go out",
    "datasets/pseudonymous/posts.json": "without names",
    "datasets/pseudonymous/delta/posts/_delta_log/00000000000000000000.json": "without names",
    "datasets/delta/posts/_delta_log/00000000000000000000.json": "Delta",
    "datasets/delta/posts/month=2026-10/7093af9ee1056d2b-00214d5d6d3d.parquet": "Delta",
    "datasets/search/cat/img_0001.jpg": "image searches",
    "datasets/search/cat/.instagram-assets/written.json": "image searches",
    "datasets/search/cat.jpg": "image searches",
    "index/index.duckdb": "nothing of its own",
    "index/vectors-0a.npy": "nothing of its own",
    "demo/age/labels.csv": "demo",
    "demo/age/texts/@demo.age.0961.csv": "demo",
    "inbox/done/dataset_instagram-reel-scraper_2026-11-02_03-00-00-000_RUN0001.json": "as they came",
    "lake/_layout.json": "layout",
    "lake/_retention.json": "nobody",
    "lake/clusters/part.parquet": "whole lake",
    "lake/features/captions/0-1.parquet": "models said",
    "lake/landing/posts/0a.parquet": "by file",
    "lake/posts/demo.byeol_cat/2026-10.parquet": "for each account",
    "ledger/calls.sqlite": "cost",
    "ledger/calls.sqlite-wal": "cost",
    "ledger/under_way/" + "ab" * 32 + "/call.json": "asked about",
    "media/ab/" + "ab" * 32 + ".jpg": "pictures",
    "media/index.sqlite": "address",
    "models/digests.json": "models",
    "privacy/pseudonyms.key": "keys",
    "privacy/tombstones.jsonl": "keyed hashes",
    "privacy/forgetting/1.json": "in clear",
    "privacy/proofs/1.json": "without names",
    "reports/age_model-losses.png": "nobody",
    "reports/failures.jsonl": "failed runs",
    "reports/images-contact-sheet.jpeg": "contact sheets",
    "reports/reels-2026-W44.html": "contact sheets",
    "reports/viral_labels-timeline-of-demo.sol.garden.png": "contact sheets",
    "reports/search/cat/manifest.jsonl": "nothing was kept",
    "thumbnails/ab/" + "ab" * 32 + ".jpg": "nothing of their own",
    "scrapes/reels/0123456789abcdef.json": "Apify",
}


@pytest.mark.parametrize("path", TREE)
def test_a_file_of_ours_has_a_place(path: str) -> None:
    place = inventory_entry_of(path)
    assert place, f"{path}: say in privacy/places.py what it holds of whom, and what forget does with it"
    assert TREE[path] in place.holds


def test_a_file_of_no_place_is_told() -> None:
    assert inventory_entry_of("surprise/names.csv") is None


def test_every_place_is_met_before_a_wider_one() -> None:
    for number, place in enumerate(INVENTORY):
        assert inventory_entry_of(place.pattern.replace("*", "x")) is INVENTORY[number]


def test_the_page_on_privacy_shows_all_of_them() -> None:
    said = PAGE.read_text("utf-8")
    assert said == written(said), "python -m instagram_assets_tests.privacy.test_data_inventory writes it anew"


def written(page: str) -> str:
    """The page with the places at its end."""
    return page.partition(HEADING)[0] + HEADING + inventory_markdown()


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text("utf-8")), "utf-8")
