"""Erases accounts, hashtags and searches from Dagster's run history, in SQLite and PostgreSQL.

Dagster can only delete a whole run, and with it the run's results for other accounts. Here the events of erased
partitions are deleted, runs about erased accounts only are deleted completely, and in all other rows of the databases
and files of the home a pseudonym replaces the name.

Written against dagster 1.13.27.
"""

import re
from collections import Counter
from collections.abc import Collection, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from instagram_assets.errors import StorageError
from instagram_assets.schemas.account_names import is_word_of_ours
from instagram_assets.storage.dagster_history.dagster_databases import DagsterDatabase, dagster_databases, remove_sqlite
from instagram_assets.storage.dagster_history.embedded_images import KEEP_IMAGES, ImageRemover, MayShow
from instagram_assets.storage.dagster_history.erased_cells import ErasedCells
from instagram_assets.storage.dagster_history.event_rows import erase_events, repair_asset_rows
from instagram_assets.storage.dagster_history.home_files import ChangedFiles, remove_run_files, rewrite_home_files
from instagram_assets.storage.dagster_history.name_matcher import NameMatcher
from instagram_assets.storage.dagster_history.run_rows import (
    HistoryRun,
    erase_run_rows,
    erase_runs,
    load_runs,
    runs_to_erase,
)
from instagram_assets.storage.dagster_history.table_rewriter import (
    ChangeCounts,
    Tables,
    columns_with_mentions,
    delete_rows,
    rewrite_table,
    tables_of,
)
from instagram_assets.storage.dagster_history.value_rewriter import ValueRewriter
from instagram_assets.storage.locks import folder_lock, nobody_at_work_in

_ELSEWHERE = "Put Dagster's home on a local disk: INSTAGRAM_ASSETS_DATA_DIR"
# Dagster's daemon sends a heartbeat every 30 seconds.
_DAEMON_IS_THERE = timedelta(seconds=60)
_DEV_RUNS = "`instagram-assets dev` or its UI runs"
_DONE_BY_HAND = ("snapshots", "asset_keys", "dynamic_partitions")


@dataclass(frozen=True)
class HistoryErasure:
    """The result of an erasure: numbers of deleted and rewritten rows (by table), runs and files of the home.

    `elsewhere` are the columns of foreign tables (not Dagster's) in the same database that contain erased names; they
    are left unchanged. `common` are the erased names that are also ordinary words of the history (an asset, a number):
    they were replaced only if they certainly mean an account, and may remain as ordinary words.
    """

    deleted: Mapping[str, int] = field(default_factory=dict[str, int])
    rewritten: Mapping[str, int] = field(default_factory=dict[str, int])
    runs_deleted: int = 0
    runs_rewritten: int = 0
    files_removed: int = 0
    files_rewritten: int = 0
    elsewhere: tuple[str, ...] = ()
    common: tuple[str, ...] = ()


def erase_from_history(
    home: Path,
    names: Mapping[str, str],
    ids: Collection[str] = (),
    *,
    url: str | None = None,
    partitions: Mapping[str, Collection[str]] | None = None,
    words: Collection[str] = (),
    may_show: MayShow | None = None,
) -> HistoryErasure:
    """Erase names and identifiers from the history of the Dagster home `home`, which must not be in use.

    `names` maps each name that may be in a text (an account, a `#tag`, a search) to its pseudonym, which must be a
    valid account name. `ids` are other identifiers (posts, images, URL file names), which are replaced by the word
    `forgotten`. `url` is the history's database in PostgreSQL; by default the one in the home's dagster.yaml.
    `partitions` are the erased partition keys by dynamic partitions definition; by default all `names`, in every
    definition. `words` are the names that are also ordinary words, as `account_words` returns them; names of assets,
    jobs and tags in the history are added. `may_show` decides by an embedded image's name whether it may show an erased
    name and is removed; by default no image is.

    Idempotent: after a kill, a repeated call gives the same result. Raises StorageError while `instagram-assets dev`,
    the UI, a daemon or a run uses the home; a run whose process died counts as running until `close_dead_runs` has
    closed it.
    """
    if not home.is_dir():
        return HistoryErasure()
    with folder_lock(home, _ELSEWHERE), nobody_at_work_in(home, _refusal(home, _DEV_RUNS)):
        databases = dagster_databases(home, url)
        pictures = ImageRemover(may_show, [*names, *names.values()]) if may_show else KEEP_IMAGES
        return _Forgetting(home, databases, names, ids, partitions, words, pictures).done()


