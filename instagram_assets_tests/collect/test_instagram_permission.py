"""Nothing is collected from the site until somebody says what for and whom, and nobody else is asked about."""

from collections.abc import Collection
from pathlib import Path

import pytest

from instagram_assets.collect.instagram_permission import allowed_accounts, check_permission
from instagram_assets.errors import CollectionRefusedError, FileError, SettingsError
from instagram_assets.settings import CollectionSettings

PURPOSE = "A study of diaries; the writers agreed."


def nobody() -> Collection[str]:
    raise AssertionError("the registry was not asked for")


def options(allowed: str, purpose: str = PURPOSE) -> CollectionSettings:
    return CollectionSettings(purpose=purpose, allowed=allowed)


@pytest.mark.parametrize("purpose", ["", "  \t"])
def test_without_a_purpose_it_says_why_and_what_else_there_is(purpose: str) -> None:
    with pytest.raises(CollectionRefusedError) as caught:
        check_permission(["sun_diary"], options("sun_diary", purpose), nobody)
    words = str(caught.value)
    assert words.startswith("INSTAGRAM_ASSETS_COLLECTION__PURPOSE is empty")
    for logged in ("Meta's terms (3.2.3)", "privacy law", "official API", "ingest FILE", "docs/collect.md"):
        assert logged in words


def test_without_a_list_of_accounts_nobody_is_asked_about() -> None:
    with pytest.raises(CollectionRefusedError, match=r"^INSTAGRAM_ASSETS_COLLECTION__ALLOWED is empty"):
        check_permission(["sun_diary"], options(" "), nobody)


def test_who_is_allowed_passes_and_who_is_not_is_named() -> None:
    allowed = options("@Sun_Diary, https://www.instagram.com/sea_walks/ ,,moon")
    check_permission(["sun_diary", "sea_walks", "moon"], allowed, nobody)
    with pytest.raises(CollectionRefusedError, match=r"^star: is not among the accounts .* Add it there"):
        check_permission(["sun_diary", "star", "star"], allowed, nobody)
    with pytest.raises(CollectionRefusedError, match=r"^a, b: are not among"):
        check_permission(["a", "moon", "b"], allowed, nobody)
    with pytest.raises(CollectionRefusedError, match=r"u8, u9 and 3 more: are not"):
        check_permission([f"u{number}" for number in range(13)], allowed, nobody)


def test_the_allowed_may_stand_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "agreed.csv").write_text("username,signed\nsun_diary,2026-10-01\n@Moon,2026-10-02\n")
    (tmp_path / "agreed").write_text("star\n")
    monkeypatch.chdir(tmp_path)
    for text, names in [("agreed.csv", {"sun_diary", "moon"}), (f"{tmp_path}/agreed", {"star"}), ("agreed", {"star"})]:
        assert allowed_accounts(options(text), nobody) == names
    for text in ("missing.txt", "./missing"):
        with pytest.raises(FileError, match="cannot be read"):
            allowed_accounts(options(text), nobody)


def test_the_allowed_may_be_the_accounts_of_the_registry() -> None:
    assert allowed_accounts(options("Registry"), lambda: ["sun_diary", "#육아일기"]) == {"sun_diary"}


@pytest.mark.parametrize("text", ["sun diary, moon", "#육아일기", "moon, 김지은", "https://www.instagram.com/p/C1/"])
def test_what_is_no_account_is_no_permission(text: str) -> None:
    with pytest.raises(SettingsError, match="INSTAGRAM_ASSETS_COLLECTION__ALLOWED, "):
        allowed_accounts(options(text), nobody)
