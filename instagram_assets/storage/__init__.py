"""Storage of tables and files with atomic writes: the lake, the feature store, and Dagster's databases."""
