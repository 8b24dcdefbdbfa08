"""Export of the lake's tables as Delta tables, which Databricks, Spark, DuckDB, polars and pandas read."""

from instagram_assets.datasets.delta.history import files_beside_tables, files_of_tables
from instagram_assets.datasets.delta.log import check
from instagram_assets.datasets.delta.places import folder_of, place_of, target_of
from instagram_assets.datasets.delta.upkeep import Vacuumed, optimize, vacuum
from instagram_assets.datasets.delta.write import TABLES, Made, write_delta

__all__ = [
    "TABLES",
    "Made",
    "Vacuumed",
    "check",
    "files_beside_tables",
    "files_of_tables",
    "folder_of",
    "optimize",
    "place_of",
    "target_of",
    "vacuum",
    "write_delta",
]
