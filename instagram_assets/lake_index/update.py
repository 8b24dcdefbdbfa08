"""Brings the index up to date with the lake: a new file beside the old one, which it replaces when it is whole."""

import os
from pathlib import Path

from upath import UPath

from instagram_assets.lake_index.place import index_file
from instagram_assets.lake_index.rows import insert_rows
from instagram_assets.lake_index.tables import READS, SCHEMA, VERSION
from instagram_assets.lake_index.vectors import embedding_parts, sweep_vectors, write_vectors
from instagram_assets.storage.atomic import make_folder, sync_folders, temporary_beside
from instagram_assets.storage.lake import read_table
from instagram_assets.storage.locks import alone_in


def update_index(root: UPath, folder: Path, zone: str) -> bool:
    """Make the index what the lake is now; false when it was by now.

    Raises StorageError for a damaged table of the lake, and when the disk refuses.
    """
    import duckdb

    make_folder(folder)
    with alone_in(folder):
        path = index_file(folder)
        new = temporary_beside(path)
        with duckdb.connect(str(new)) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute(SCHEMA)
            tables = {name: read_table(root, name) for name in READS}
            insert_rows(connection, tables, zone)
            vectors = write_vectors(connection, folder, lambda: embedding_parts(root))
            facts = {"version": str(VERSION), "time_zone": zone, "vectors": vectors}
            connection.executemany("INSERT INTO facts VALUES ($1, $2)", list(facts.items()))
        os.replace(new, path)
        sweep_vectors(folder, vectors)
        sync_folders([folder])
    return True
