"""Everybody has one site that is asked: the official API, unless a person or the registry says otherwise."""

from datetime import date
from pathlib import Path

import pytest

from instagram_assets.collect.collect_targets import named_targets, registered_targets
from instagram_assets.errors import CollectionRefusedError, SettingsError
from instagram_assets.sources.account_registry import Registry, load_registry

WEEK = date(2026, 11, 25)
ENTRIES = """
accounts = [
    {name = "sun_diary"},
    {name = "sea_walks", source = "instagram"},
    {name = "moon", source = "graph_api"},
    {name = "star", source = "apify"},
    {name = "rain", source = "files"},
    {name = "gone", source = "instagram", to = 2026-01-01},
    {name = "#육아일기"},
]
"""


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    (tmp_path / "accounts.toml").write_text(ENTRIES, "utf-8")
    return load_registry(tmp_path / "accounts.toml")


def test_those_that_are_named_go_to_the_official_api_or_where_the_registry_says(registry: Registry) -> None:
    texts = ["@New", "sea_walks", "#육아일기", "https://www.instagram.com/sun_diary/", "new", "star"]
    assert named_targets(texts, registry).subjects == {
        "graph_api": ("new", "#육아일기", "sun_diary", "star"),
        "instagram": ("sea_walks",),
    }
    assert named_targets(["sea_walks", "moon"], registry, "instagram").subjects == {"instagram": ("sea_walks", "moon")}
    assert named_targets(["sea_walks"], registry, "graph_api").subjects == {"graph_api": ("sea_walks",)}
    assert named_targets(["sea_walks"], None).subjects == {"graph_api": ("sea_walks",)}


def test_every_name_that_is_none_is_told_at_once(registry: Registry) -> None:
    with pytest.raises(CollectionRefusedError) as caught:
        named_targets(["sun diary", "moon", "#a b"], registry)
    assert [line.partition(":")[0] for line in str(caught.value).splitlines()] == ["sun diary", "#a b"]


def test_the_site_has_no_hashtags(registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(CollectionRefusedError, match=r"^#육아일기: the site shows hashtags to nobody .*graph_api"):
        named_targets(["#육아일기"], registry, "instagram")
    (tmp_path / "accounts.toml").write_text('accounts = [{name = "#cats", source = "instagram"}]')
    with pytest.raises(SettingsError, match=r'entry 1 \(#cats\): the site shows .* source = "graph_api"'):
        load_registry(tmp_path / "accounts.toml")


def test_of_the_registry_those_are_collected_that_no_other_source_has(registry: Registry) -> None:
    targets = registered_targets(registry, WEEK)
    assert targets.subjects == {"graph_api": ("sun_diary", "moon", "#육아일기"), "instagram": ("sea_walks",)}
    assert targets.notes == (f"{registry.file}: 2 entries were left out, since others collect them (apify, files)",)
    assert registered_targets(registry, WEEK, "instagram").subjects == {"instagram": ("sea_walks",)}


def test_a_registry_that_names_nobody_for_us_says_so(tmp_path: Path) -> None:
    (tmp_path / "accounts.toml").write_text('accounts = [{name = "star", source = "apify"}]')
    with pytest.raises(CollectionRefusedError, match=r"1 entry was left out, since .*\n.*has nobody to collect this"):
        registered_targets(load_registry(tmp_path / "accounts.toml"), WEEK)
