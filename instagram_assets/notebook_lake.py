"""Read-only access to a lake from notebooks: tables and views as Arrow, pandas or SQL, and image files."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from upath import UPath

from instagram_assets.errors import QueryError, StorageError
from instagram_assets.schemas import CONTRACTS, VIEWS, Contract
from instagram_assets.storage.atomic import is_local
from instagram_assets.storage.lake import Days, files, names_in, read_table
from instagram_assets.storage.layout import read_layout
from instagram_assets.storage.migration import refuse_older
from instagram_assets.storage.parquet_files import footer_counts
from instagram_assets.storage.sql_views import query_lake, read_view

if TYPE_CHECKING:
    import pandas as pd
    from PIL.Image import Image

_PROTOCOLS = ("", "file", "local", "s3", "s3a")
_WHERE = "Name the lake's own folder, such as data/lake, or its s3://… address"


class Lake:
    """Read-only handle of a lake (tables, views, images), opened by its folder or URL.

    `media` is the folder of the images, by default `media` beside the lake's folder; if INSTAGRAM_ASSETS_MEDIA_DIR is
    set, pass `load_settings().folder("media")`. `options` are fsspec's storage options, such as those of an S3 server.
    Raises StorageError if there is no lake, or if its layout version is not supported.

    >>> Lake("data/lake").sql("SELECT account, count(*) AS posts FROM posts GROUP BY account").to_pylist()
    [{'account': 'sun_diary', 'posts': 3}]
    """

    def __init__(
        self, where: str | Path | UPath = "data/lake", media: str | Path | None = None, **options: Any
    ) -> None:
        try:
            self._root = UPath(where, **options)
        except (ValueError, TypeError, ImportError) as error:
            raise StorageError(f"{where}: {error}. {_WHERE}.") from error
        if self._root.protocol not in _PROTOCOLS:
            raise StorageError(f"{where}: no lake lies there. {_WHERE}.")
        refuse_older(self._root)
        if read_layout(self._root) is None:
            raise StorageError(f"{self._root}: there is no lake. {_WHERE}, or ingest an export first.")
        beside = Path(self._root.path).parent if is_local(self._root) else Path()
        self._media = Path(media or beside / "media")

    def __repr__(self) -> str:
        return f"Lake({str(self._root)!r})"

    def tables(self) -> pa.Table:
        """Lists all views and the tables that have files: `name`, `rows` (null for a view), `row` (what one row is)."""
        there = names_in(self._root)
        rows = [
            {"name": name, "rows": None if name in VIEWS else self._count(name), "row": contract.row}
            for name, contract in CONTRACTS.items()
            if name in VIEWS or name in there
        ]
        return pa.Table.from_pylist(rows, pa.schema({"name": pa.string(), "rows": pa.int64(), "row": pa.string()}))

    def columns(self, name: str) -> pa.Table:
        """Lists the columns of a table or view: `name`, `type`, `meaning`. Raises QueryError for an unknown name.

        >>> Lake("data/lake").columns("posts")["meaning"][0].as_py()
        "Instagram's ID of the post; restored from the shortcode if the source has it rounded"
        """
        rows = [
            {"name": column.name, "type": str(column.type), "meaning": column.meaning}
            for column in _contract(name).columns
        ]
        return pa.Table.from_pylist(rows, pa.schema([(text, pa.string()) for text in ("name", "type", "meaning")]))

    def read(
        self,
        name: str,
        accounts: str | Iterable[str] | None = None,
        days: str | date | Sequence[str | date] | None = None,
        columns: str | Iterable[str] | None = None,
    ) -> pa.Table:
        """Reads rows of a table or view, filtered by accounts and by a day or a (first, last) pair of days.

        Days are dates or strings such as `2026-11-01`; the first and the last day are included. Raises QueryError for
        an unknown table or column or an invalid day, StorageError when a file is damaged.

        >>> lake = Lake("data/lake")
        >>> lake.read("posts", ["sun_diary"], ("2026-10-01", "2026-10-20"), ["day", "likes"]).to_pylist()
        [{'day': datetime.date(2026, 10, 20), 'likes': 10}]
        """
        known, chosen_columns = _contract(name).schema.names, _columns(columns)
        partitions = (VIEWS if name in VIEWS else CONTRACTS)[name].partitions
        if unknown := [column for column in chosen_columns or () if column not in known]:
            raise QueryError(f"{name} has no column {', '.join(unknown)}. It has: {', '.join(known)}.")
        for what, wanted in {"account": accounts, "day": days}.items():
            if wanted is not None and what not in partitions:
                raise QueryError(f"{name} is not kept by {what}: read all of it, or ask for some with `sql`.")
        chosen = _accounts(accounts)
        if name not in VIEWS:
            return read_table(self._root, name, chosen, _days(days), chosen_columns)
        rows = read_view(self._root, name, chosen, _days(days))
        return rows if chosen_columns is None else rows.select(chosen_columns)

    def pandas(self, name: str, *wanted: Any, **named: Any) -> "pd.DataFrame":
        """Reads rows as a DataFrame with Arrow dtypes (ids stay strings, counts integers). Arguments as of `read`."""
        import pandas as pd

        return self.read(name, *wanted, **named).to_pandas(types_mapper=pd.ArrowDtype)

    def sql(self, question: str, *values: Any) -> pa.Table:
        """Runs a SQL query with DuckDB and returns its rows; `$1`, `$2`, … are bound to `values`.

        The methods `tables` and `columns` list the names that can be queried. The ten most used nouns, for example, are
        `SELECT word, sum(count) AS n FROM token_counts WHERE pos = 'noun' GROUP BY word ORDER BY n DESC LIMIT 10`.
        Raises QueryError for an invalid query, StorageError for a damaged file.

        >>> lake = Lake("data/lake")
        >>> lake.sql("SELECT word, count FROM token_counts WHERE pos = $1 AND day = $2", "hashtag", "2026-10-20")
        pyarrow.Table
        word: string
        count: int64
        ----
        word: [["산책"]]
        count: [[1]]
        """
        return query_lake(self._root, question, *values)

    def image(self, image_id: str) -> Path:
        """Returns the path of a stored image's file. Raises QueryError for an unknown image id."""
        return self._files([image_id])[0]

    def show(self, image_ids: Iterable[str]) -> "Image":
        """Returns a contact sheet as one PIL image: thumbnails of up to 40 of these images, sampled evenly if more."""
        import io

        from PIL import Image

        from instagram_assets.report.contact_sheets import contact_sheet

        files = self._files(list(image_ids))
        if not files:
            raise QueryError("There is no image to show. `read('images')` lists what is stored.")
        return Image.open(io.BytesIO(contact_sheet(files)))

    def _files(self, image_ids: Sequence[str]) -> list[Path]:
        images = read_table(self._root, "images", columns=["image_id", "path", "status"]).to_pylist()
        paths = {row["image_id"]: row["path"] for row in images if row["status"] == "ok"}
        if missing := [each for each in image_ids if each not in paths]:
            raise QueryError(f"No stored image has the id {missing[0]!r}. `read('images')` lists them.")
        if image_ids and not self._media.is_dir():
            raise QueryError(
                f"{self._media}: the images are not there. Where INSTAGRAM_ASSETS_MEDIA_DIR names another folder, open "
                "the lake with it: Lake(…, media=…)."
            )
        return [self._media / (paths[each] or each) for each in image_ids]

    def _count(self, name: str) -> int:
        return sum(footer_counts(path, name)[0] for path in files(self._root, name))


