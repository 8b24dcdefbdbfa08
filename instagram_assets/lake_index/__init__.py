"""The search index that the web pages query instead of the lake: a DuckDB file, built from the lake's tables."""
