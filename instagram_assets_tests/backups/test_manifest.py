"""A manifest is read as it was written, or refused: whatever its bytes."""

import contextlib
import gzip
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as some

from instagram_assets.backups.manifest import (
    Manifest,
    ManifestEntry,
    Missing,
    backup_time,
    is_backup_id,
    native,
    pack,
    portable,
    unpack,
)
from instagram_assets.errors import StorageError

NAMES = some.text(min_size=1, max_size=9).filter(lambda name: name not in (".", "..") and not set(name) & {"/", "\0"})
PATHS = some.lists(NAMES.map(portable).filter(lambda name: not name.startswith("//")), min_size=1, max_size=4)
ENTRIES = some.builds(
    ManifestEntry,
    path=PATHS.map("/".join),
    size=some.integers(0, 1 << 62),
    modified_ns=some.integers(-(1 << 62), 1 << 62),
    sha256=some.from_regex(r"[0-9a-f]{64}", fullmatch=True),
    stamp=some.text(some.characters(codec="utf-8"), max_size=20),
)
MANIFESTS = some.builds(
    Manifest,
    taken_at=some.datetimes(datetime(2000, 1, 1), timezones=some.just(UTC)),
    program=some.just("1.0"),
    entries=some.lists(ENTRIES, max_size=5).map(tuple),
    missing=some.lists(some.builds(Missing, path=PATHS.map("/".join), reason=some.just("why")), max_size=2).map(tuple),
    tombstones=some.integers(0, 1 << 40),
    tombstone_key=some.just(""),
)


@given(manifest=MANIFESTS)
def test_what_was_written_is_read(manifest: Manifest) -> None:
    name, data = pack(manifest)
    assert is_backup_id(name)
    assert unpack(name, data, "here") == manifest
    assert backup_time(name) == manifest.taken_at


@given(manifest=MANIFESTS, data=some.data())
def test_a_damaged_one_is_read_as_it_was_or_refused(manifest: Manifest, data: some.DataObject) -> None:
    name, whole = pack(manifest)
    at = data.draw(some.integers(0, len(whole) - 1))
    broken = data.draw(
        some.sampled_from(
            [whole[:at], whole[at:] if at else b"", whole[:at] + bytes([whole[at] ^ (1 << at % 8)]) + whole[at + 1 :]]
        )
    )
    with contextlib.suppress(StorageError):  # a bit of gzip's own header changes nothing
        assert unpack(name, broken, "here") == manifest


@given(
    said=some.recursive(
        some.none() | some.booleans() | some.integers() | some.text(),
        lambda inner: (
            some.lists(inner)
            | some.dictionaries(
                some.sampled_from(["form", "taken_at", "program", "entries", "missing", "tombstones"]) | some.text(),
                inner,
            )
        ),
    )
)
def test_any_other_json_of_the_right_hash_is_refused(said: object) -> None:
    from hashlib import sha256

    with contextlib.suppress(UnicodeEncodeError):
        text = msgspec.json.encode(said)
        name = f"20261127T120000000000Z-{sha256(text).hexdigest()[:12]}"
        with pytest.raises(StorageError, match=r"damaged|has form"):
            unpack(name, gzip.compress(text), "here")


@given(raw=some.binary(min_size=1, max_size=20).filter(lambda raw: not set(raw) & {0, 47}))
def test_every_name_of_a_file_is_told_apart_and_given_back(raw: bytes) -> None:
    name = raw.decode("utf-8", "surrogateescape")
    told = portable(name)
    told.encode()
    assert native(told) == name


def test_a_later_form_is_refused_with_what_to_do() -> None:
    name, data = pack(Manifest(form=2, taken_at=datetime(2026, 11, 27, tzinfo=UTC), program="9", entries=()))
    with pytest.raises(StorageError, match="or a later one"):
        unpack(name, data, "here")


def test_the_accounts_are_those_of_the_raw_tables() -> None:
    paths = ["lake/raw_posts/%23tag/2026-10.parquet", "lake/raw_profiles/sun/part.parquet", "lake/posts/x/1.parquet"]
    entries = tuple(ManifestEntry(path, 1, 1, "0" * 64) for path in paths)
    assert Manifest(taken_at=datetime.now(UTC), program="1", entries=entries).accounts == {"#tag", "sun"}
