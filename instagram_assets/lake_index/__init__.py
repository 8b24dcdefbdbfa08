"""The search index of the web pages: a DuckDB file built from the lake's tables and queried in their place."""
