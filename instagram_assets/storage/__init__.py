"""Storage with atomic writes: the lake's tables, the feature store, locks, and Dagster's databases."""
