"""The lake one account and month after another, so that memory holds one of them however large the lake is."""

import re
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import quote, unquote

import pyarrow as pa
from upath import UPath

from instagram_assets.errors import ContractError
from instagram_assets.schemas import CONTRACTS
from instagram_assets.storage.parquet_files import read_file

_ENCODED = re.compile(r"^[_.]|[^\w.-]")
_ACCOUNT, _MONTH, _ENDING = "account=", "month=", ".parquet"


def months(
    root: UPath, names: Sequence[str], columns: Mapping[str, Sequence[str]] | None = None
) -> Iterator[dict[str, pa.Table]]:
    """For each account (by name) and month (ascending): the rows of each named asset in that account and month.

    An asset without a file there has zero rows; of an asset in `columns` only these are read. Together the months hold
    every row of the assets once. Raises StorageError when a file is damaged.
    """
    wanted = columns or {}
    for account in sorted({account for name in names for account in _accounts(root, name)}):
        files = {name: _months_of(root, name, account) for name in names}
        for month in sorted({month for found in files.values() for month in found}):
            yield {name: _rows(files[name].get(month), name, wanted.get(name)) for name in names}


def month_file(root: UPath, name: str, account: str, month: str) -> UPath:
    """The file with the rows of one asset, account and month (such as 2026-03)."""
    return _folder(root, name, account) / f"{_MONTH}{month}{_ENDING}"


def folder_name(account: str) -> str:
    """An account's name as a folder's: percent-encoded, all but letters, digits and `_.-`.

    A leading `_` or `.` is encoded too, since readers of Parquet folders skip such names. There is never an `=`, from
    which they would make a column and guess its type: the account 007 would become 7.
    """
    return _ENCODED.sub(lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), account)


def name_of_folder(folder: str) -> str:
    """The account that `folder_name` gave this name."""
    return unquote(folder, errors="strict")


def _accounts(root: UPath, name: str) -> Iterator[str]:
    return (unquote(entry.removeprefix(_ACCOUNT)) for entry in _visible(root / "read" / name))


def _months_of(root: UPath, name: str, account: str) -> dict[str, UPath]:
    folder = _folder(root, name, account)
    return {entry.removeprefix(_MONTH).removesuffix(_ENDING): folder / entry for entry in _visible(folder)}


def _folder(root: UPath, name: str, account: str) -> UPath:
    return root / "read" / name / f"{_ACCOUNT}{quote(account, safe='')}"


def _visible(folder: UPath) -> list[str]:
    """The entries of a folder without those that are being written; none where there is no folder."""
    try:
        return [path.name for path in folder.iterdir() if not path.name.startswith(".")]
    except FileNotFoundError:
        return []


def _rows(path: UPath | None, name: str, columns: Sequence[str] | None) -> pa.Table:
    """The rows of one file of an asset, or none, with the types of its contract where there is one."""
    contract = CONTRACTS.get(name)
    if contract and columns is not None:
        contract = contract.only(columns)
    if path is not None:
        table = read_file(path, name, columns)
    elif contract:
        table = contract.empty()
    else:
        raise ContractError(f"{name}: nothing is stored and no contract says its columns")
    return contract.conform(table, str(path)) if contract and not table.schema.equals(contract.schema) else table