def refuse_while_running(home: Path, *, url: str | None = None) -> None:
    """Raise StorageError if a Dagster home is in use, by the same rule as `erase_from_history`; nothing is changed.

    For callers that write other data first, which must not be left half written.
    """
    if not home.is_dir():
        return
    with nobody_at_work_in(home, _refusal(home, _DEV_RUNS)):
        databases = dagster_databases(home, url)
        is_elsewhere = any(database.file is None for database in databases)
        for database in databases:
            if database.is_log_of_a_run() or (database.file and is_elsewhere):
                continue
            with database.transaction() as connection:
                tables = tables_of(connection)
                _refuse_runs(home, connection, tables, load_runs(connection, tables) if "runs" in tables else [])


class _Forgetting:
    """One run of an erasure, with steps ordered so that it can be repeated after an interruption.

    The data that determine which runs are erased and where partition ranges end are deleted last: the list of runs
    after the runs' events and logs, the partition keys after the runs.
    """

    def __init__(
        self,
        home: Path,
        databases: Sequence[DagsterDatabase],
        names: Mapping[str, str],
        ids: Collection[str],
        partitions: Mapping[str, Collection[str]] | None,
        usual: Collection[str],
        pictures: ImageRemover,
    ) -> None:
        self._home = home
        self._changed, self._files = ChangeCounts(), ChangedFiles()
        self._elsewhere: list[str] = []
        found: list[tuple[DagsterDatabase, list[HistoryRun]]] = []
        orders: dict[str, list[str]] = {}
        common = {*usual, *filter(is_word_of_ours, names)}
        # SQLite files that remain from before a move to PostgreSQL can have runs that never ended.
        is_elsewhere = any(database.file is None for database in databases)
        looked_for = ValueRewriter(NameMatcher(names, ids), ErasedCells({}, {}), pictures)
        self._clean = [database for database in databases if database.is_free_of(looked_for.may_change)]
        for database in databases:
            if database in self._clean:
                continue
            with database.transaction() as connection:
                tables = tables_of(connection)
                found.append((database, load_runs(connection, tables) if "runs" in tables else []))
                if not (database.file and is_elsewhere):
                    _refuse_runs(home, connection, tables, found[-1][1])
                _read_orders(connection, tables, orders)
                common |= _words_of(connection, tables)
        gone = {definition: set(names) & set(order) for definition, order in orders.items()}
        self._cells = ErasedCells(partitions if partitions is not None else gone | {"": names}, orders)
        self._rewriter = ValueRewriter(NameMatcher(names, ids, common), self._cells, pictures)
        self._gone = runs_to_erase([run for _, runs in found for run in runs], self._cells)
        self._databases = [database for database, _ in sorted(found, key=lambda pair: bool(pair[1]))]

    def done(self) -> HistoryErasure:
        """Run the erasure and return its result."""
        gone = {run.run_id for run in self._gone}
        remove_run_files(self._home, gone, self._files)
        clean = [each for each in self._clean if not self._remove_log_of(each, gone)]
        databases = [each for each in self._databases if not self._remove_log_of(each, gone)]
        for database in databases:
            with self._noted(database) as connection:
                self._rewrite(database, connection)
        rewrite_home_files(self._home, self._rewriter, self._files)
        for database in databases:
            with self._noted(database) as connection:
                self._forget_partitions(connection)
        for database in [*clean, *databases]:
            database.empty(self._rewriter.words, self._rewriter.pictures)
        return HistoryErasure(
            dict(self._changed.deleted),
            dict(self._changed.rewritten),
            len(gone),
            len(self._changed.runs - gone),
            self._files.removed,
            self._files.rewritten,
            tuple(self._elsewhere),
            tuple(sorted(self._rewriter.words.weak)),
        )

    @contextmanager
    def _noted(self, database: DagsterDatabase) -> Generator[sa.Connection]:
        """Context manager: a transaction that flags the database as changed (`mark_changed`) if a row changed."""
        with database.transaction() as connection:
            before = self._changed.rows
            yield connection
            if self._changed.rows != before:
                database.mark_changed(connection)

    def _remove_log_of(self, database: DagsterDatabase, runs: Collection[str]) -> bool:
        """Delete the database if it is the log of an erased run; returns whether it was."""
        if database.file is None or database.file.stem not in runs:
            return False
        remove_sqlite(database.file)
        self._files.removed += 1
        return True

    def _rewrite(self, database: DagsterDatabase, connection: sa.Connection) -> None:
        tables = tables_of(connection)
        own: Tables = {name: table for name, table in tables.items() if database.owns(name)}
        ids = [run.run_id for run in self._gone]
        if "event_logs" in own:
            erase_events(connection, own, self._cells, ids, self._changed)
        if "runs" in own:
            erase_runs(connection, own, self._rewriter, self._gone, self._changed)
        else:
            erase_run_rows(connection, own, ids, self._changed)
        for name, table in own.items():
            if name not in _DONE_BY_HAND:
                rewrite_table(connection, table, self._rewriter, self._changed)
        if "asset_keys" in own:
            repair_asset_rows(connection, own, self._rewriter, ids, self._changed)
            rewrite_table(connection, own["asset_keys"], self._rewriter, self._changed)
        of_others = ValueRewriter(self._rewriter.words, self._cells)  # the content of their images is unknown
        for name in tables.keys() - own.keys():
            self._elsewhere += [
                f"{name}.{column}" for column in columns_with_mentions(connection, tables[name], of_others)
            ]

    def _forget_partitions(self, connection: sa.Connection) -> None:
        tables = tables_of(connection)
        if "dynamic_partitions" not in tables:
            return
        table = tables["dynamic_partitions"]
        for definition, keys in self._cells.by_definition.items():
            of_definition = table.c.partitions_def_name == definition
            delete_rows(connection, table, sa.and_(of_definition, table.c.partition.in_(sorted(keys))), self._changed)
        rewrite_table(connection, table, self._rewriter, self._changed)


