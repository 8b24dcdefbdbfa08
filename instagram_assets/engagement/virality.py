"""Which posts, reels and ads went viral, by a rule that the settings choose; recorded with each label."""

import importlib
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from instagram_assets.arrow import compute
from instagram_assets.engagement.virality_rules import RULES, Floats, Items, described
from instagram_assets.errors import ContractError, InstagramAssetsError, SettingsError
from instagram_assets.schemas import VIRAL_LABELS
from instagram_assets.settings import ViralitySettings


def in_order(given: Any, rows: int) -> Any:
    """A data frame, or a dict with series in it, sorted by an index that numbers the rows; anything else as it is.

    Raises ContractError for an index that does not: which row is meant cannot be told. A number of rows that does not
    fit is left to others.
    """
    if isinstance(given, Mapping):
        return {name: in_order(values, rows) for name, values in given.items()}  # pyright: ignore[reportUnknownVariableType]
    index: Any = getattr(given, "index", None)
    if not hasattr(index, "to_list") or len(given) != rows:  # no table of pandas
        return given
    places = index.to_list()
    if places == [*range(rows)]:
        return given
    if set(places) != set(range(rows)):
        shown = ", ".join(repr(place) for place in places[:3])
        raise ContractError(
            f"The rule's table has an index ({shown}, …) that is not that of its rows, 0 to {rows - 1}. "
            "Keep the index of items.to_pandas(), or drop it with reset_index(drop=True) where the order is the items'."
        )
    return given.sort_index()


ITEM_COLUMNS = tuple(name for name in VIRAL_LABELS.schema.names if name not in ("viral", "score", "rule", "reason"))
"""What a rule gets to see of each post, reel or ad."""

POST_COLUMNS = ("post_id", "likes_hidden", *(name for name in ITEM_COLUMNS if name != "id"))
"""What is used of `posts`."""
AD_COLUMNS = ("ad_id", "source_sha256", *(name for name in ITEM_COLUMNS if name not in ("id", "kind", "plays")))
"""What is used of `raw_ads`."""

_NUMBERS = ("likes", "comments", "views", "plays")
_VERDICT = {"viral": pa.bool_(), "score": pa.float64(), "reason": pa.string()}
_HOUR = 3_600_000_000
_WANTS = "It has to give a table with viral (true, false or null) and perhaps score and reason, in the items' order"


def viral_labels(posts: pa.Table, ads: pa.Table, options: ViralitySettings) -> pa.Table:
    """Every post, reel and ad with its label: a table of `schemas.VIRAL_LABELS`, sorted by account and time.

    `posts` has the columns of `schemas.POSTS` that a label needs, `ads` those of `schemas.RAW_ADS`, of which the newest
    observation of each ad counts. Raises SettingsError for a rule that is not there, ContractError for one that does
    not give what it should.
    """
    return label(items_of(posts, ads), options)


def items_of(posts: pa.Table, ads: pa.Table) -> pa.Table:
    """Posts, reels and ads as one table of ITEM_COLUMNS; hidden likes are unknown."""
    hidden = compute.fill_null(posts["likes_hidden"], False)
    of_posts = _with(posts, id=posts["post_id"], likes=compute.if_else(hidden, None, posts["likes"]))
    newest = ads.sort_by([("observed_at", "descending"), ("source_sha256", "descending")])
    first = {ad_id: place for place, ad_id in reversed([*enumerate(newest["ad_id"].to_pylist())])}
    of_ads = newest.take(pa.array(sorted(first.values()), pa.int64()))
    nothing = pa.nulls(of_ads.num_rows, pa.int64())
    of_ads = _with(of_ads, kind=pa.array(["ad"] * of_ads.num_rows, pa.string()), id=of_ads["ad_id"], plays=nothing)
    schema = pa.schema([VIRAL_LABELS.schema.field(name) for name in ITEM_COLUMNS])
    tables = [table.select(ITEM_COLUMNS).cast(schema) for table in (of_posts, of_ads)]
    return pa.concat_tables(tables).sort_by([(name, "ascending") for name in ("account", "taken_at", "kind", "id")])


