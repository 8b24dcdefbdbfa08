"""Ingest: export files are read, checked, normalized and written to the landing zone."""
