"""Labels posts, reels and ads as viral by a configurable rule, which is recorded with each label."""

import importlib
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from upath import UPath

from instagram_assets.arrow import compute
from instagram_assets.engagement.virality_rules import RULES, Floats, Items, rule_description
from instagram_assets.errors import ContractError, InstagramAssetsError, SettingsError
from instagram_assets.schemas import VIRAL_LABELS
from instagram_assets.schemas.posts import visible_likes_of
from instagram_assets.settings import ViralitySettings
from instagram_assets.storage.lake import read_table


def sorted_by_row_number(given: Any, rows: int) -> Any:
    """Returns a data frame or dict of series sorted by its index of row numbers; any other value unchanged.

    Raises ContractError for an index that is not a permutation of row numbers. The number of rows is checked by the
    caller.
    """
    if isinstance(given, Mapping):
        return {name: sorted_by_row_number(values, rows) for name, values in given.items()}  # pyright: ignore[reportUnknownVariableType]
    index: Any = getattr(given, "index", None)
    if not hasattr(index, "to_list") or len(given) != rows:  # not a pandas object
        return given
    indexes = index.to_list()
    if indexes == [*range(rows)]:
        return given
    if set(indexes) != set(range(rows)):
        shown = ", ".join(repr(index) for index in indexes[:3])
        raise ContractError(
            f"The rule's table has an index ({shown}, …) that is not that of its rows, 0 to {rows - 1}. "
            "Keep the index of items.to_pandas(), or drop it with reset_index(drop=True) where the order is the items'."
        )
    return given.sort_index()


ITEM_COLUMNS = tuple(name for name in VIRAL_LABELS.schema.names if name not in ("viral", "score", "rule", "reason"))
"""The columns of each post, reel or ad that a rule receives."""

VIRAL_POST_COLUMNS = ("post_id", "likes_hidden", *(name for name in ITEM_COLUMNS if name != "id"))
"""The columns of `posts` that are read."""
VIRAL_AD_COLUMNS = ("ad_id", "source_sha256", *(name for name in ITEM_COLUMNS if name not in ("id", "kind", "plays")))
"""The columns of `raw_ads` that are read."""

_NUMBERS = ("likes", "comments", "views", "plays")
_TYPES = {"viral": pa.bool_(), "score": pa.float64(), "reason": pa.string()}
_HOUR = 3_600_000_000
_EXPECTED = "It has to give a table with viral (true, false or null) and perhaps score and reason, in the items' order"


def viral_labels(posts: pa.Table, ads: pa.Table, options: ViralitySettings) -> pa.Table:
    """Returns a label for every post, reel and ad: a table of `schemas.VIRAL_LABELS`, sorted by account and time.

    `posts` has the columns VIRAL_POST_COLUMNS of `schemas.POSTS`, `ads` the columns VIRAL_AD_COLUMNS of
    `schemas.RAW_ADS`, of which the newest observation of each ad is used. Raises SettingsError for an unknown rule,
    ContractError for one that returns invalid values.
    """
    return apply_rule(virality_items(posts, ads), options)


def virality_items(posts: pa.Table, ads: pa.Table) -> pa.Table:
    """Returns posts, reels and ads as one table of ITEM_COLUMNS; hidden likes become null."""
    of_posts = _with(posts, id=posts["post_id"], likes=visible_likes_of(posts))
    newest = ads.sort_by([("observed_at", "descending"), ("source_sha256", "descending")])
    first = {ad_id: index for index, ad_id in reversed([*enumerate(newest["ad_id"].to_pylist())])}
    of_ads = newest.take(pa.array(sorted(first.values()), pa.int64()))
    nothing = pa.nulls(of_ads.num_rows, pa.int64())
    of_ads = _with(of_ads, kind=pa.array(["ad"] * of_ads.num_rows, pa.string()), id=of_ads["ad_id"], plays=nothing)
    schema = pa.schema([VIRAL_LABELS.schema.field(name) for name in ITEM_COLUMNS])
    tables = [table.select(ITEM_COLUMNS).cast(schema) for table in (of_posts, of_ads)]
    return pa.concat_tables(tables).sort_by([(name, "ascending") for name in ("account", "taken_at", "kind", "id")])


def apply_rule(items: pa.Table, options: ViralitySettings) -> pa.Table:
    """Returns items with the label, score and reason by the rule in the options (contract VIRAL_LABELS)."""
    rule = RULES.get(options.rule)
    if rule is None:
        results = _run_user_rule(items, options.rule)
    else:
        found = rule(_numbers(items), options)
        scores = pa.array(found.scores, pa.float64(), from_pandas=True)  # NaN is null
        results = pa.table({"viral": pa.array(found.viral, pa.bool_()), "score": scores, "reason": found.reasons})
    for name in _TYPES:
        items = items.append_column(name, results[name])
    rules = pa.array([rule_description(options)] * items.num_rows, pa.string())
    return VIRAL_LABELS.conform(items.append_column("rule", rules), "viral_labels")


