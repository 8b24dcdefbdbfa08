"""Topics are made from the whole lake at once, and shown in the UI."""

from datetime import date
from pathlib import Path

import dagster as dg
import pyarrow as pa

from instagram_assets.automation import shell_runs
from instagram_assets.schemas import CLUSTERS, IMAGES, TOKENS
from instagram_assets.settings import settings
from instagram_assets.storage.lake import open_lake, read_table
from instagram_assets.storage.lake_writer import write_asset, write_cells
from instagram_assets_tests.media.pictures import picture

DAY = date(2026, 10, 20)
KEY = dg.AssetKey("topics")
ACCOUNTS = {"sun_diary": "산책", "sea.mom": "바다"}


def write(name: str, table: pa.Table) -> None:
    write_cells(open_lake(settings()), name, ACCOUNTS, (DAY, DAY), table)


def lake_of_two_topics(media: Path) -> None:
    media.mkdir()
    posts = [
        {"account": account, "day": date(2026, 10, 20), "post_id": f"{account}{number}"}
        for account in ACCOUNTS
        for number in range(3)
    ]
    images = [{**post, "image_id": post["post_id"], "position": 0, "path": post["post_id"]} for post in posts]
    for image in images:
        (media / str(image["path"])).write_bytes(picture("JPEG"))
    write("images", IMAGES.table([{**image, "status": "ok"} for image in images]))
    words = [[{"word": ACCOUNTS[str(post["account"])], "pos": "noun"}] for post in posts]
    write("tokens", TOKENS.table([{**post, "tokens": written} for post, written in zip(posts, words, strict=True)]))
    numbers = {account: number for number, account in enumerate(ACCOUNTS)}
    clusters: list[dict[str, object]] = [
        {"scope": "all", "image_id": image["image_id"], "cluster": numbers[str(image["account"])]} for image in images
    ]
    write_asset(open_lake(settings()), "clusters", CLUSTERS.table(clusters))


def test_the_topics_of_the_lake_are_named_and_shown(instance: dg.DagsterInstance, data_dir: Path) -> None:
    lake_of_two_topics(data_dir / "media")
    shell_runs.run_job(instance, "datasets", assets=[KEY])
    rows = read_table(open_lake(settings()), "topics").to_pylist()
    assert [(row["source"], row["topic"], row["name"], row["posts"]) for row in rows] == [
        ("clusters", 0, "산책", 3),
        ("clusters", 1, "바다", 3),
    ]
    event = instance.get_latest_materialization_event(KEY)
    assert event
    assert event.asset_materialization
    shown = event.asset_materialization.metadata
    assert shown["topics"].value == 2
    assert {"topics of clusters", "topics of clusters over time"} <= shown.keys()
    assert (data_dir / "reports" / "topics-topics-of-clusters.jpeg").exists()


def test_an_empty_lake_has_no_topics(instance: dg.DagsterInstance) -> None:
    shell_runs.run_job(instance, "datasets", assets=[KEY])
    assert read_table(open_lake(settings()), "topics").num_rows == 0
