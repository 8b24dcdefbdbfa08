"""From tombstones alone: whoever stands in texts, or in Dagster's history and nowhere else, is matcher and goes."""

from datetime import date
from pathlib import Path
from urllib.parse import quote

import pytest

from instagram_assets.cli.forget import history_erasure_planner
from instagram_assets.forget.erasure import erase_tombstoned
from instagram_assets.forget.tombstone_matcher import TombstoneMatcher
from instagram_assets.privacy.forgotten_identifiers import Identifiers
from instagram_assets.privacy.tombstones import Tombstones, add_tombstones, load_tombstones
from instagram_assets.settings import Settings
from instagram_assets_tests.conftest import OpenHome
from instagram_assets_tests.storage import event_log_chain as chain
from instagram_assets_tests.storage import history_homes as homes
from instagram_assets_tests.storage.history_search import found_in_files, found_in_tables

NAME, TAG, POST, IMAGE = homes.texts_of(chain.ACCOUNTS[1])


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A data folder without any rows, whose privacy folder knows of an account, a hashtag, a post and an image."""
    chosen = Settings(data_dir=tmp_path / "data")
    known = Identifiers(
        accounts={NAME: "", TAG: ""},
        profile_ids=frozenset({"4400112233"}),
        post_ids=frozenset({"3700000000000000001"}),
        shortcodes=frozenset({POST}),
        images=frozenset({IMAGE}),
    )
    add_tombstones(chosen.folder("privacy"), known, date(2026, 11, 27))
    return chosen


@pytest.fixture
def tombstones(settings: Settings) -> Tombstones:
    return load_tombstones(settings.folder("privacy"))


@pytest.mark.parametrize(
    ("text", "kind", "word"),
    [
        (f"{NAME}|2025-01-01", "account", NAME),
        (f"see @{NAME.upper()}.", "account", NAME),
        (f"storage/first/{NAME}.json", "account", NAME),
        (f"{TAG}|2025-01-01", "account", TAG),
        (f"lake/raw_posts/{quote(TAG)}/2025-01.parquet", "account", TAG),
        (f"next={quote(quote(TAG))}", "account", TAG),
        (rf"\\u0023{TAG[1:].encode('unicode_escape').decode()}", "account", TAG),
        (f"https://www.instagram.com/p/{POST}/", "shortcode", POST),
        ('{"id": 3700000000000000001}', "post_id", "3700000000000000001"),
        ("3700000000000000001_4400112233.", "profile_id", "4400112233"),
        (f"media/9f/{IMAGE}.jpg", "image", IMAGE),
    ],
)
def test_a_word_is_recognised_as_it_stands_in_a_text(text: str, kind: str, word: str, tombstones: Tombstones) -> None:
    matcher = TombstoneMatcher(tombstones)
    matcher.scan(text)
    assert word in list(matcher.identifiers.of(kind))  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    "text", ["", f"{NAME}_2 of x{NAME}", f"{NAME}0", f"a{POST}", f"{IMAGE}0", "370000000000000000"]
)
def test_part_of_a_word_is_nobody(text: str, tombstones: Tombstones) -> None:
    matcher = TombstoneMatcher(tombstones)
    matcher.scan(text)
    assert not matcher.identifiers


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_who_stands_in_the_history_alone_leaves_it_and_the_others_stay(
    kind: str, settings: Settings, tmp_path: Path, open_home: OpenHome
) -> None:
    home = tmp_path / f"home {kind}"
    with open_home(kind, home) as instance:
        homes.lived(instance)
        others = {name: set(chain.states(instance, name)) for name in chain.NAMES}
        assert found_in_files(home, NAME) if kind == "sqlite" else found_in_tables(homes.tables(instance)[0], NAME)

        report = erase_tombstoned(settings, [history_erasure_planner(settings, home)])

        assert report.rewritten["history"] > 0
        left = found_in_files(home, NAME, TAG, POST, IMAGE)
        left += [place for url in homes.tables(instance) for place in found_in_tables(url, NAME, TAG, POST, IMAGE)]
        assert left == []
        assert instance.get_dynamic_partitions("accounts") == [each for each in chain.ACCOUNTS if each != NAME]
        assert others == {name: set(chain.states(instance, name)) for name in chain.NAMES}
        rows = homes.all_rows(instance)
        erase_tombstoned(settings, [history_erasure_planner(settings, home)])
        assert homes.all_rows(instance) == rows