def label(items: pa.Table, options: ViralitySettings) -> pa.Table:
    """Items with the label, score and reason of the rule that the options name (contract VIRAL_LABELS)."""
    rule = RULES.get(options.rule)
    if rule is None:
        verdicts = _own(items, options.rule)
    else:
        found = rule(_numbers(items), options)
        scores = pa.array(found.scores, pa.float64(), from_pandas=True)  # NaN is null
        verdicts = pa.table({"viral": pa.array(found.viral, pa.bool_()), "score": scores, "reason": found.reasons})
    for name in _VERDICT:
        items = items.append_column(name, verdicts[name])
    rules = pa.array([described(options)] * items.num_rows, pa.string())
    return VIRAL_LABELS.conform(items.append_column("rule", rules), "viral_labels")


def own_rule(name: str) -> Callable[[pa.Table], Any]:
    """The function that `module:function` names. Raises SettingsError when there is none such."""
    module, _, function = name.partition(":")
    where = f"INSTAGRAM_ASSETS_VIRALITY__RULE={name}"
    try:
        imported = importlib.import_module(module)
    except ImportError as error:
        remedy = "Install its package, or name its folder in PYTHONPATH"
        raise SettingsError(f"{where}: {module} cannot be imported ({error}). {remedy}.") from error
    except (Exception, SystemExit) as error:  # it is other people's code
        raise SettingsError(f"{where}: {module} fails when it is imported: {_told(error)}. Mend it.") from error
    found: Any = getattr(imported, function, None)
    if found is None:
        raise SettingsError(f"{where}: {module} has no {function}. Name a function of it.")
    if not callable(found):
        raise SettingsError(f"{where}: {function} is no function. Name one that takes a table.")
    return found


def _own(items: pa.Table, name: str) -> pa.Table:
    """What a team's own rule says: a table, a data frame or a dict of columns, with `viral` for each row in its order.

    `score` and `reason` may be left out. What pandas gives in another order comes back in that of its index.
    """
    function = own_rule(name)
    try:
        given = function(items)
        answer: Any = given if isinstance(given, pa.Table) else pa.table(in_order(given, items.num_rows))
        rows = answer.num_rows
        left_out = {"score": pa.nulls(rows, pa.float64()), "reason": pa.array([f"as {name} says"] * rows, pa.string())}
        columns = {**left_out, **{column: answer[column] for column in answer.column_names}}
        given = {column: columns[column] for column in _VERDICT}
    except InstagramAssetsError:
        raise
    except (Exception, SystemExit) as error:  # it is other people's code
        raise ContractError(f"The rule {name} failed: {_told(error)}. {_WANTS}.") from error
    if rows != items.num_rows:
        raise ContractError(f"The rule {name} gave {rows} rows for {items.num_rows} items. {_WANTS}.")
    return pa.table({column: _cast(values, items, column, name) for column, values in given.items()})


def _cast(values: Any, items: pa.Table, column: str, rule: str) -> Any:
    """A column of verdicts with the type that it has to have. Raises ContractError, which names a row that has not."""
    try:
        return values.cast(_VERDICT[column])
    except pa.ArrowException as error:
        shown = f"{column} is {values.type}"
        for row, value in enumerate(values.to_pylist()):
            try:
                pa.array([value]).cast(_VERDICT[column])
            except pa.ArrowException:
                shown = f"{column} of row {row} ({items['id'][row].as_py()}) is {str(value)[:60]!r}"
                break
        raise ContractError(f"The rule {rule} failed: {shown}, not {_VERDICT[column]}. {_WANTS}.") from error


def _told(error: BaseException) -> str:
    """What other people's code raised, and in which line of theirs."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith("<frozen")]
    where = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}{where}"


def _numbers(items: pa.Table) -> Items:
    """The columns as rules compute with them."""
    moments = {name: items[name].cast(pa.int64()) for name in ("taken_at", "observed_at")}
    taken = np.asarray(compute.fill_null(moments["taken_at"], 0))
    ages = _floats(compute.subtract(moments["observed_at"], moments["taken_at"])) / _HOUR
    kinds, accounts, ids = (items[name].to_pylist() for name in ("kind", "account", "id"))
    return Items(kinds, accounts, ids, taken, ages, {name: _floats(items[name]) for name in _NUMBERS})


def _floats(column: Any) -> Floats:
    return np.asarray(column.cast(pa.float64()).to_numpy(), np.float64)


def _with(table: pa.Table, **columns: Any) -> pa.Table:
    """The table with these columns in the place of those of their names, or beside."""
    kept = {name: table[name] for name in table.column_names}
    return pa.table({**kept, **columns})
