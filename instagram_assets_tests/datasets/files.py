"""The files of the datasets, without anything in them."""

from instagram_assets.settings import settings

NAMES = {
    "dataset_csv": ("post.csv", "reel.csv"),
    "dataset_json": ("merged_dataset_all_with_images.json",),
    "dataset_parquet": ("parquet/part-0.parquet",),
    "dataset_delta": ("delta/posts/_delta_log/0.json",),
}


def put_files(*names: str) -> None:
    """Put the files of these datasets, or of all, where the settings say that datasets are."""
    for name in names or NAMES:
        for file in NAMES[name]:
            path = settings().folder("datasets") / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