def _contract(name: str) -> Contract:
    if name not in CONTRACTS:
        raise QueryError(f"There is no table {name!r}. There are: {', '.join(sorted(CONTRACTS))}.")
    return CONTRACTS[name]


def _accounts(accounts: str | Iterable[str] | None) -> list[str] | None:
    try:
        names = [accounts] if isinstance(accounts, str) else None if accounts is None else list(accounts)
        return names and [name.lower().removeprefix("@") for name in names]
    except (TypeError, AttributeError) as error:
        raise QueryError(f"accounts={accounts!r}: not a name, nor a list of names.") from error


def _columns(columns: str | Iterable[str] | None) -> list[str] | None:
    names = [columns] if isinstance(columns, str) else None if columns is None else list(columns)
    if names is not None and (not names or len(set(names)) < len(names)):
        raise QueryError(f"columns={names!r}: name some columns, each once.")
    return names


def _days(days: object) -> Days | None:
    if days is None:
        return None
    try:
        first, last = map(_day, days if isinstance(days, tuple | list) else (days, days))
    except (ValueError, TypeError) as error:
        raise QueryError(f"days={days!r}: not a day, nor two. Use dates, or text such as 2026-11-01.") from error
    if first > last:
        raise QueryError(f"days={days!r}: the first day comes after the last.")
    return first, last


def _day(day: Any) -> date:
    if isinstance(day, datetime):
        return day.date()
    return day if isinstance(day, date) else date.fromisoformat(day)
