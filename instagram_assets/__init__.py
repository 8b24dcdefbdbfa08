"""Instagram posts, reels and profiles as Dagster assets, and as datasets to train on.

What a notebook needs is here, and is imported when it is first named:

>>> import instagram_assets
>>> instagram_assets.__all__
['InstagramAssetsError', 'Lake', 'QueryError', 'Settings', 'StorageError', 'read_csv']
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from instagram_assets.datasets.csv import read_csv
    from instagram_assets.errors import InstagramAssetsError, QueryError, StorageError
    from instagram_assets.lake import Lake
    from instagram_assets.settings import Settings

__version__ = "0.1.0"

_MODULES = {
    "InstagramAssetsError": "errors",
    "Lake": "lake",
    "QueryError": "errors",
    "Settings": "settings",
    "StorageError": "errors",
    "read_csv": "datasets.csv",
}
__all__ = ["InstagramAssetsError", "Lake", "QueryError", "Settings", "StorageError", "read_csv"]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
