"""Converts arguments of the notebook API: optional settings, overrides of single settings, tables of any library."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
from pydantic import BaseModel, ValidationError

from instagram_assets.errors import ContractError, SettingsError
from instagram_assets.settings import Settings

Section = TypeVar("Section", bound=BaseModel)
Table = Any
"""A pyarrow table, or what converts to one without a copy: a data frame of pandas 3 or polars, a DuckDB relation."""


def settings_or_defaults(settings: Settings | None) -> Settings:
    """Returns the given settings, or else all defaults, ignoring `.env` and the environment."""
    return Settings.model_construct() if settings is None else settings


def with_values(section: Section, **given: Any) -> Section:
    """A section of the settings with the values that are not None replaced. Raises SettingsError for invalid ones."""
    values = {name: value for name, value in given.items() if value is not None}
    try:
        return type(section).model_validate(section.model_dump(exclude_unset=True) | values)
    except ValidationError as error:
        problem = error.errors()[0]
        message = f"{problem['msg'][0].lower()}{problem['msg'][1:]}"
        raise SettingsError(f"{problem['loc'][0]}={problem['input']!r}: {message}.") from error


def is_table(value: object) -> bool:
    """Whether the value has named columns."""
    return hasattr(value, "__arrow_c_stream__") and (hasattr(value, "columns") or hasattr(value, "schema"))


def table_of(value: Table, columns: Sequence[str], remedy: str) -> pa.Table:
    """Converts the value to a pyarrow table with at least these columns. Raises ContractError with the remedy."""
    if not is_table(value):
        raise ContractError(f"{type(value).__name__} is no table. {remedy}.")
    table: pa.Table = value if isinstance(value, pa.Table) else pa.table(value)
    if missing := [name for name in columns if name not in table.column_names]:
        raise ContractError(f"the table has no column {', '.join(missing)}. {remedy}.")
    return table


def paths_of(value: str | Path | Iterable[str | Path]) -> list[Path]:
    """Returns one or several paths as a list, with `~` expanded."""
    some = [value] if isinstance(value, str | Path) else list(value)
    return [Path(one).expanduser() for one in some]
