"""The gallery's search index: a DuckDB file built from the lake's tables, which the web pages query instead of the
lake.
"""
