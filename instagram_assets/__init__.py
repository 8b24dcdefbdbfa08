"""Instagram posts, reels and profiles as Dagster assets, and as datasets to train on.

The public names for notebooks and scripts; each is imported on first use, and `help(name)` documents it:

    Lake                                  the tables of a lake: Arrow, pandas, SQL by DuckDB, images
    read_export, merge_posts              an export as tables, without a lake
    download_images, measure_images, caption_images, embed_images, cluster_embeddings
                                          images of a folder, or a list of files or URLs, step by step
    tokenize                              the words of texts, with their parts of speech
    search_images                         an image search by Chromium
    predict_ages                          age prediction, disabled until a purpose is configured
    read_csv                              a reader for the CSV files that this package writes
    Settings, load_settings               the configuration, from `.env` and the environment
    InstagramAssetsError                  the base class of all errors, which are in `instagram_assets.errors`

>>> from instagram_assets import Lake, merge_posts, read_export
>>> merge_posts(read_export("posts.json", "profiles.json")).num_rows
3
>>> Lake("data/lake").sql("select count(*) as posts from posts").to_pylist()
[{'posts': 3}]
"""

import re
from importlib import import_module
from pathlib import Path
from typing import Any

__version__ = "0.1.0"

_LINE = re.compile(r"^from instagram_assets\.([\w.]+) import (\w+) as \2$", re.MULTILINE)
# Public names are listed only in the stub file, as in https://scientific-python.org/specs/spec-0001/.
_MODULES = {name: module for module, name in _LINE.findall(Path(__file__).with_suffix(".pyi").read_text("utf-8"))}
__all__ = sorted(_MODULES)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
