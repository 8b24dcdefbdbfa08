"""Extracts all texts from Dagster's history, decoding nested formats, for leak checks without a fixed list of names."""

from collections.abc import Callable, Iterator
from pathlib import Path

from instagram_assets.storage.dagster_history.dagster_databases import (
    belongs_to_sqlite,
    dagster_databases,
    home_files_below,
)
from instagram_assets.storage.dagster_history.erased_cells import ErasedCells
from instagram_assets.storage.dagster_history.home_files import CONFIG_FILES
from instagram_assets.storage.dagster_history.name_matcher import NameMatcher
from instagram_assets.storage.dagster_history.table_rewriter import all_rows, columns_with_mentions, tables_of
from instagram_assets.storage.dagster_history.value_rewriter import ValueRewriter

Hear = Callable[[str], None]


def read_all_texts(home: Path, hear: Hear, *, url: str | None = None) -> None:
    """Call `hear` with each text in the history of the Dagster home `home`: table values, file contents and file names.

    Values are decoded as in `erase_from_history`, and nothing is changed. `url` is the history's PostgreSQL database;
    by default the one in the home's dagster.yaml. Raises StorageError if a database is locked.
    """
    rewriter = ValueRewriter(_Heard(hear), ErasedCells({}, {}))
    for database in dagster_databases(home, url):
        with database.transaction() as connection:
            for name, table in tables_of(connection).items():
                if database.owns(name):
                    columns_with_mentions(connection, table, rewriter)
    for path in home_files_below(home):
        hear(path.relative_to(home).as_posix())
        if path.name not in CONFIG_FILES and not belongs_to_sqlite(path):
            rewriter.data(path.read_bytes())


def rows_on_servers(home: Path, *, url: str | None = None) -> Iterator[tuple[str, str, dict[str, object]]]:
    """Yields (database, table, row) for Dagster's tables in PostgreSQL, which are in no file of the home.

    Raises StorageError if the database is locked.
    """
    for database in dagster_databases(home, url) if home.is_dir() else ():
        if database.file is not None:
            continue
        with database.transaction() as connection:
            for name, table in tables_of(connection).items():
                if database.owns(name):
                    for row in all_rows(connection, table):
                        values: dict[str, object] = {
                            key: bytes(v) if isinstance(v, memoryview) else v for key, v in row.items()
                        }
                        yield database.name, name, values


class _Heard(NameMatcher):
    """A matcher without names that passes each text to the callback `hear`, and replaces nothing."""

    def __init__(self, hear: Hear) -> None:
        super().__init__({})
        self._hear = hear

    def mentions(self, text: str) -> bool:
        return True

    def replaced(self, text: str) -> str:
        self._hear(text)
        return text

    def overwritten(self, content: bytes) -> bytes:
        self._hear(content.decode("latin-1"))
        return content
