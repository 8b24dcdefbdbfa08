"""Results out: the merged dataset as JSON, CSV and Parquet."""
