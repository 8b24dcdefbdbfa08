"""Dataset exports: the merged dataset as JSON, CSV and Parquet, Delta tables, image folders and lists of images."""