def _read_orders(connection: sa.Connection, tables: Tables, orders: dict[str, list[str]]) -> None:
    if "dynamic_partitions" not in tables:
        return
    table = tables["dynamic_partitions"]
    for row in connection.execute(sa.select(table).order_by(table.c.id)):
        orders.setdefault(row.partitions_def_name, []).append(row.partition)


def _words_of(connection: sa.Connection, tables: Tables) -> set[str]:
    """Returns the names of assets, jobs and tags in a history, which are not account names, and the words in them."""
    found: set[str] = set()
    columns = (("asset_keys", "asset_key"), ("runs", "pipeline_name"), ("run_tags", "key"))
    for name, column in columns:
        if name in tables:
            query = sa.select(tables[name].c[column]).distinct()
            found |= {str(text) for text in connection.execute(query).scalars() if text is not None}
    return {word for text in found for word in (text, *re.findall(r"\w+", text))}


def _refuse_runs(home: Path, connection: sa.Connection, tables: Tables, runs: Iterable[HistoryRun]) -> None:
    going = Counter(run.job for run in runs if run.is_unfinished)
    if going:
        told = ", ".join(f"{count} of {job}" for job, count in going.items())
        raise _refusal(home, f"runs go on or wait ({told})")
    if "daemon_heartbeats" not in tables:
        return
    newest = connection.execute(sa.select(sa.func.max(tables["daemon_heartbeats"].c.timestamp))).scalar()
    if newest and datetime.now(UTC) - newest.replace(tzinfo=UTC) < _DAEMON_IS_THERE:
        raise _refusal(home, "a daemon of Dagster was at work within the last minute")


def _refusal(home: Path, reason: str) -> StorageError:
    return StorageError(
        f"{home}: {reason}, and what is forgotten would be written again. End it, then repeat the command."
    )
