"""In each format as it is really written one account after the other is forgotten: the rows of others stay."""

import json
from pathlib import Path
from typing import Any

import pytest

from instagram_assets.ingest.normalize import normalize_records
from instagram_assets.ingest.reader.json_values import BadRecord
from instagram_assets.ingest.reader.record_reader import read_batches
from instagram_assets.ingest.record_source import RecordSource
from instagram_assets.ingest.redact.file_redaction import scrub_file
from instagram_assets.ingest.redact.redactor import RecordRedactor, scrubbed_record
from instagram_assets.privacy.forgotten_identifiers import Identifiers
from instagram_assets_tests.ingest.records import LIMITS, source
from instagram_assets_tests.ingest.test_golden import EXPORTS, written

PSEUDONYM = "forgotten_0123456789abcdef"
Rows = list[dict[str, Any]]


def rows_of(path: Path, named: Path, forgotten: Identifiers | None = None) -> Rows:
    """The rows of a file that lies at `path` under the name of another; with `forgotten` as landing makes them."""
    origin = source(named.name, modified_at=written(named))
    records = [pair for batch in read_batches(path, LIMITS) for pair in batch]
    if forgotten:
        redactor = RecordRedactor(forgotten, origin)
        left = [scrubbed_record(record, redactor) for _, record in records]
        records = list(enumerate(record for record in left if record is not None))
    result = normalize_records([(n, record) for n, record in records if not isinstance(record, BadRecord)], origin)
    return [{"table": name, **row} for name, table in result.tables.items() for row in table.to_pylist()]


def named_in(rows: Rows) -> set[str]:
    """All accounts that have rows or are mentioned."""
    lists = ("mentions", "coauthors", "tagged")
    one = {row.get(column) for row in rows for column in ("account", "owner")}
    return {name for name in one if name} | {name for row in rows for key in lists for name in row.get(key) or ()}


def identifiers(account: str, rows: Rows) -> Identifiers:
    own = [row for row in rows if (row.get("owner") or row["account"]) == account]
    return Identifiers(
        accounts={account: PSEUDONYM},
        profile_ids=frozenset(
            number for row in own for number in (row.get("owner_id"), row.get("profile_id")) if number and number != "1"
        ),
        post_ids=frozenset(row["post_id"] for row in own if row.get("post_id")),
        shortcodes=frozenset(row["shortcode"] for row in own if row.get("shortcode")),
    )


def is_gone(row: dict[str, Any], known: Identifiers) -> bool:
    names = any(known.has("account", row.get(column)) for column in ("account", "owner"))
    ids = any(known.has("profile_id", row.get(column)) for column in ("owner_id", "profile_id"))
    return names or ids or known.has("post_id", row.get("post_id")) or known.has("shortcode", row.get("shortcode"))


def compared(rows: Rows) -> list[str]:
    """Rows as texts, without what depends on the places of others, and on what is kept of unknown fields of people."""
    dropped = {"source_index", "extra", "caption_sha256", "warnings"}
    return sorted(
        json.dumps({key: value for key, value in row.items() if key not in dropped}, default=str, sort_keys=True)
        for row in rows
    )


@pytest.mark.parametrize("path", EXPORTS, ids=lambda path: path.stem)
def test_the_rows_of_others_stay_as_they_were(path: Path, tmp_path: Path) -> None:
    before = rows_of(path, path)
    for number, account in enumerate(sorted(named_in(before))):
        known = identifiers(account, before)
        target = tmp_path / str(number)
        found = scrub_file(path, target, known, source=RecordSource("", "", written(path), source().zone))
        assert found.rows > 0, account
        wanted = [row for row in before if not is_gone(row, known)]
        if found.is_gone:
            assert wanted == []
            continue
        after = rows_of(target, path)
        assert [known.scrub(row) for row in compared(wanted)] == compared(after), account
        assert compared(rows_of(path, path, known)) == compared(after), account
        text = target.read_text("utf-8")
        assert known.scrub(text) == text, account
        assert scrub_file(target, tmp_path / "again", known).changed is False
