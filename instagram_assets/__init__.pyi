# What a notebook imports, each name once: type checkers read this file, and `__init__.py` finds the modules in it.
from instagram_assets.datasets.csv import read_csv as read_csv
from instagram_assets.errors import ContractError as ContractError
from instagram_assets.errors import FileError as FileError
from instagram_assets.errors import InstagramAssetsError as InstagramAssetsError
from instagram_assets.errors import ModelError as ModelError
from instagram_assets.errors import QueryError as QueryError
from instagram_assets.errors import SearchError as SearchError
from instagram_assets.errors import SettingsError as SettingsError
from instagram_assets.errors import StorageError as StorageError
from instagram_assets.local.export_tables import merge_posts as merge_posts
from instagram_assets.local.export_tables import read_export as read_export
from instagram_assets.local.image_analysis import caption_images as caption_images
from instagram_assets.local.image_analysis import cluster_embeddings as cluster_embeddings
from instagram_assets.local.image_analysis import embed_images as embed_images
from instagram_assets.local.image_analysis import measure_images as measure_images
from instagram_assets.local.search_and_download import download_images as download_images
from instagram_assets.local.search_and_download import search_images as search_images
from instagram_assets.local.text_analysis import predict_ages as predict_ages
from instagram_assets.local.text_analysis import tokenize as tokenize
from instagram_assets.notebook_lake import Lake as Lake
from instagram_assets.settings import Settings as Settings
from instagram_assets.settings import load_settings as load_settings

__all__: list[str]
__version__: str
