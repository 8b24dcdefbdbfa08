"""The lake's tables as Delta tables, which Databricks, Spark, DuckDB, polars and pandas read."""

from instagram_assets.datasets.delta.write import TABLES, Made, write_delta

__all__ = ["TABLES", "Made", "write_delta"]
