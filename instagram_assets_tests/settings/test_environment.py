"""A secret is read from the environment at the call, and an error never has its value."""

import pytest

from instagram_assets.errors import SettingsError
from instagram_assets.settings.environment import read_secret

CANARY = "apify_api_canary"


def test_the_value_is_that_of_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TOKEN", CANARY)
    assert read_secret("MY_TOKEN", "a token", "") == CANARY


@pytest.mark.parametrize("value", [None, "", "  ", "\n"])
def test_one_that_is_missing_or_empty_is_named_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    monkeypatch.delenv("MY_TOKEN", raising=False)
    if value is not None:
        monkeypatch.setenv("MY_TOKEN", value)
    with pytest.raises(SettingsError, match=r"MY_TOKEN is (not set|empty): .* Apify's token .*\. Copy it\."):
        read_secret("MY_TOKEN", "Apify's token", "Copy it.")


@pytest.mark.parametrize("tail", ["\n", "\r\n", " second", "\t", "\u200b", "é", "\nX-Admin: yes"])
def test_one_that_cannot_be_a_token_is_refused_without_being_shown(monkeypatch: pytest.MonkeyPatch, tail: str) -> None:
    monkeypatch.setenv("MY_TOKEN", CANARY + tail)
    with pytest.raises(SettingsError, match="MY_TOKEN") as caught:
        read_secret("MY_TOKEN", "a token", "")
    assert CANARY not in str(caught.value)
