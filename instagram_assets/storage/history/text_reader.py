"""Every text of Dagster's history, read out however it is packed: for who does not know what to look for."""

from collections.abc import Callable, Iterator
from pathlib import Path

from instagram_assets.storage.history.dagster_databases import belongs_to_sqlite, dagster_databases, home_files_below
from instagram_assets.storage.history.erased_cells import ErasedCells
from instagram_assets.storage.history.home_files import CONFIG_FILES
from instagram_assets.storage.history.name_matcher import NameMatcher
from instagram_assets.storage.history.table_rewriter import all_rows, columns_with_mentions, tables_of
from instagram_assets.storage.history.value_rewriter import ValueRewriter

Hear = Callable[[str], None]


def read_all_texts(home: Path, hear: Hear, *, url: str | None = None) -> None:
    """Give `hear` each text of the history of the Dagster home `home`: of tables, files, and their names.

    Each is taken apart as `forget_in_history` takes it apart, and nothing is changed. `url` is the history's database
    in PostgreSQL; by default what the home's dagster.yaml says. Raises StorageError where others keep it busy.
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
    """Each row of Dagster's tables that are in no file of its home but in PostgreSQL, with its database and table.

    Raises StorageError where others keep it busy.
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
    """Looks for no word, and tells each text in which words would be looked for."""

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
