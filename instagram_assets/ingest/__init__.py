"""Ingestion of export files: records are read, validated, normalized and written to the lake's landing zone."""