def import_rule(name: str) -> Callable[[pa.Table], Any]:
    """Imports a user-defined rule `module:function`. Raises SettingsError if it does not exist."""
    module, _, function = name.partition(":")
    where = f"INSTAGRAM_ASSETS_VIRALITY__RULE={name}"
    try:
        imported = importlib.import_module(module)
    except ImportError as error:
        remedy = "Install its package, or name its folder in PYTHONPATH"
        raise SettingsError(f"{where}: {module} cannot be imported ({error}). {remedy}.") from error
    except (Exception, SystemExit) as error:  # arbitrary user code
        raise SettingsError(f"{where}: {module} fails when it is imported: {_error_text(error)}. Mend it.") from error
    found: Any = getattr(imported, function, None)
    if found is None:
        raise SettingsError(f"{where}: {module} has no {function}. Name a function of it.")
    if not callable(found):
        raise SettingsError(f"{where}: {function} is no function. Name one that takes a table.")
    return found


def _run_user_rule(items: pa.Table, name: str) -> pa.Table:
    """Runs a user-defined rule, which returns a table, data frame or dict of columns, with `viral` for each row.

    `score` and `reason` are optional. Pandas objects in another order are sorted by their index.
    """
    function = import_rule(name)
    try:
        given = function(items)
        answer: Any = given if isinstance(given, pa.Table) else pa.table(sorted_by_row_number(given, items.num_rows))
        rows = answer.num_rows
        left_out = {"score": pa.nulls(rows, pa.float64()), "reason": pa.array([f"as {name} says"] * rows, pa.string())}
        columns = {**left_out, **{column: answer[column] for column in answer.column_names}}
        given = {column: columns[column] for column in _TYPES}
    except InstagramAssetsError:
        raise
    except (Exception, SystemExit) as error:  # arbitrary user code
        raise ContractError(f"The rule {name} failed: {_error_text(error)}. {_EXPECTED}.") from error
    if rows != items.num_rows:
        raise ContractError(f"The rule {name} gave {rows} rows for {items.num_rows} items. {_EXPECTED}.")
    return pa.table({column: _cast(values, items, column, name) for column, values in given.items()})


def _cast(values: Any, items: pa.Table, column: str, rule: str) -> Any:
    """Casts a column of a rule's results to its type. Raises ContractError, which names an invalid row."""
    try:
        return values.cast(_TYPES[column])
    except pa.ArrowException as error:
        shown = f"{column} is {values.type}"
        for row, value in enumerate(values.to_pylist()):
            try:
                pa.array([value]).cast(_TYPES[column])
            except pa.ArrowException:
                shown = f"{column} of row {row} ({items['id'][row].as_py()}) is {str(value)[:60]!r}"
                break
        raise ContractError(f"The rule {rule} failed: {shown}, not {_TYPES[column]}. {_EXPECTED}.") from error


def _error_text(error: BaseException) -> str:
    """Describes an exception of user code, with the source line that raised it."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith("<frozen")]
    where = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}{where}"


def _numbers(items: pa.Table) -> Items:
    """Converts the columns to the numpy arrays that rules compute with."""
    timestamps = {name: items[name].cast(pa.int64()) for name in ("taken_at", "observed_at")}
    taken = np.asarray(compute.fill_null(timestamps["taken_at"], 0))
    ages = _floats(compute.subtract(timestamps["observed_at"], timestamps["taken_at"])) / _HOUR
    kinds, accounts, ids = (items[name].to_pylist() for name in ("kind", "account", "id"))
    return Items(kinds, accounts, ids, taken, ages, {name: _floats(items[name]) for name in _NUMBERS})


def _floats(column: Any) -> Floats:
    return np.asarray(column.cast(pa.float64()).to_numpy(), np.float64)


def _with(table: pa.Table, **columns: Any) -> pa.Table:
    """Returns the table with these columns added or replaced."""
    columns_before = {name: table[name] for name in table.column_names}
    return pa.table({**columns_before, **columns})


def outdated_rule(lake: UPath, options: ViralitySettings) -> str:
    """Returns the rule by which the lake's viral labels were computed, if the settings now have another one.

    Empty if both are equal, or if there are no labels.

    Raises StorageError if the labels are damaged.
    """
    rules = [rule for rule in read_table(lake, "viral_labels", columns=["rule"])["rule"].unique().to_pylist() if rule]
    return next((rule for rule in rules if rule != rule_description(options)), "")
