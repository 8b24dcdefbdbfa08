"""Export of the lake's tables as Delta tables, which Databricks, Spark, DuckDB, polars and pandas read."""

from instagram_assets.datasets.delta.files import files_beside_tables, files_of_tables
from instagram_assets.datasets.delta.locations import delta_target, local_folder, table_location
from instagram_assets.datasets.delta.log import check
from instagram_assets.datasets.delta.maintenance import Vacuumed, optimize, vacuum
from instagram_assets.datasets.delta.write import TABLES, ExportedTable, write_delta

__all__ = [
    "TABLES",
    "ExportedTable",
    "Vacuumed",
    "check",
    "delta_target",
    "files_beside_tables",
    "files_of_tables",
    "local_folder",
    "optimize",
    "table_location",
    "vacuum",
    "write_delta",
]
