"""What was forgotten is recognised when it comes again, by whoever has the key; the file alone tells nothing."""

import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import pytest

from instagram_assets.errors import StorageError
from instagram_assets.privacy.forgotten_identifiers import Identifiers
from instagram_assets.privacy.pseudonyms import pseudonym
from instagram_assets.privacy.secret_keys import find_key, key_id, load_key, rotate_key
from instagram_assets.privacy.tombstones import (
    TOMBSTONES_FILE,
    LatestTombstones,
    Tombstones,
    add_tombstones,
    load_tombstones,
    tombstone_key,
)

DAY = date(2026, 11, 27)


def jane(folder: Path) -> Identifiers:
    names = tombstone_key(folder)
    return Identifiers(
        accounts={"jane": names.pseudonym("jane")},
        profile_ids=frozenset({"17841400000000001"}),
        post_ids=frozenset({"3300000000000000001"}),
        shortcodes=frozenset({"C0deOfPost1"}),
        images=frozenset({"ab" * 32}),
        urls=frozenset({"cdn:1_2_3_n.jpg"}),
    )


def test_each_identifier_is_recognised_and_no_other(tmp_path: Path) -> None:
    assert add_tombstones(tmp_path, jane(tmp_path), DAY) == 6
    found = load_tombstones(tmp_path)
    assert found.has("account", "Jane")
    assert found.has("profile_id", "17841400000000001")
    assert found.has("shortcode", "C0deOfPost1")
    assert not found.has("post_id", "17841400000000001")
    assert not found.has("shortcode", "c0deofpost1")
    assert not found.has("account", "jane_doe")
    assert not found.has("account", None)


def test_a_text_by_tombstones_is_the_text_by_the_names_themselves(tmp_path: Path) -> None:
    identifiers = jane(tmp_path)
    add_tombstones(tmp_path, identifiers, DAY)
    text = "with @Jane, jane_doe and https://instagram.com/jane/"
    scrubbed = load_tombstones(tmp_path).scrub(text)
    assert scrubbed == identifiers.scrub(text)
    assert scrubbed == f"with @{identifiers.accounts['jane']}, jane_doe and https://instagram.com/{scrubbed[-27:]}"


def test_ids_are_taken_out_of_texts_while_they_are_known(tmp_path: Path) -> None:
    scrub = jane(tmp_path).scrub
    assert (
        scrub("see instagram.com/p/C0deOfPost1/ (3300000000000000001)") == "see instagram.com/p/forgotten/ (forgotten)"
    )
    assert scrub("33000000000000000012 and xC0deOfPost1") == "33000000000000000012 and xC0deOfPost1"


def test_the_file_holds_hashes_and_days_alone(tmp_path: Path) -> None:
    add_tombstones(tmp_path, jane(tmp_path), DAY)
    assert add_tombstones(tmp_path, jane(tmp_path), date(2026, 12, 1)) == 0
    written = (tmp_path / TOMBSTONES_FILE).read_text()
    assert len(written.splitlines()) == 6
    assert "jane" not in written
    assert "1784" not in written
    assert written.count("2026-11-27") == 6


def test_without_their_key_tombstones_are_an_error_and_not_ignored(tmp_path: Path) -> None:
    add_tombstones(tmp_path, jane(tmp_path), DAY)
    (tmp_path / "tombstones.key").unlink()
    with pytest.raises(StorageError, match=r"tombstones\.key"):
        load_tombstones(tmp_path)


@pytest.mark.parametrize("damage", ['{"hash": 1', "[]", '{"day": "x"}', "\x00"])
def test_a_damaged_line_is_named(tmp_path: Path, damage: str) -> None:
    add_tombstones(tmp_path, jane(tmp_path), DAY)
    with (tmp_path / TOMBSTONES_FILE).open("a") as stream:
        stream.write(f"{damage}\n")
    with pytest.raises(StorageError, match="line 7: damaged"):
        load_tombstones(tmp_path)


def test_a_folder_without_tombstones_refuses_nothing(tmp_path: Path) -> None:
    assert not load_tombstones(tmp_path)
    assert load_tombstones(tmp_path).scrub("@jane") == "@jane"
    assert not Tombstones().has("account", "jane")
    assert list(tmp_path.iterdir()) == []


def test_a_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "privacy"
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: load_key(folder, "pseudonyms"), range(32)))
    assert len(keys) == 1
    assert stat.S_IMODE((folder / "pseudonyms.key").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [file.name for file in folder.iterdir()] == ["pseudonyms.key"]


def test_tombstones_are_for_their_owner_alone_also_when_an_earlier_file_was_not(tmp_path: Path) -> None:
    folder = tmp_path / "privacy"
    add_tombstones(folder, jane(folder), DAY)
    file = folder / TOMBSTONES_FILE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    file.chmod(0o644)
    add_tombstones(folder, Identifiers(accounts={"mina": tombstone_key(folder).pseudonym("mina")}), DAY)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_new_key_gives_other_pseudonyms_and_leaves_tombstones(tmp_path: Path) -> None:
    add_tombstones(tmp_path, jane(tmp_path), DAY)
    before = load_key(tmp_path, "pseudonyms")
    rotate_key(tmp_path)
    after = load_key(tmp_path, "pseudonyms")
    assert pseudonym(before, "jane") != pseudonym(after, "jane")
    assert key_id(before) != key_id(after)
    assert stat.S_IMODE((tmp_path / "pseudonyms.key").stat().st_mode) == 0o600
    assert load_tombstones(tmp_path).has("account", "jane")


@pytest.mark.parametrize("content", ["", "zz" * 32, "ab" * 31])
def test_a_damaged_key_is_named_and_never_replaced(tmp_path: Path, content: str) -> None:
    (tmp_path / "pseudonyms.key").write_text(content)
    with pytest.raises(StorageError, match="copy that you kept"):
        load_key(tmp_path, "pseudonyms")
    assert find_key(tmp_path, "tombstones") is None
    assert (tmp_path / "pseudonyms.key").read_text() == content


def test_work_that_takes_days_knows_what_is_forgotten_meanwhile(tmp_path: Path) -> None:
    latest = LatestTombstones(tmp_path)
    assert not latest
    assert not latest.has("account", "jane")
    known = jane(tmp_path)
    add_tombstones(tmp_path, known, DAY)
    assert latest
    assert latest.has("account", "jane")
    assert latest.scrub("with @jane") == latest.named("with @jane") == known.scrub("with @jane")
    add_tombstones(tmp_path, Identifiers(accounts={"moon_cooks": "x_forgotten2"}), DAY)
    assert latest.has("account", "moon_cooks")


def test_tombstones_that_vanish_or_are_damaged_meanwhile_end_the_work(tmp_path: Path) -> None:
    add_tombstones(tmp_path, jane(tmp_path), DAY)
    latest, kept = LatestTombstones(tmp_path), (tmp_path / TOMBSTONES_FILE).read_bytes()
    (tmp_path / TOMBSTONES_FILE).write_bytes(b"no line of ours\n")
    with pytest.raises(StorageError, match="line 1: damaged"):
        latest.has("account", "jane")
    (tmp_path / TOMBSTONES_FILE).unlink()
    for _ in range(2):
        with pytest.raises(StorageError, match="was there and is gone"):
            latest.has("account", "somebody")
    (tmp_path / TOMBSTONES_FILE).write_bytes(kept)
    assert latest.has("account", "jane")
